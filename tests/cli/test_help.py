"""What people type first: help, version, and the words of other programs."""

from __future__ import annotations

import pytest

from arcli import __version__
from tests.cli.conftest import Run


@pytest.mark.parametrize("words", ["find", "channel create", ""])
def test_help_is_a_word_too(run: Run, words: str) -> None:
    assert run("help", *words.split()).out == run(*words.split(), "--help").out


def test_version_is_a_word_too(run: Run) -> None:
    assert run("version").out == run("--version").out == f"arcli {__version__}\n"


def test_version_says_what_is_installed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["numpy>=1.26", "nowhere; extra == 'x'"])
    for words in (["version", "--verbose"], ["--version", "-v"], ["--verbose", "--version"]):
        out = run(*words).out
        assert "\nPython 3." in out
        assert "\nnumpy 2" in out or "\nnumpy 1" in out
        assert "\nnowhere not installed\n" in out


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("search photo.jpg", "arcli find"),
        ("delete alpha", "arcli rm"),
        ("list", "arcli ls"),
        ("repair", "arcli doctor --repair"),
        ("channel list", "arcli channel ls"),
        ("account delete shop", "arcli account rm"),
    ],
)
def test_the_word_of_another_program_names_ours(run: Run, words: str, meant: str) -> None:
    ran = run(*words.split())
    assert ran.status == 2
    assert f"hint: did you mean: {meant}\n" in ran.err


def test_what_is_suggested_is_there(run: Run) -> None:
    from arcli.commands import Program

    for meant in set(Program.words.values()):
        assert run(*meant.split(), "--help").status == 0, meant
    assert not set(Program.words) & set(Program.verbs)


@pytest.mark.parametrize(
    ("command", "explained"),
    [
        ("add", "how well a picture can be found, from 1 (hardly ever) to 5"),
        ("add", "The target's own threshold: the lowest score, from 0 to 1"),
        ("check", "how well a picture can be found, from 1"),
        ("ls", "how well they can be found, from 1 (hardly ever)"),
        (
            "find",
            "The score, 0 to 1, says how certain it is that a photo shows a target; inliers are details",
        ),
        ("find", "Lowest score that counts as found, instead of the channel's"),
        ("eval", "Lowest score that counts as found"),
        ("update", "The target's own threshold"),
        ("channel create", "What a match in the channel means to a Tupu client"),
        ("channel create", "Lowest score that counts as found, 0 to 1"),
        ("channel show", "The preset decides how much is kept of the features of targets"),
        ("channel show", "the delta is the targets that are not yet in a segment"),
        ("profile add", "What it talks to"),
    ],
)
def test_help_explains_its_own_terms(run: Run, command: str, explained: str) -> None:
    """Level, ratio, kind, preset, delta and threshold, where a user meets them first."""
    assert explained in " ".join(run(*command.split(), "--help").out.split())


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("serch", "arcli find"),
        ("delte", "arcli rm"),
        ("fnd", "arcli find"),
        ("channel lst", "arcli channel ls"),
        ("hlep find", "arcli help"),
        ("versoin", "arcli version"),
    ],
)
def test_a_slip_of_the_finger_names_what_was_meant(run: Run, words: str, meant: str) -> None:
    assert run(*words.split()).err.splitlines()[1] == f"hint: did you mean: {meant}"


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        ("ls --limt 3", "no such option: --limt", "did you mean: --limit"),
        ("find x --tresh 1", "no such option: --tresh", "did you mean: --threshold"),
        ("ls --limit x", "--limit: 'x' is not a whole number", "run: arcli ls --help"),
        ("ls --level 9", "--level: 9 is out of range (1-5)", "run: arcli ls --help"),
        ("channel estimate --targets 0", "--targets: 0 is out of range (at least 1)", None),
        ("find x --threshold y", "--threshold: 'y' is not a number", "run: arcli find --help"),
        ("-f xml ls", "--format: 'xml' is not one of 'table', 'json', 'jsonl', 'csv', 'excel', 'ids'", None),
        ("ls extra more", "unexpected argument: extra more", "run: arcli ls --help"),
        ("find --effort", "--effort needs a value", None),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_one_hint(
    run: Run, words: str, sentence: str, hint: str | None
) -> None:
    ran = run(*words.split())
    first, second = ran.err.splitlines()
    assert (ran.status, first) == (2, f"error: {sentence}")
    assert second.startswith("hint: ")
    assert hint is None or second == f"hint: {hint}"


def test_help_has_verbs_first_whole_and_words_for_ranges(run: Run) -> None:
    from tests.cli.tree import walk

    for path, _ in walk():
        out = run(*path.split(), "--help").out
        assert "<=" not in out, path
        assert not any("{" in line for line in out.splitlines()[:1]), path
        assert "..." not in out.replace("[ARGS]...", ""), "nothing is cut"
        assert all(len(line) <= 100 for line in out.splitlines()), path
    out = run("channel", "--help").out
    assert out.index("Commands:") < out.index("Options:")
