"""Run the ```console blocks of a page, in a copy of samples/, and compare or write what they print.

python docs/examples.py PAGE… writes the outputs into the pages; --check only compares. Lines that begin with
`$ ` are commands, run by bash one after the other; numbers, spaces and secrets of an output may differ.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
_MARK = "==next command=="
_SAID = "said-by-the-server"
_PORTS = re.compile(r"\b8443\b|\b8080\b")
_VENDOR = "https://rest.vendor.example"
_WAIT = "curl -sk --retry 60 --retry-connrefused --retry-delay 1 --retry-max-time 90 {url}/readyz >/dev/null"


def commands(page: str) -> list[tuple[str, str]]:
    """Return (command, output) of all blocks of a page, in order."""
    parts = [part for block in _BLOCK.findall(page) for part in re.split(r"^\$ ", block, flags=re.MULTILINE)]
    return [(head, tail) for head, _, tail in (part.partition("\n") for part in parts if part)]


def script(lines: list[str], port: int) -> str:
    """Return what bash runs. A command that ends in & is a server: it is waited for, and then what it said is
    printed. It serves this machine alone.
    """
    text = ["trap 'kill $(jobs -p) 2>/dev/null' EXIT"]
    for given in lines:
        line = _PORTS.sub(str(port), given.replace("0.0.0.0", "127.0.0.1"))  # noqa: S104 - never there
        text.append(f"echo '{_MARK}'")
        if not line.endswith("&"):
            text.append(line)
            continue
        own = "--local-https" in line
        scheme = "https" if own or "--tls-cert" in line else "http"
        text.append(f"{line[:-1]}{'--host 127.0.0.1 ' if own else ''}>{_SAID} 2>&1 &")
        text += [_WAIT.format(url=f"{scheme}://127.0.0.1:{port}"), f"cat {_SAID}"]
    return "\n".join(text)


@contextlib.contextmanager
def vendor(page: str) -> Iterator[tuple[str, str]]:
    """Yield URL and secret of what stands in for the vendor's service where a page names it."""
    if _VENDOR not in page:
        yield _VENDOR, ""
        return
    sys.path.insert(0, str(ROOT))
    from tests.fakes.arcloud import CREDENTIALS, FakeVendor

    service = FakeVendor(channels=("posters",))
    try:
        for picture in ("card.png", "peanuts.png", "starry_night.jpg"):
            name = picture.partition(".")[0]
            fields = CREDENTIALS | {
                "channel": "posters",
                "identifier": name,
                "metadata": f'{{"title": "{name}"}}',
            }
            with (ROOT / "samples" / "gallery" / picture).open("rb") as file:
                httpx.post(f"{service.url}/AddImage", data=fields, files={"image": file}).raise_for_status()
        yield service.url, CREDENTIALS["secretkey"]
    finally:
        service.stop()


def run(page: str, folder: Path) -> list[str]:
    """Run a page's commands in `folder` and return what each of them printed. Raises CalledProcessError."""
    shutil.copytree(ROOT / "samples", folder / "samples")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("ARCLI_")}
    settings |= {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "COLUMNS": "100",
        "TERM": "dumb",
    }
    settings |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    settings["XDG_DATA_HOME"] = str(folder / "data")
    with vendor(page) as (url, secret):
        text = script([command for command, _ in commands(page)], port).replace(_VENDOR, url)
        ran = subprocess.run(  # noqa: S603 - a page of ours
            ["bash", "-c", text],  # noqa: S607
            env=settings | {"VENDOR_KEY": secret},
            cwd=folder,
            text=True,
            stdout=-1,
            stderr=-2,
            check=False,
        )
    shown = str(8443 if "8443" in page else 8080)
    printed = ran.stdout.replace(str(port), shown).replace(url, _VENDOR).split(f"{_MARK}\n")[1:]
    return [re.sub(r" +$", "", output, flags=re.MULTILINE) for output in printed]


def shape(output: str) -> str:
    """Return an output without its numbers, secrets and spaces, which differ from run to run."""
    output = re.sub(r"(?<![\w-])[\w-]{43}(?![\w-])|\b[0-9a-f]{8}\b|\b[0-9a-f]{24}\b", "KEY", output)
    output = re.sub(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", "FINGERPRINT", output)
    output = re.sub(r"^metrics .*", "metrics", output, flags=re.MULTILINE)  # none where that port is taken
    output = re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "0", output)
    return re.sub(r"[ \t]+", " ", output).strip()


def differences(page: str, printed: list[str]) -> list[str]:
    """Return the commands whose output is not what the page says. An output of `…` may be anything."""
    wanted = commands(page)
    found = [
        f"$ {command}\n{output}"
        for (command, said), output in zip(wanted, printed, strict=False)
        if said.strip() != "…" and shape(said) != shape(output)
    ]
    return found + [f"$ {command}\nwas not reached" for command, _ in wanted[len(printed) :]]


def rewritten(page: str, printed: list[str]) -> str:
    """Return the page with the outputs that were printed."""
    outputs = iter(printed)

    def block(found: re.Match[str]) -> str:
        parts = []
        for command, said in commands(f"```console\n{found[1]}```\n"):
            output = next(outputs)
            output += "" if output.endswith("\n") or not output else "\n"
            parts.append(
                f"$ {command}\n{said if shape(said) == shape(output) or said.strip() == '…' else output}"
            )
        return "".join(parts)

    return _BLOCK.sub(block, page)


def main(names: list[str]) -> int:
    """Write or check; return the exit status."""
    wrong = 0
    for name in (name for name in names if name != "--check"):
        path = ROOT / name
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            printed = run(page, Path(folder))
        if "--check" not in names:
            path.write_text(rewritten(page, printed), encoding="utf-8")
        elif problems := differences(page, printed):
            print(f"{name}:\n" + "\n".join(problems), file=sys.stderr)
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
