"""Names that the shell completes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.fakes.gallery import FakeGallery


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("arcli get b", ["beta_1", "beta_2"]),
        ("arcli rm alpha bet", ["beta_1", "beta_2"]),
        ("arcli get -c nowhere b", []),
        ("arcli channel show d", ["default"]),
        ("arcli ls --channel d", ["default"]),
        ("arcli ls --profile l", ["local"]),
        ("arcli find --effort f", ["fast"]),
        ("arcli d", ["doctor"]),
    ],
)
def test_completion(
    run: Run, filled: FakeGallery, monkeypatch: pytest.MonkeyPatch, line: str, expected: list[str]
) -> None:
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    monkeypatch.setenv("_ARCLI_COMPLETE", "complete_bash")
    ran = run()
    assert (ran.out.split(), ran.err) == (expected, "")


def test_completion_sends_nothing_to_a_service(
    run: Run, filled: FakeGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCLI_URL", "https://ar.example")
    monkeypatch.setenv("COMP_WORDS", "arcli get b")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("_ARCLI_COMPLETE", "complete_bash")
    assert run().out.split() == []


def test_doctor_tells_of_a_secret_that_others_can_read(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("s3cret")
    key.chmod(0o644)
    remote = ("--kind", "arcloud", "--url", "https://ar.example", "--username", "me", "--use")
    run("profile", "add", "vendor", *remote, "--secretkey-file", key)
    assert f"hint: run: chmod 600 {key}" in run("doctor", "--repair").err
    key.chmod(0o600)
    assert run("doctor", "--repair").status == 0
