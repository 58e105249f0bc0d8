"""The tables of docs/reference/protocols.md say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arcli.errors import ArcliError
from arcli.protocols.arcloud import codes as arcloud
from arcli.protocols.tupu import codes as tupu

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "protocols.md").read_text(encoding="utf-8")
ARCLOUD_ROWS = re.findall(r"^\| (2\d{4})[^|]*\| `(\w+)`[^|]*\| (\d+)", PAGE, re.MULTILINE)
TUPU_TABLE = PAGE[PAGE.index("| Tupu's code |") :]
TUPU_ROWS = re.findall(r"^\| ([\d, ]+?) \| ([^|]*) \| (\d+) \|", TUPU_TABLE, re.MULTILINE)


@pytest.mark.parametrize(("code", "name", "status"), ARCLOUD_ROWS)
def test_a_returncode_is_what_the_page_says(code: str, name: str, status: str) -> None:
    error = arcloud.error_for(int(code))
    assert (error.code, error.exit_status) == (name, int(status))


@pytest.mark.parametrize(("numbers", "names", "status"), TUPU_ROWS)
def test_a_code_of_tupu_is_what_the_page_says(numbers: str, names: str, status: str) -> None:
    errors: list[ArcliError] = [tupu.error_for(int(number)) for number in numbers.split(",")]
    assert {error.code for error in errors} == set(re.findall(r"`(\w+)`", names))
    assert {error.exit_status for error in errors} == {int(status)}


def test_every_documented_code_is_on_the_page() -> None:
    documented = set().union(*arcloud.DOCUMENTED.values()) - {0} | {20015}
    assert {int(code) for code, _, _ in ARCLOUD_ROWS} >= documented
    named = {int(number) for numbers, _, _ in TUPU_ROWS for number in numbers.split(",")}
    assert named | {2, 101} == set(tupu.MESSAGES) - {0}
