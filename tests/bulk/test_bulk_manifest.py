"""Manifests as people's spreadsheets write them; a bad row costs only itself and is named by its line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcli.bulk.manifest import Row, open_manifest
from arcli.errors import Conflict, EmptyInput, InvalidManifest, UsageError

ROWS = 'image;identifier;metadata;matchratio\nCafé.jpg;cafe;"{""name"":\n ""Café""}";0.5\nb.png;;;\n'


def rows(path: Path, data: bytes, encoding: str | None = None) -> list[Row]:
    path.write_bytes(data)
    return list(open_manifest(path, encoding).rows())


def csv_rows(tmp_path: Path, text: str) -> list[Row]:
    return rows(tmp_path / "m.csv", text.encode())


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_delimiters_and_line_ends(tmp_path: Path, encoding: str, delimiter: str, end: str) -> None:
    text = ROWS.replace(";", delimiter).replace("\n", end)
    first, second = rows(tmp_path / "m.csv", text.encode(encoding))
    assert (first.line, second.line) == (2, 4), "a cell of two lines counts as two"
    assert (first.image, first.identifier, first.matchratio) == ("Café.jpg", "cafe", 0.5)
    assert json.loads(first.metadata or "") == {"name": "Café"}
    assert (second.image, second.identifier, second.metadata, second.error) == ("b.png", None, None, None)


def test_chinese_and_western_text_are_told_apart_and_the_guess_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    chinese = "image,identifier,备注\n海报/春天.jpg,spring,第一批\n秋天.jpg,autumn,第二批\n"
    assert rows(path, chinese.encode("gb18030"))[0].image == "海报/春天.jpg"
    assert any("gb18030" in note for note in open_manifest(path).notes)
    western = "image,identifier\nGrüße aus Österreich.jpg,g_1\nbaño.jpg,b_1\ngrößte.jpg,g_2\n"
    assert [row.image for row in rows(path, western.encode("cp1252"))] == [
        "Grüße aus Österreich.jpg",
        "baño.jpg",
        "größte.jpg",
    ]
    assert any("cp1252" in note for note in open_manifest(path).notes)
    assert rows(path, "image\nポスター.jpg\n".encode("shift_jis"), "shift_jis")[0].image == "ポスター.jpg"


def test_headers_in_any_case_with_aliases_and_more_columns(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    (row,) = rows(path, b"Price,FILE NAME,Id,Match-Ratio,Meta Data\n5,a.jpg,abc,0.50,[1]\n")
    assert (row.image, row.identifier, row.matchratio, row.metadata) == ("a.jpg", "abc", "0.50", "[1]")
    assert any("Price" in note for note in open_manifest(path).notes)


def test_a_decimal_comma_is_understood(tmp_path: Path) -> None:
    assert csv_rows(tmp_path, "image;matchratio\na.jpg;0,5\n")[0].matchratio == 0.5


def test_the_line_by_which_excel_names_the_delimiter_is_no_header(tmp_path: Path) -> None:
    (row,) = csv_rows(tmp_path, "sep=;\nimage;identifier\na.jpg;abc\n")
    assert (row.line, row.image, row.identifier) == (3, "a.jpg", "abc")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a.jpg,a b,,", "identifier"),
        ("a.jpg,ab,,", "identifier"),
        (",abc,,", "no image"),
        ("a.jpg,abc,{oops},", "JSON"),
        ("a.jpg,abc,,high", "matchratio"),
        ("a.jpg,abc,,nan", "matchratio"),
        ('a.jpg,abc,{"a":1,"b":2},0.5', "quotes"),
        ("a.jpg,abc,[1,2],0.5", "5 cells"),
        ('"a.jpg"x,abc,,', "quotes"),
        ('"a.jpg,abc,,', "never closed"),
        ("a\0.jpg,abc,,", "zero character"),
        ("a.jpg,abc," + json.dumps("x" * 70_000) + ",", "metadata"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_costs_no_other(tmp_path: Path, line: str, why: str) -> None:
    text = f"image,identifier,metadata,matchratio\n\nfirst.jpg,first,,\n{line}\nlast.jpg,last_1,,\n"
    first, bad, last = csv_rows(tmp_path, text)
    assert (first.identifier, first.error, last.identifier, last.error) == ("first", None, "last_1", None)
    assert (bad.line, last.line) == (4, 5)
    assert why in str(bad.error)


def test_a_quote_that_is_never_closed_does_not_swallow_a_long_file(tmp_path: Path) -> None:
    many = "".join(f"{n}.jpg,id_{n}\n" for n in range(30_000))
    found = csv_rows(tmp_path, f'image,identifier\n"broken.jpg,x_1\n{many}')
    assert [row.line for row in found if row.error] == [2]
    assert len(found) == 30_001
    assert found[-1].line == 30_002


def json_lines(tmp_path: Path, *lines: str) -> list[Row]:
    return rows(tmp_path / "m.jsonl", "\n".join(lines).encode())


def test_json_lines(tmp_path: Path) -> None:
    found = json_lines(
        tmp_path,
        '{"image": "a.jpg", "identifier": 1001, "metadata": {"n": ["é", 1.0]}, "matchratio": 0.25}',
        "",
        '{"image": "b.jpg", "metadata": " {\\"a\\":  1}", "matchratio": "0.50", "active": false, "note": 3}',
    )
    assert found == [
        Row(line=1, image="a.jpg", identifier="1001", metadata='{"n":["é",1.0]}', matchratio=0.25),
        Row(line=3, image="b.jpg", metadata=' {"a":  1}', matchratio="0.50", active=False),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "3",
        '{"identifier": "abc"}',
        '{"image": 3}',
        '{"image": "a", "metadata": 5}',
        '{"image": "a", "metadata": "{"}',
        '{"image": "a", "matchratio": NaN}',
        '{"image": "a", "matchratio": true}',
        '{"image": "a", "active": "maybe"}',
        '{"image": "a", "identifier": [1]}',
        "[" * 100_000,
    ],
)
def test_a_bad_line_of_json_is_one_bad_row(tmp_path: Path, line: str) -> None:
    first, bad, last = json_lines(tmp_path, '{"image": "a"}', line, '{"image": "b"}')
    assert (first.error, bad.line, last.error) == (None, 2, None)
    assert bad.error is not None


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("m.csv", b"name,price\na,1\n", "name, price"),
        ("m.csv", b"image,picture\na,b\n", "both mean image"),
        ("m.csv", b"PK\x03\x04rest", "workbook"),
        ("m.jpg", b"\xff\xd8\xff\xe0rest", "picture"),
        ("m.csv", b"image\n\x81\x8d\xff.jpg\n\xff\xff", "encoding"),
        ("missing.csv", None, "No such file"),
        ("m.jsonl", b'{"image": "' + b"x" * 2_000_000 + b'"}', "characters"),
    ],
)
def test_what_is_no_manifest_is_refused_in_a_sentence(
    tmp_path: Path, name: str, data: bytes | None, why: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidManifest, match=why):
        list(open_manifest(tmp_path / name).rows())


def test_an_unknown_encoding_and_one_that_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes("image\nCafé.jpg\n".encode("cp1252"))
    for name in ("klingon", "undefined", "hex"):
        with pytest.raises(UsageError, match=name):
            open_manifest(path, name)
    with pytest.raises(InvalidManifest, match="not utf-8"):
        list(open_manifest(path, "utf-8").rows())


@pytest.mark.parametrize(("name", "text"), [("m.csv", "image\na.jpg\n"), ("m.jsonl", '{"image": "a.jpg"}\n')])
def test_a_byte_order_mark_is_no_part_of_utf_8_that_was_named(tmp_path: Path, name: str, text: str) -> None:
    (row,) = rows(tmp_path / name, text.encode("utf-8-sig"), "UTF-8")
    assert (row.image, row.error) == ("a.jpg", None)


def test_a_manifest_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("image\na.jpg\n")
    manifest = open_manifest(path)
    path.write_text("image\na.jpg\nb.jpg\n")
    reading: Iterator[Row] = manifest.rows()
    with pytest.raises(Conflict):
        next(reading)


def test_a_device_is_no_manifest() -> None:
    with pytest.raises(InvalidManifest, match="not a regular file"):
        open_manifest(Path("/dev/zero"))


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n \n"])
def test_a_file_without_text_is_empty_input(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.csv").write_bytes(data)
    with pytest.raises(EmptyInput):
        open_manifest(tmp_path / "m.csv")
