"""Write what is derived from the program: the pages of commands and exit statuses, the manual, the picture of
the architecture, and the completion scripts.

Run it from the root of the repository after a change of a command or an error; with --check it writes
nothing, and fails if a file is not what it would write.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arcli import __version__
from arcli.app import build
from arcli.console.typer_classes import COMMON_NAMES
from arcli.errors import ArcliError
from arcli.settings import KEYS, Kind

sys.path.insert(0, str(Path(__file__).parent))
from house import house

ROOT = Path(__file__).parent.parent
DESCRIPTION = (
    "Put pictures into a channel: posters, covers, labels, cards, paintings. Photograph one with a phone:"
    " arcli tells which picture it is and where it is in the photo, or that it is none of them. The same"
    " commands work on the engine in the package and on ARCloud and Tupu services; arcli serve offers both."
)
STATUSES = {
    0: "done (`find`: at least one photo matched)",
    1: "`find`: nothing matched",
    2: "the command line, or something named in it, is invalid; also a missing `--yes`",
    3: "finished, but some of several items failed",
    4: "no such target, channel, profile or account",
    5: "not authorized: credentials, ownership, or permissions of files",
    6: "already exists, or conflicts with something that exists",
    7: "picture refused: unreadable, too large, too few features; or an invalid identifier",
    8: "busy or locked: it may work later",
    9: "stored data are damaged, or written by a newer arcli",
    10: "unreachable, or timed out",
    11: "a quota, a rate, the disk or the memory is used up",
    12: "the service answered nonsense, or its signature is bad",
    13: "not supported by this backend",
    70: "a bug in arcli",
    130: "interrupted, or a question declined",
}

VARIABLES = {
    "ARCLI_PROFILE": "the profile to use; without it, the one chosen by `arcli profile use`",
    "ARCLI_DATA_DIR": "the data folder of a local profile",
    "ARCLI_CHANNEL": "the channel; without it the profile's, else `default`",
    "ARCLI_URL": "address of the service; where no profile is chosen, it alone makes the profile `arcloud`",
    "ARCLI_USERNAME": "the account's name at the service",
    "ARCLI_SECRETKEY": "the secret: of an ARCloud account its key, of Tupu the private key (PEM)",
    "ARCLI_SECRET_ID": "Tupu's secretId",
    "ARCLI_FORMAT": "`table`, `json`, `jsonl`, `csv` or `ids`",
    "ARCLI_PROGRESS": "`jsonl`: progress on stderr as lines of JSON (`progress, done, total, per_second,"
    " seconds_left`), one a second and one at the end; unset: a bar if stderr is a terminal",
    "ARCLI_DEBUG": "any value: tracebacks and details, for a report of a bug",
    "NO_COLOR": "any value: no colours",
    "TERM": "`dumb`: no colours, no bar that is drawn again",
    "HTTP_PROXY": "the proxy for `http://`; in lower case, too, which takes precedence",
    "HTTPS_PROXY": "the proxy for `https://`",
    "ALL_PROXY": "the proxy for both",
    "NO_PROXY": "hosts, domains, addresses and networks to reach without one",
    "SSL_CERT_FILE": "a file of the certificate authorities to trust, instead of those that Python brings",
    "SSL_CERT_DIR": "a folder of them",
    "BROWSER": "the program that shows a page for `serve --open`; without it, the desktop's",
    "DISPLAY": "whether there is a desktop, to open a page on; so is `WAYLAND_DISPLAY`",
    "WAYLAND_DISPLAY": "see `DISPLAY`",
    "GLIBC_TUNABLES": "how the C library keeps memory, as are those that begin with `MALLOC_`; arcli leaves"
    " it alone where one is set",
    "OPENBLAS_NUM_THREADS": "threads of numpy's library; unset: 1, since arcli has processes of its own",
}


_SERVICES = "[Remote services](protocols.md#profiles-of-services)"
_PAGES = dict.fromkeys(Kind, _SERVICES) | {Kind.CLUSTER: "[A cluster](../how-to/cluster.md#in-a-minute)"}


def environment_page() -> str:
    """Return the reference of the variables."""
    kinds: dict[str, list[str]] = {}
    for kind, keys in KEYS.items():
        for key in keys:
            kinds.setdefault(f"ARCLI_{key.upper()}", []).append(kind.value)
    others = {
        name: f"the setting `{name[6:].lower()}` of {' and '.join(of)} profiles ({_PAGES[Kind(of[0])]})"
        for name, of in kinds.items()
        if name not in VARIABLES
    }
    rows = [f"| `{name}` | {words} |" for name, words in (VARIABLES | others).items()]
    return "\n".join(
        [
            "# Environment variables\n",
            "Written by `docs/generate.py`. An option on the command line takes precedence, then the"
            " variable, then the profile. A variable that is empty counts as unset.\n",
            "| variable | means |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def metrics_page() -> str:
    """Return the reference of what Prometheus can read."""
    from arcli.server.metrics import Metrics

    rows = []
    for metric in Metrics(by_channel=True).registry.collect():
        name = metric.name + ("_total" if metric.type == "counter" else "")
        rows.append(f"| `{name}` | {metric.type} | {METRIC_LABELS.get(name, '')} | {metric.documentation} |")
    return "\n".join(
        [
            "# Metrics\n",
            "Written by `docs/generate.py` from `arcli/server/metrics.py`. `arcli serve` gives them at"
            " `http://127.0.0.1:8081/metrics` (`--metrics-port`; one above `--port` by default), in"
            " Prometheus's format; with several workers, their sum.\n",
            "| metric | type | labels | means |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


METRIC_LABELS = {
    "arcli_requests_total": "`call`, `returncode`",
    "arcli_request_seconds": "`call`",
    "arcli_lookups_total": "`matched`: `yes` or `no`; with `metrics_by_channel` also `channel`",
}


def cli_page() -> str:
    """Return the reference of all commands."""
    root = build()
    parts = [
        "# Commands\n",
        "Written by `docs/generate.py` from the program itself. Their answers: [json.md](json.md);"
        " their exit statuses: [exit-codes.md](exit-codes.md).\n",
        "## Common options\n",
        "Every command takes these, before or after its name; one after it takes precedence.\n",
        options_table([p for p in root.params if p.name in COMMON_NAMES]),
        "Each setting comes from the command line, else from the [environment](environment.md), else from the"
        " profile, else from the default; `arcli profile show` says which.\n",
    ]
    parts += [command_section(name, command) for name, command in walk("", root)]
    return "\n".join(parts)


def walk(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, command) of each verb."""
    for name in group.commands:
        command = group.get_command(None, name)
        path = f"{prefix} {name}".strip()
        if hasattr(command, "commands"):
            yield from walk(path, command)
        else:
            yield path, command


def command_section(name: str, command: Any) -> str:
    """Return one command's heading, usage, description and tables."""
    own = [p for p in command.params if p.name not in COMMON_NAMES]
    arguments = [p for p in own if p.param_type_name == "argument"]
    options = [p for p in own if p.param_type_name == "option"]
    usage = " ".join(["arcli", name, *(["[OPTIONS]"] if options else []), *map(argument_usage, arguments)])
    words, example = command.help.rsplit("Example: ", 1)
    parts = [f"## arcli {name}\n", words.strip() + "\n", f"    {usage}\n", f"Example: `{example.strip()}`\n"]
    if arguments or options:
        parts.append(options_table([*arguments, *options]))
    return "\n".join(parts)


def argument_usage(param: Any) -> str:
    return param.metavar if param.required else f"[{param.metavar}]"


def options_table(params: list[Any]) -> str:
    rows = [f"| {in_a_table(option_names(p))} | {meaning(p)} |" for p in params]
    return "\n".join(["| | |", "| --- | --- |", *rows, ""])


def option_names(param: Any) -> str:
    if param.param_type_name == "argument":
        return f"`{param.metavar}`"
    names = ", ".join(f"`{name}`" for name in sorted(param.opts, key=lambda name: name.startswith("--")))
    if param.secondary_opts:
        names += ", " + ", ".join(f"`{name}`" for name in param.secondary_opts)
    metavar = param.metavar or "|".join(getattr(param.type, "choices", ()))
    return names + (f" `{metavar}`" if metavar else "")


def in_a_table(names: str) -> str:
    """Return option names with bars that neither a forge nor the site takes for the table's."""
    return re.sub(r"`([^`]*\|[^`]*)`", lambda found: f"<code>{found[1].replace('|', '&#124;')}</code>", names)


def meaning(param: Any) -> str:
    default = getattr(param.default, "value", param.default)
    shown = default not in (None, False, [], ()) and not callable(default)
    return param.help + (f" Default: {default}." if shown and "efault" not in param.help else "")


def errors(kind: type[ArcliError] = ArcliError) -> Iterator[type[ArcliError]]:
    """Yield an error class and all its subclasses in `arcli.errors`: others have no code of their own."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == ArcliError.__module__:
            yield from errors(child)


def exit_codes_page() -> str:
    """Return the statuses and the codes."""
    statuses = [f"| {status} | {words} |" for status, words in STATUSES.items()]
    codes = [
        f"| `{kind.code}` | {kind.exit_status} | {kind.default_hint or ''} |"
        for kind in sorted(errors(), key=lambda kind: (kind.exit_status, kind.code))
    ]
    return "\n".join(
        [
            "# How commands end\n",
            "Written by `docs/generate.py` from `arcli/errors.py`.\n",
            "## Exit status\n",
            "If one named item fails, its own status is returned; if any of several fails, 3. When the"
            " reader of a pipe leaves, commands that only read end quietly with 0, and those that change"
            " something finish their work first.\n",
            "| status | meaning |",
            "| --- | --- |",
            *statuses,
            "\n## Error codes\n",
            "`errors[].code` in [JSON](json.md). They do not change; new ones may be added.\n",
            "| code | status | hint, unless there is a more specific one |",
            "| --- | --- | --- |",
            *codes,
            "",
        ]
    )


_ZSH_REGISTERS = "\ncompdef _arcli_completion arcli\n"
_ZSH_COMPLETES = """
if [ "$funcstack[1]" = _arcli ]; then
  _arcli_completion "$@"
else
  compdef _arcli_completion arcli
fi
"""


def completion(shell: str) -> str:
    """Return the completion script as Typer writes it for `arcli`; zsh wants #compdef in the first line.

    zsh loads the file as a function, which has to complete at once: Typer's only registers another.
    """
    environ = {**os.environ, "_ARCLI_COMPLETE": f"source_{shell}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "arcli"]
    done = subprocess.run(  # noqa: S603 - ourselves
        command, env=environ, capture_output=True, text=True, check=True
    )
    script = done.stdout.strip() + "\n"
    return script.replace(_ZSH_REGISTERS, _ZSH_COMPLETES) if shell == "zsh" else script


def roff(text: str) -> str:
    """Return text in the form of a manual page, in ASCII."""
    text = text.replace("\\", "\\e").replace("…", "...")
    text = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in text)
    return re.sub(r"^([.'])", r"\\\&\1", text.replace("-", "\\-"), flags=re.MULTILINE)


def roff_options(params: list[Any]) -> Iterator[str]:
    for param in params:
        names = option_names(param).replace("`", "")
        yield f".TP\n.B {roff(names)}\n{roff(meaning(param))}"


def manual() -> str:
    """Return the manual page, arcli(1)."""
    root = build()
    parts = [
        f'.TH ARCLI 1 "" "arcli {__version__}" "User Commands"',
        ".SH NAME\narcli \\- image\\-recognition galleries on the command line",
        ".SH SYNOPSIS\n.B arcli\n[OPTIONS] COMMAND [ARGS]...",
        ".SH DESCRIPTION\n" + roff(DESCRIPTION),
        ".SH COMMON OPTIONS\nEvery command takes these, before or after its name.",
        *roff_options([param for param in root.params if param.name in COMMON_NAMES]),
        ".SH COMMANDS",
    ]
    for name, command in walk("", root):
        own = [param for param in command.params if param.name not in COMMON_NAMES]
        words, example = command.help.rsplit("Example: ", 1)
        arguments = [argument_usage(p) for p in own if p.param_type_name == "argument"]
        parts.append(f".SS {roff(' '.join(['arcli', name, *arguments]))}")
        parts.append(roff(" ".join(words.split())))
        parts += roff_options(own)
        parts.append(f".PP\nExample:\n.PP\n.RS\n.nf\n{roff(example.strip())}\n.fi\n.RE")
    parts.append(".SH EXIT STATUS")
    parts += [f".TP\n.B {status}\n{roff(words.replace('`', ''))}" for status, words in STATUSES.items()]
    return "\n".join(parts) + "\n"


def files() -> dict[str, str]:
    """Return each derived file's content."""
    pages = {
        "docs/reference/cli.md": cli_page(),
        "docs/reference/exit-codes.md": exit_codes_page(),
        "docs/arcli.1": manual(),
    }
    pages |= {
        "docs/reference/environment.md": environment_page(),
        "docs/reference/metrics.md": metrics_page(),
    }
    pages |= {"docs/explanation/house.svg": house()}
    return pages | {f"completions/arcli.{shell}": completion(shell) for shell in ("bash", "zsh", "fish")}


def main() -> int:
    """Write or check; return the exit status."""
    stale = 0
    for name, text in files().items():
        path = ROOT / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if "--check" in sys.argv:
            print(f"{name} is not up to date: run python docs/generate.py", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
    return min(stale, 1) if "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
