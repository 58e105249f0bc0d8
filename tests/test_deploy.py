"""The files of `deploy/`, run as far as a machine without a service manager and a container engine can."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "deploy" / "arcli.service"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
SANDBOX = """
set -e
mount --make-rprivate /
mount --bind "$DATA" "$DATA"
mount --bind / /mnt
mount -o remount,bind,ro /mnt
mount --bind "$DATA" "/mnt$DATA"
mount -t proc proc /mnt/proc
mount -t tmpfs -o size=64m tmpfs /mnt/tmp 2>/dev/null || true
exec chroot /mnt setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs "$@"
"""


def unit_lines(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(encoding="utf-8"), re.M)


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def test_the_unit_is_valid(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace("/usr/local/bin/arcli", sys.executable)
    unit.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.M), encoding="utf-8")
    done = subprocess.run([need("systemd-analyze"), "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_leaves_little_open() -> None:
    words: list[str | Path] = [need("systemd-analyze"), "security", "--offline=yes", "--threshold=20", UNIT]
    done = subprocess.run(words, capture_output=True, text=True)
    if "offline" in done.stderr:
        pytest.skip("this systemd-analyze cannot judge a unit that is not installed")
    assert done.returncode == 0, done.stdout


def test_the_settings_are_settings() -> None:
    from arcli.server.options import ServeOptions

    text = (ROOT / "deploy" / "serve.toml").read_text(encoding="utf-8")
    active = tomllib.loads(text)
    everything = tomllib.loads(re.sub(r"^# (?=\w+ = )", "", text, flags=re.M))
    assert active.keys() < everything.keys() <= {field.name for field in fields(ServeOptions)}


@contextmanager
def confined(data: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command without capabilities, where nothing but `data` and an own /tmp can be written."""
    environ = {**os.environ, "DATA": str(data), "HOME": str(data), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [need("unshare"), "--mount", "--pid", "--kill-child", "sh", "-c", SANDBOX, "sandbox", *words]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()  # and with it, as the first of its namespace, all that it started
        process.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes mount namespaces")
def test_the_command_of_the_unit_runs_confined(tmp_path: Path) -> None:
    need("setpriv")
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    if str(tmp_path).startswith("/tmp/"):  # the sandbox has a /tmp of its own
        data = Path("/var/tmp") / f"arcli-confined-{os.getpid()}"
        data.mkdir(mode=0o700)
    settings = data / "serve.toml"
    text = (ROOT / "deploy" / "serve.toml").read_text(encoding="utf-8")
    settings.write_text(text.replace("port = 8080", "port = 0\nmetrics_port = 0"), encoding="utf-8")
    (command,) = unit_lines("ExecStart")
    words = shlex.split(command.replace("/etc/arcli/serve.toml", str(settings)))
    words = [str(data) if word == "/var/lib/arcli" else word for word in words[1:]]
    try:
        with confined(data, sys.executable, "-m", "arcli", *words, "--json") as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                pytest.skip("this machine lets nobody make such a sandbox")
            url = json.loads(line)["data"]["url"]
            with urllib.request.urlopen(f"{url}/readyz", timeout=30) as answer:
                assert answer.status == 200
        probe = "import sys; open(sys.argv[1], 'w')"
        for place, status in ((data / "written", 0), (ROOT / "written", 1), (Path("/etc/written"), 1)):
            with confined(data, sys.executable, "-c", probe, str(place)) as process:
                assert process.wait(60) == status, place
    finally:
        if data.parent == Path("/var/tmp"):
            shutil.rmtree(data)


def instructions() -> list[tuple[str, str]]:
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.strip().partition(" ") for line in lines)]


def test_the_container_is_no_root_and_has_no_compiler() -> None:
    found = instructions()
    stages = [number for number, (word, _) in enumerate(found) if word == "FROM"]
    final = found[stages[-1] :]
    assert ("USER", "10001:10001") in final
    assert final.index(("USER", "10001:10001")) < [word for word, _ in final].index("ENTRYPOINT")
    assert not any("g++" in rest for _, rest in final)
    assert all(":" in rest and ":latest" not in rest for word, rest in found if word == "FROM")


def test_the_wheel_of_the_container_is_built_from_what_it_copies(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for word, rest in instructions():
        if word != "COPY":
            continue
        *names, target = rest.split()
        for name in names:
            place = source / target / Path(name).name if target == "./" else source / target
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, place)
    words: list[str | Path] = [
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        tmp_path / "out",
        source,
    ]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    (wheel,) = (tmp_path / "out").iterdir()
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("man1/arcli.1") for name in names), "and all that it installs"


def test_compose_runs_the_image_without_rights_and_only_for_this_machine() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    (service,) = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))[
        "services"
    ].values()
    assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert [volume.partition(":")[2] for volume in service["volumes"]] == ["/data"]
    assert "privileged" not in service
