"""Errors are data: records and back, copies that change nothing, one class per code."""

from __future__ import annotations

import json
import pickle

import pytest

from arcli.errors import ArcliError, RemoteError, TargetNotFound, UsageError, error_class, naming


def every(kind: type[ArcliError] = ArcliError) -> list[type[ArcliError]]:
    children = [child for child in kind.__subclasses__() if child.__module__ == ArcliError.__module__]
    return [kind, *(deeper for child in children for deeper in every(child))]


def make(kind: type[ArcliError]) -> ArcliError:
    if kind is RemoteError:
        return RemoteError("what", returncode=7, hint="do that")
    return kind("what", hint="do that", item="x")


@pytest.mark.parametrize("kind", every(), ids=lambda kind: kind.code)
def test_a_record_gives_the_error_back(kind: type[ArcliError]) -> None:
    record = json.loads(json.dumps(make(kind).as_record()))
    assert list(record) == ["code", "message", "hint", "item"]
    back = ArcliError.from_record(record)
    assert type(back) is kind is error_class(kind.code)
    assert back.as_record() == record


@pytest.mark.parametrize("kind", every(), ids=lambda kind: kind.code)
def test_a_copy_says_something_else_and_leaves_the_error_as_it_is(kind: type[ArcliError]) -> None:
    error = make(kind)
    before, cause = error.as_record(), ValueError("why")
    error.__cause__ = cause
    copy = error.about("y").reworded("else").hinting(None)
    assert copy.as_record() == {"code": kind.code, "message": "else", "hint": None, "item": "y"}
    assert str(copy) == "else"
    assert copy.__cause__ is cause
    assert error.as_record() == before
    assert getattr(copy, "returncode", None) == getattr(error, "returncode", None)
    assert pickle.loads(pickle.dumps(copy)).as_record() == copy.as_record()


def test_a_record_of_a_newer_arcli_is_an_error_all_the_same() -> None:
    assert type(ArcliError.from_record({"code": "nobody_knows", "message": "x"})) is ArcliError


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"code": "usage"},
        {"message": "x"},
        {"code": "usage", "message": 1},
        {"code": "usage", "message": "x", "hint": []},
        {"code": [], "message": None},
    ],
)
def test_what_is_no_record_is_refused(record: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError)):
        ArcliError.from_record(record)


def test_naming_says_which_item_failed() -> None:
    with pytest.raises(TargetNotFound) as caught, naming("here.jpg"):
        raise TargetNotFound("gone", item="other") from UsageError("deeper")
    assert caught.value.item == "here.jpg"
    assert isinstance(caught.value.__cause__, UsageError)
    assert "test_errors" in str(caught.tb.tb_frame.f_code.co_filename)
