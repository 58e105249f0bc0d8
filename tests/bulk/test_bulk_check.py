"""`arcli check` as users type it: levels, advice, duplicates and look-alikes; nothing is written."""

import json
from pathlib import Path

import cv2

from tests.bulk.conftest import Arcli, contents, poor
from tests.engine.conftest import encoded, poster_pixels


def test_check_sees_duplicates_in_the_batch_and_the_channel_by_recognition(
    arcli: Arcli, posters: Path
) -> None:
    arcli("add", posters / "p0_.png", "--id", "known")
    for number in (0, 1):
        copy = cv2.resize(poster_pixels(number), None, fx=0.8, fy=0.8)
        (posters / f"q{number}.jpg").write_bytes(encoded(copy, ".jpg"))
    ran = arcli("check", posters, "--json")
    assert ran.status == 0
    found = {
        Path(item["image"]).name: [d["identifier"] or Path(d["image"]).name for d in item["duplicates"]]
        for item in ran.data["items"]
    }
    assert found == {
        "p0_.png": ["known"],
        "p1_.png": [],
        "p2_.png": [],
        "p3_.png": [],
        "q0.jpg": ["known", "p0_.png"],
        "q1.jpg": ["p1_.png"],
    }
    gated = arcli("check", posters, "--no-duplicates", "--json")
    assert gated.status == 3
    assert [Path(e["item"]).name for e in json.loads(gated.out)["errors"]] == ["p0_.png", "q0.jpg", "q1.jpg"]


def test_a_design_that_shares_a_part_is_a_look_alike_and_passes_the_gate(arcli: Arcli, posters: Path) -> None:
    half = poster_pixels(1).copy()
    half[:160] = poster_pixels(20)[:160]
    Path("half.png").write_bytes(encoded(half))
    arcli("add", posters)
    ran = arcli("check", "half.png", "--no-duplicates", "--json")
    assert ran.status == 0
    assert [(d["kind"], d["identifier"]) for d in ran.data["items"][0]["duplicates"]] == [
        ("look-alike", "p1_")
    ]
    within = arcli("check", posters / "p1_.png", "half.png", "-c", "elsewhere", "--json").data["items"]
    (found,) = within[1]["duplicates"]
    assert (found["kind"], Path(found["image"]).name) == ("look-alike", "p1_.png")


def test_check_gives_level_reasons_and_advice_and_fails_what_is_below(arcli: Arcli, posters: Path) -> None:
    Path("poor.png").write_bytes(poor())
    ran = arcli("check", posters / "p0_.png", "poor.png", "--min-level", "3", "--json")
    good, bad = ran.data["items"]
    assert (ran.status, good["level"] >= 3, bad["level"] < 3) == (3, True, True)
    assert all(hint["message"] and hint["advice"] for hint in bad["hints"])
    (error,) = json.loads(ran.out)["errors"]
    assert (error["code"], error["item"]) == ("level_too_low", "poor.png")
    assert bad["hints"][0]["message"] in error["message"]
    people = arcli("check", "poor.png").out
    assert bad["hints"][0]["advice"] in " ".join(people.split())


def test_check_writes_nothing(arcli: Arcli, posters: Path) -> None:
    assert arcli("check", posters).status == 0
    assert not Path("data").exists()
    arcli("add", posters / "p0_.png")
    before = contents(Path("data"))
    assert arcli("check", posters).status == 0
    assert contents(Path("data")) == before


def test_check_tells_the_vendor_s_rules_unless_told_not_to(arcli: Arcli, posters: Path) -> None:
    wide = cv2.cvtColor(poster_pixels(3), cv2.COLOR_BGR2GRAY)[:100]
    Path("wide.bmp").write_bytes(encoded(wide, ".bmp"))
    codes = [hint["code"] for hint in arcli("check", "wide.bmp", "--json").data["items"][0]["hints"]]
    assert {"arcloud_format", "arcloud_size", "arcloud_shape"} <= set(codes)
    own = arcli("check", "wide.bmp", "--rules", "none", "--json").data["items"][0]["hints"]
    assert not [hint for hint in own if hint["code"].startswith("arcloud")]
