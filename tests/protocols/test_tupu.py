"""Signatures agree with openssl in both directions; what is not signed as it should be is refused."""

from __future__ import annotations

import base64
import builtins
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcli import errors
from arcli.errors import ArcliError, BadAnswer, BadSignature, NotSupported, RemoteError, UsageError
from arcli.models import FindResult, ListKind, Match
from arcli.protocols.tupu import answers, requests
from arcli.protocols.tupu.codes import MESSAGES, code_for, error_for
from arcli.protocols.tupu.keys import (
    VENDOR_PUBLIC_KEY,
    load_private_key,
    load_public_key,
    new_private_key,
    public_pem,
)
from arcli.protocols.tupu.signing import Signed, fresh, sign, sign_request, sign_string, verify

from .conftest import OpenSsl

NOW = 1505124155.5
SEEDS = Path(__file__).parents[2].parent / "shared" / "seeds"
SIGNED = Signed(timestamp="1505124155", nonce="0.5442530125172196", signature="c2ln")


# Keys


@pytest.mark.parametrize("form", ["pkcs1", "pkcs8"])
def test_a_signature_of_ours_is_good_to_openssl(openssl: OpenSsl, form: str) -> None:
    signed = sign_request("my-secret-id", load_private_key(openssl.text(f"customer.{form}.pem")), now=NOW)
    (openssl.folder / "ours.sig").write_bytes(base64.b64decode(signed.signature))
    data = f"my-secret-id,{signed.timestamp},{signed.nonce}".encode()
    said = openssl.run("dgst", "-sha256", "-verify", "customer.pub.pem", "-signature", "ours.sig", data=data)
    assert said.strip() == b"Verified OK"


def test_a_signature_of_openssl_is_good_to_us(openssl: OpenSsl) -> None:
    data = '{"code":0,"message":"成功"}'.encode()
    signature = openssl.run("dgst", "-sha256", "-sign", "service.pkcs1.pem", data=data)
    verify(load_public_key(openssl.text("service.pub.pem")), base64.b64encode(signature).decode(), data)


def test_keys_are_read_in_every_form_people_have_them(openssl: OpenSsl) -> None:
    pem = openssl.text("customer.pkcs8.pem")
    der = openssl.run("pkey", "-in", "customer.pkcs8.pem", "-outform", "DER")
    bare = base64.encodebytes(der).decode()
    one_line = pem.replace("\n", "\\n")
    numbers = {load_private_key(text).private_numbers() for text in (pem, bare, one_line, "\n  " + pem)}
    assert len(numbers) == 1
    public = openssl.text("customer.pub.pem")
    openssl.run("rsa", "-in", "customer.pkcs1.pem", "-RSAPublicKey_out", "-out", "customer.rsapub.pem")
    forms = (public, openssl.text("customer.rsapub.pem"), "".join(public.splitlines()[1:-1]))
    assert len({load_public_key(text).public_numbers() for text in forms}) == 1


@pytest.mark.parametrize("form", ["pkcs8", "traditional"])
def test_an_encrypted_key_gets_a_clear_error(openssl: OpenSsl, form: str) -> None:
    extra = ["-traditional"] if form == "traditional" else []
    pem = openssl.run("rsa", "-in", "customer.pkcs1.pem", "-aes256", "-passout", "pass:open sesame", *extra)
    with pytest.raises(UsageError) as caught:
        load_private_key(pem.decode())
    assert "encrypted" in caught.value.message
    assert "openssl" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "AAAA"]
)
def test_what_is_no_key_is_refused_without_repeating_it(text: str) -> None:
    for load in (load_private_key, load_public_key):
        with pytest.raises(UsageError) as caught:
            load(text)
        assert not text or text not in str(caught.value)


def test_a_key_of_another_kind_is_refused(openssl: OpenSsl) -> None:
    curve = openssl.run("ecparam", "-name", "prime256v1", "-genkey", "-noout").decode()
    with pytest.raises(UsageError, match="not an RSA key"):
        load_private_key(curve)
    with pytest.raises(UsageError, match="private key"):
        load_public_key(openssl.text("customer.pkcs8.pem"))


def test_the_vendors_key_is_the_documented_one() -> None:
    import hashlib

    der = base64.b64decode(VENDOR_PUBLIC_KEY)
    documented = "a34a0d2cdcf3ab2b4d01b96afb8767a34d258827a2ee019db8f3df5bf120a049"
    assert hashlib.sha256(der).hexdigest() == documented
    assert load_public_key(VENDOR_PUBLIC_KEY).key_size == 1024


def test_a_new_key_can_be_published_and_used() -> None:
    key = load_private_key(new_private_key())
    assert key.key_size == 2048
    verify(load_public_key(public_pem(key)), sign(key, b"x"), b"x")


def test_without_cryptography_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NotSupported) as caught:
        load_public_key(VENDOR_PUBLIC_KEY)
    assert "[tupu]" in (caught.value.hint or "")


# Envelopes


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    path = SEEDS / "tupu_custom_gallery.txt"
    if not path.exists():
        pytest.skip("the vendor's document is not beside this repository")
    document = path.read_text()
    body: dict[str, Any] = json.loads(document[document.index("json示例") + len("json示例") :])
    return body


def test_the_documents_example_is_understood(openssl: OpenSsl, example: dict[str, Any]) -> None:
    content = _sealed_by_openssl(openssl, json.dumps(example, indent=1))
    body = answers.opened(content, load_public_key(openssl.text("service.pub.pem")), now=NOW)
    (file,) = answers.read_files(body)
    result = answers.found(file, image="lixuan.jpg")
    assert not result.matched
    assert file.tag == "test"
    assert file.similarity == pytest.approx(0.6458, abs=1e-4)
    (candidate,) = result.candidates
    assert candidate.identifier.startswith("https://static.tuputech.com/")
    assert candidate.score == pytest.approx(0.6458, abs=1e-4)


def test_what_we_seal_openssl_verifies(openssl: OpenSsl) -> None:
    content = answers.sealed(
        {"code": 0, "message": "图"}, load_private_key(openssl.text("service.pkcs8.pem"))
    )
    envelope = json.loads(content)
    (openssl.folder / "answer.sig").write_bytes(base64.b64decode(envelope["signature"]))
    said = openssl.run(
        "dgst", "-sha256", "-verify", "service.pub.pem", "-signature", "answer.sig",
        data=envelope["json"].encode(),
    )  # fmt: skip
    assert said.strip() == b"Verified OK"


def _good(**more: Any) -> str:
    return json.dumps({"code": 0, "message": "success", "nonce": 0.19, "timestamp": NOW * 1000, **more})


@pytest.mark.parametrize(
    "timestamp", [1505124155500, "1505124155500", 1505124155, "1505124155.5", 1505123900]
)
def test_a_timestamp_may_be_seconds_or_milliseconds_number_or_text(openssl: OpenSsl, timestamp: Any) -> None:
    content = _sealed_by_openssl(openssl, _good(timestamp=timestamp))
    assert answers.opened(content, load_public_key(openssl.text("service.pub.pem")), now=NOW)["code"] == 0


@pytest.mark.parametrize("timestamp", [1505123855, 1505124456, 1505124155000 - 301000, None, "soon", "1e999"])
def test_an_answer_that_is_not_fresh_is_refused(openssl: OpenSsl, timestamp: Any) -> None:
    content = _sealed_by_openssl(openssl, _good(timestamp=timestamp))
    with pytest.raises(BadSignature):
        answers.opened(content, load_public_key(openssl.text("service.pub.pem")), now=NOW)


def test_a_wrong_key_one_changed_byte_and_another_encoding_are_refused(openssl: OpenSsl) -> None:
    key = load_public_key(openssl.text("service.pub.pem"))
    good = json.loads(_sealed_by_openssl(openssl, _good(name="图")))
    other = json.loads(_sealed_by_openssl(openssl, _good(name="图"), by="customer"))
    recoded = json.dumps(json.loads(good["json"]), separators=(",", ":"))
    first = "B" if good["signature"].startswith("A") else "A"  # another one, whatever this key's signature is
    tampered = [
        other,
        {**good, "json": good["json"].replace("success", "succest")},
        {**good, "json": good["json"] + " "},
        {**good, "json": recoded},
        {**good, "json": good["json"].replace("\\u56fe", "图")},
        {**good, "signature": first + good["signature"][1:]},
        {**good, "signature": good["signature"][:-8]},
        {**good, "signature": "not base64 at all!"},
        {**good, "signature": ""},
        {**good, "json": "\ud800"},
    ]
    for envelope in tampered:
        with pytest.raises(BadSignature):
            answers.opened(json.dumps(envelope).encode(), key, now=NOW)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"json": _good()}),
        json.dumps({"signature": "c2ln", "json": json.loads(_good())}),
        json.dumps({"code": 0, "5c8f44ca25ade48455a63bad": {"fileList": []}}),
        json.dumps({"error": "bad gateway"}),
        "<html>502 Bad Gateway</html>",
        "",
        "[]",
    ],
)
def test_an_unsigned_answer_is_refused(content: str) -> None:
    with pytest.raises(BadAnswer):
        answers.opened(content.encode(), load_public_key(VENDOR_PUBLIC_KEY), now=NOW)


def test_without_verifying_an_answer_is_taken_as_it_is() -> None:
    assert answers.opened(json.dumps({"signature": "x", "json": _good()}).encode(), None, now=0)["code"] == 0
    assert answers.opened(_good().encode(), None, now=0)["code"] == 0


def test_a_signed_failure_is_its_error(openssl: OpenSsl) -> None:
    content = _sealed_by_openssl(openssl, _good(code="9", message="certificate not uploaded"))
    with pytest.raises(errors.WrongCredentials, match="9: certificate"):
        answers.opened(content, load_public_key(openssl.text("service.pub.pem")), now=NOW)


@pytest.mark.parametrize("code", sorted(set(MESSAGES) - {0}))
def test_every_documented_code_is_an_error(code: int) -> None:
    error = error_for(code)
    assert str(code) in error.message
    assert type(error) is not RemoteError or code in (2, 101)
    assert error.exit_status != 70


def test_errors_have_codes() -> None:
    assert [code_for(error_for(code)) for code in (1, 7, 13, 14, 400, 404, 3, 100)] == [
        1,
        7,
        13,
        14,
        400,
        404,
        3,
        100,
    ]
    assert code_for(ArcliError("bug")) == 101


# Requests


@pytest.mark.parametrize(
    ("images", "files"), [((b"a", b"b"), [b"a", b"b"]), (("https://x/1.png", "https://x/2.png"), [])]
)
def test_the_form_survives_the_wire(images: tuple[bytes | str, ...], files: list[bytes]) -> None:
    sent = requests.Recognition(signed=SIGNED, images=images, tags=("x", "y"), tasks=("t",), uid="u")
    assert requests.read_form(requests.form_fields(sent), files) == sent


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=10), st.lists(st.text(max_size=5), max_size=3))
def test_the_json_form_survives_the_wire(images: list[bytes], tags: list[str]) -> None:
    sent = requests.Recognition(signed=SIGNED, images=tuple(images), tags=tuple(tags))
    assert requests.read_json(json.dumps(requests.json_body(sent)).encode()) == sent


def test_numbers_are_signed_as_they_are_spelled() -> None:
    sent = b'{"images":["aGk="],"timestamp":1505124155000,"nonce":0.54425301251721960,"signature":"c2ln"}'
    signed = requests.read_json(sent).signed
    assert sign_string("id", signed.timestamp, signed.nonce) == b"id,1505124155000,0.54425301251721960"


def test_a_short_list_of_tags_is_filled_with_its_last() -> None:
    sent = requests.Recognition(signed=SIGNED, images=(b"a", b"b", b"c"), tags=("x", "y"))
    assert [sent.tag_of(k) for k in range(3)] == ["x", "y", "y"]
    assert requests.Recognition(signed=SIGNED, images=(b"a",)).tag_of(0) is None


@pytest.mark.parametrize(
    ("fields", "files"),
    [
        ([], [b"a"]),
        ([("timestamp", "1"), ("nonce", "2")], [b"a"]),
        ([("timestamp", "1"), ("nonce", "2"), ("signature", "3")], []),
        ([("timestamp", "1"), ("nonce", "2"), ("signature", "3")], [b"a"] * 11),
        ([("timestamp", "1"), ("nonce", "2"), ("signature", "3"), ("image", "https://x")], [b"a"]),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(fields: list[tuple[str, str]], files: list[bytes]) -> None:
    with pytest.raises(UsageError):
        requests.read_form(fields, files)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"{" * 9999, b'{"images":"@@","timestamp":1,"nonce":2,"signature":"x"}',
     b'{"images":[7],"timestamp":1,"nonce":2,"signature":"x"}'],
)  # fmt: skip
def test_json_that_makes_no_sense_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError):
        requests.read_json(content)


def test_a_search_survives_the_wire() -> None:
    content = json.dumps(requests.search_body("id", SIGNED, "cards")).encode()
    assert requests.read_search(content) == ("id", SIGNED, "cards")


@pytest.mark.parametrize(("size", "encoded"), [(0, 0), (1, 4), (3, 4), (4, 8), (749_999, 1_000_000)])
def test_the_size_after_base64_is_known_before(size: int, encoded: int) -> None:
    assert requests.base64_size(size) == encoded == len(base64.b64encode(b"x" * size))


# Answers of the task


def test_files_survive_the_wire() -> None:
    file = answers.FileAnswer(
        name="a.jpg",
        relatives=(
            answers.Relative(path="https://x/1", score=0.9),
            answers.Relative(path="https://x/2", score=0.2),
        ),
        label=0,
        similarity=0.9,
        tag="t",
    )
    assert answers.read_files(json.loads(json.dumps(answers.task_json([file])))) == (file,)
    result = answers.found(file, image="mine.jpg")
    assert result.matches == (Match(identifier="https://x/1", channel=None, score=0.9, label="black"),)
    assert [candidate.identifier for candidate in result.candidates] == ["https://x/2"]


def test_a_task_of_another_name_is_found_among_the_keys() -> None:
    body = {
        "code": 0,
        "extra": {"a": 1},
        "54bcfc6c329af61034f7c2fc": {"fileList": [{"name": "a", "label": "1"}]},
    }
    (file,) = answers.read_files(body)
    assert (file.label, file.similarity, file.relatives) == (1, 0.0, ())
    assert answers.found(file, image="a").matches[0].label == "white"
    with pytest.raises(BadAnswer):
        answers.read_files({"code": 0, "message": {"fileList": []}})


def test_not_in_the_gallery_is_no_match() -> None:
    file = answers.FileAnswer(name="a", relatives=(), label=2, similarity=0.0)
    assert answers.found(file, image="a") == FindResult(image="a")


def test_libraries_survive_the_wire() -> None:
    library = answers.Library(
        id="7", name="banned", kind=ListKind.BLACK, threshold=0.7, status="on", images=3
    )
    assert answers.read_libraries(json.loads(json.dumps(answers.libraries_json([library])))) == (library,)
    odd = {"imageLibraries": [{"id": 7, "type": 1, "images": [{}, {}]}, {"name": "n", "type": "黑名单"}]}
    first, second = answers.read_libraries(odd)
    assert (first.id, first.name, first.kind, first.images) == ("7", "7", ListKind.WHITE, 2)
    assert (second.id, second.kind) == ("n", ListKind.BLACK)
    with pytest.raises(BadAnswer):
        answers.read_libraries({"code": 0})


@pytest.mark.parametrize("value", [NOW, NOW * 1000, str(int(NOW)), NOW + 299, NOW - 299])
def test_fresh_means_within_five_minutes(value: Any) -> None:
    assert fresh(value, NOW)
    assert not fresh(value, NOW + 1000)


def _sealed_by_openssl(openssl: OpenSsl, text: str, by: str = "service") -> bytes:
    signature = openssl.run("dgst", "-sha256", "-sign", f"{by}.pkcs1.pem", data=text.encode())
    return json.dumps({"signature": base64.b64encode(signature).decode(), "json": text}).encode()
