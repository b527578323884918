"""Signatures, times and tokens that stand elsewhere than in a header of their own."""

import base64
import re
from dataclasses import replace
from urllib.parse import quote_plus

import pytest

from proxy.model import Headers
from proxy.rules.incoming import Incoming
from proxy.rules.locators import first, parse_locator
from proxy.rules.signatures import VerifySettings
from tests.support.judging import KEY, PLAIN, TIMED, judged, mac, sig

INSIDE = replace(
    PLAIN,
    signature=("json:/signature/signature",),
    signed="{timestamp}{json:/signature/token}",
    timestamp="json:/signature/timestamp",
    tolerance=300.0,
    body_signed=False,
)


def inside(token: str = '"tok"', time: str = '"1790000000"', signature: bytes | None = None, more: str = "") -> bytes:
    """A body that carries its own proof, as Mailgun's does."""
    proof = mac(b"1790000000tok") if signature is None else signature
    return f'{{"signature": {{"token": {token}, "timestamp": {time}, "signature": "{proof.decode()}"{more}}}}}'.encode()


BODIES = {
    "all three in their places": (inside(), "by key0"),
    "a number is the text that came": (inside(time="1790000000"), "by key0"),
    "a number that means the same but is written otherwise": (inside(time="1.79e9"), "malformed_timestamp"),
    "escapes are undone": (inside(token='"\\u0074ok"'), "by key0"),
    "a mark of the byte order does not matter": (b"\xef\xbb\xbf" + inside(), "by key0"),
    "a name twice": (inside(more=', "token": "tok"'), "malformed_signature"),
    "no JSON": (b"signature=1", "missing_signature"),
    "not UTF-8": (inside(token='"\xff"').replace(b"\xc3\xbf", b"\xff"), "missing_signature"),
    "nested deeper than can be read": (b"[" * 200_000, "missing_signature"),
    "no object": (b"[1, 2]", "missing_signature"),
    "null": (inside(time="null"), "missing_timestamp"),
    "an object instead of a value": (inside(time='{"a": 1}'), "missing_timestamp"),
    "half of a character": (inside(token='"\\ud800"'), "bad_signature"),
    "a huge number": (inside(time="9" * 5000), "malformed_timestamp"),
    "no token": (inside(token='""'), "missing_signature"),
    "an empty signature": (inside(signature=b""), "missing_signature"),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_a_proof_inside_the_body(body: bytes, expected: str) -> None:
    assert judged(INSIDE, (), body) == expected


def test_an_id_that_is_signed_may_not_stand_in_the_body_twice() -> None:
    settings = replace(PLAIN, signed="{id}.{body}", id=("json:/id",))
    once, twice = b'{"id": "a"}', b'{"id": "b", "id": "a"}'
    assert judged(settings, sig(mac(b"a." + once)), once) == "by key0"
    assert judged(settings, sig(mac(b"a." + twice)), twice) == "malformed_signature"


LATE = replace(PLAIN, timestamp="json:/at", timestamp_unit="ms", tolerance=60.0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"at": 1790000000000}', "by key0"),
        (b'{"at": 1789999939000}', "expired"),
        (b'{"at": "soon"}', "malformed_timestamp"),
        (b"{}", "missing_timestamp"),
    ],
)
def test_a_time_in_the_body_is_read_once_the_body_is_proven(body: bytes, expected: str) -> None:
    assert judged(LATE, sig(mac(body)), body) == expected
    assert judged(LATE, sig(mac(b"other")), body) == "bad_signature"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("POST /in?b=1&sig=%s", "by key0"),
        ("POST /in?sig=%s&sig=%s", "malformed_signature"),
        ("POST /in?Sig=%s", "missing_signature"),
        ("POST /in", "missing_signature"),
    ],
)
def test_a_signature_in_the_query(line: str, expected: str) -> None:
    settings = replace(PLAIN, signature=("query:sig",), encoding="base64")
    value = quote_plus(base64.b64encode(bytes.fromhex(mac(b"body").decode())))
    assert judged(settings, (), b"body", line=line.replace("%s", value)) == expected


def test_a_form_with_more_pairs_than_anybody_sends_is_too_large() -> None:
    settings = replace(PLAIN, signature=("form:sig",), body_signed=False, signed="{form:what}")
    body = b"what=a+b&sig=" + mac(b"a b")
    assert judged(settings, (), body + b"&x" * 998) == "by key0"
    assert judged(settings, (), body + b"&x" * 999) == "too_large"


PARAMS = replace(TIMED, format="params", param="v1", timestamp="param:t")
GOOD = mac(b"1790000000.body")
VALUES = {
    "pairs in any order": (b"v1=%b,t=1790000000", "by key0"),
    "blanks around pairs": (b" t=1790000000 ,\tv1=%b\t", "by key0"),
    "blanks inside a pair belong to it": (b"t=1790000000,v1= %b", "malformed_signature"),
    "other pairs": (b"a,t=1790000000,=,v0=zz,v1=%b", "by key0"),
    "two signatures": (b"t=1790000000,v1=zz,v1=%b", "by key0"),
    "two times": (b"t=1790000000,t=1790000000,v1=%b", "malformed_signature"),
    "no time": (b"v1=%b", "missing_timestamp"),
    "an empty time": (b"t=,v1=%b", "missing_timestamp"),
    "a name in capitals is another": (b"t=1790000000,V1=%b", "malformed_signature"),
    "an assignment in the value": (b"t=1790000000,v1==%b", "malformed_signature"),
    "sixteen others": (b"t=1790000000" + b",v1=zz" * 15 + b",v1=%b", "by key0"),
    "seventeen": (b"t=1790000000" + b",v1=zz" * 16 + b",v1=%b", "malformed_signature"),
}


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_pairs_in_a_signature(value: bytes, expected: str) -> None:
    assert judged(PARAMS, sig(value % GOOD), b"body") == expected


def test_pairs_may_be_parted_otherwise() -> None:
    settings = replace(PARAMS, separator=";", assign=":")
    assert judged(settings, sig(b"t:1790000000;v1:" + GOOD), b"body") == "by key0"


TOKEN = VerifySettings(scheme="token", signature=("header:X-Token",), body_signed=False, secrets=("key",))
EVERY = replace(TOKEN, signature=("json:/value/*/clientState",))
BASIC = VerifySettings(scheme="basic", body_signed=False, secrets=("key",))
TOKENS = {
    "the secret": (TOKEN, sig(KEY, b"x-token"), b"", "by key0"),
    "less": (TOKEN, sig(KEY[:-1], b"X-Token"), b"", "bad_signature"),
    "more": (TOKEN, sig(KEY + b"x", b"X-Token"), b"", "bad_signature"),
    "twice": (TOKEN, sig(KEY, b"X-Token") * 2, b"", "ambiguous_signature"),
    "bytes that are no ASCII": (TOKEN, sig(b"\xfc", b"X-Token"), b"", "bad_signature"),
    "in every element": (EVERY, (), b'{"value": [%b, %b]}', "by key0"),
    "not in every element": (EVERY, (), b'{"value": [%b, {"clientState": "guess"}]}', "bad_signature"),
    "missing in one element": (EVERY, (), b'{"value": [%b, {}]}', "bad_signature"),
    "no elements": (EVERY, (), b'{"value": []}', "missing_signature"),
    "no list": (EVERY, (), b'{"value": %b}', "missing_signature"),
    "more elements than signatures are tried": (EVERY, (), b'{"value": [' + b"%b," * 40 + b"%b]}", "by key0"),
}


@pytest.mark.parametrize(("settings", "headers", "body", "expected"), TOKENS.values(), ids=TOKENS)
def test_a_token(settings: VerifySettings, headers: Headers, body: bytes, expected: str) -> None:
    element = b'{"clientState": "made-up-secret"}'
    assert judged(settings, headers, body.replace(b"%b", element)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Basic dXNlcjpwYXNz", "by key0"),
        (b"bAsIc  dXNlcjpwYXNz", "by key0"),
        (b"Basic dXNlcjpvdGhlcg==", "bad_signature"),
        (b"Basic dXNlcjpwYXNz=", "malformed_signature"),
        (b"Basic", "malformed_signature"),
        (b"Bearer dXNlcjpwYXNz", "malformed_signature"),
        (b"", "missing_signature"),
    ],
)
def test_basic(value: bytes, expected: str) -> None:
    assert judged(BASIC, sig(value, b"Authorization"), keys=(b"user:pass",)) == expected


@pytest.mark.parametrize(
    ("locator", "found"),
    [
        ("json:/a~1b/c~0d", b"x"),
        ("json:/list/1", b"two"),
        ("json:/list/2", None),
        ("json:/list/01x", None),
        ("json:/flag", b"true"),
        ("json:/nothing", None),
        ("json:/", b"unnamed"),
    ],
)
def test_a_pointer_follows_rfc_6901(locator: str, found: bytes | None) -> None:
    body = b'{"a/b": {"c~d": "x"}, "list": ["one", "two"], "flag": true, "nothing": null, "": "unnamed"}'
    assert first((parse_locator(locator),), Incoming("POST", b"/", (), body)) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cookie:a", "is no locator; allowed: header:…, json:…"),
        ("X-Sig", "is no locator"),
        ("header:", "names nothing"),
        ("header:a b", "cannot be the name of a header"),
        ("json:a", "must be a JSON pointer"),
    ],
)
def test_a_locator_that_cannot_be_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_locator(text)
