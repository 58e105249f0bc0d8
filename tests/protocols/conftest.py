"""RSA keys made by the openssl command line, once a run."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class OpenSsl:
    """An openssl of the machine, and two keys it made: the customer's and the service's."""

    folder: Path

    def run(self, *arguments: str, data: bytes = b"") -> bytes:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, input=data, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture(scope="session")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> OpenSsl:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command line is not installed")
    tool = OpenSsl(tmp_path_factory.mktemp("keys"))
    for name in ("customer", "service"):
        tool.run("genrsa", "-traditional", "-out", f"{name}.pkcs1.pem", "2048")
        tool.run("pkcs8", "-topk8", "-nocrypt", "-in", f"{name}.pkcs1.pem", "-out", f"{name}.pkcs8.pem")
        tool.run("rsa", "-in", f"{name}.pkcs1.pem", "-pubout", "-out", f"{name}.pub.pem")
    return tool
