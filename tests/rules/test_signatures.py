"""The engine: each key of `verify:` does what it says, on requests that were signed here."""

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Headers
from proxy.rules.credentials import Secret
from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import KeySettings, Naming, Rejected, SecretUnusable, VerifySettings
from tests.support.judging import KEY, NOW, PLAIN, TIMED, judged, mac, sig


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_the_algorithm_is_the_configured_one(algorithm: str) -> None:
    settings = replace(PLAIN, algorithm=algorithm)
    others = {"sha1", "sha256", "sha384", "sha512"} - {algorithm}
    assert judged(settings, sig(mac(b"body", algorithm)), b"body") == "by key0"
    assert {judged(settings, sig(mac(b"body", other)), b"body") for other in others} == {"malformed_signature"}


def test_each_encoding_takes_its_own_spelling_only() -> None:
    bits = hmac.new(KEY, b"2", "sha256").digest()  # its base64 has both a + and a /
    spellings = {
        "hex": [bits.hex().encode()],
        "base64": [base64.b64encode(bits)],
        "base64url": [base64.urlsafe_b64encode(bits), base64.urlsafe_b64encode(bits).rstrip(b"=")],
    }
    assert b"+" in spellings["base64"][0]
    assert b"/" in spellings["base64"][0]
    for encoding in spellings:
        for other, values in spellings.items():
            expected = "by key0" if other == encoding else "malformed_signature"
            assert {judged(replace(PLAIN, encoding=encoding), sig(value), b"2") for value in values} == {expected}


ROWS = {
    "any of several headers may hold the signature": (
        replace(PLAIN, signature=("header:X-One", "header:X-Two")),
        ((b"X-One", mac(b"other")), (b"X-Two", mac(b"body"))),
        "by key0",
    ),
    "the first of them may be missing": (
        replace(PLAIN, signature=("header:X-One", "header:X-Two")),
        ((b"x-two", mac(b"body")),),
        "by key0",
    ),
    "and so may the last": (
        replace(PLAIN, signature=("header:X-One", "header:X-Two")),
        ((b"x-one", mac(b"body")),),
        "by key0",
    ),
    "neither of them may come twice": (
        replace(PLAIN, signature=("header:X-One", "header:X-Two")),
        ((b"X-One", mac(b"body")), (b"X-Two", b"a"), (b"X-Two", b"a")),
        "ambiguous_signature",
    ),
    "with repeat a header may come in several lines": (
        replace(PLAIN, repeat=True, prefix="v="),
        ((b"X-Sig", b"v=" + mac(b"other")), (b"X-Sig", b"v=" + mac(b"body"))),
        "by key0",
    ),
    "or joined by commas": (
        replace(PLAIN, repeat=True),
        sig(mac(b"other") + b" ,\t" + mac(b"body")),
        "by key0",
    ),
    "at most sixteen of them": (
        replace(PLAIN, repeat=True),
        sig(b",".join([mac(b"body")] * 17)),
        "malformed_signature",
    ),
    "sixteen are tried": (
        replace(PLAIN, repeat=True),
        sig(b",".join([mac(b"x")] * 15 + [mac(b"body")])),
        "by key0",
    ),
    "one that is mangled does not spoil the one that fits": (
        replace(PLAIN, repeat=True),
        sig(b"zz," + mac(b"body")),
        "by key0",
    ),
    "a prefix is compared by case": (replace(PLAIN, prefix="v="), sig(b"V=" + mac(b"body")), "malformed_signature"),
    "a prefix must be there": (replace(PLAIN, prefix="v="), sig(mac(b"body")), "malformed_signature"),
    "blanks around a value do not count": (PLAIN, sig(b" \t" + mac(b"body") + b"\t "), "by key0"),
    "a value of blanks is missing": (PLAIN, sig(b" \t"), "missing_signature"),
    "a name with an underscore is another name": (PLAIN, sig(mac(b"body"), b"X_Sig"), "missing_signature"),
    "the id that is signed must be there": (
        replace(PLAIN, signed="{id}.{body}", id=("header:X-Id",)),
        sig(mac(b".body")),
        "missing_id",
    ),
    "the first id that is there is the one that is signed": (
        replace(PLAIN, signed="{id}.{body}", id=("header:X-Id", "header:X-Other")),
        (*sig(mac(b"7.body")), (b"X-Id", b""), (b"X-Other", b"7")),
        "by key0",
    ),
    "an id may not come twice even if it is not signed": (
        replace(PLAIN, id=("header:X-Id",)),
        (*sig(mac(b"body")), (b"X-Id", b"7"), (b"X-Id", b"7")),
        "ambiguous_signature",
    ),
    "a type may": (
        replace(PLAIN, type=("header:X-Type",)),
        (*sig(mac(b"body")), (b"X-Type", b"a"), (b"X-Type", b"b")),
        "by key0",
    ),
    "a header in the template must be there": (
        replace(PLAIN, signed="{header:X-More}|{body}"),
        sig(mac(b"|body")),
        "missing_signature",
    ),
    "a header in the template may not come twice": (
        replace(PLAIN, signed="{header:X-More}|{body}"),
        (*sig(mac(b"a|body")), (b"X-More", b"a"), (b"X-More", b"b")),
        "ambiguous_signature",
    ),
}


@pytest.mark.parametrize(("settings", "headers", "expected"), ROWS.values(), ids=ROWS)
def test_row(settings: VerifySettings, headers: Headers, expected: str) -> None:
    assert judged(settings, headers, b"body") == expected


WINDOW = {
    "exactly as old as allowed": (b"1789999700", "by key0"),
    "a second older": (b"1789999699", "expired"),
    "exactly as far ahead as allowed": (b"1790000300", "by key0"),
    "a second further": (b"1790000301", "future"),
    "in milliseconds by mistake": (b"1790000000000", "future"),
    "the largest number that is read": (b"9999999999999999", "future"),
    "a digit more": (b"99999999999999999", "malformed_timestamp"),
    "digits of another alphabet": ("१७९००००००० ".strip().encode(), "malformed_timestamp"),
    "blanks inside": (b"17900 00000", "malformed_timestamp"),
    "a fraction": (b"1790000000.0", "malformed_timestamp"),
    "empty": (b"", "missing_timestamp"),
}


@pytest.mark.parametrize(("time", "expected"), WINDOW.values(), ids=WINDOW)
def test_window(time: bytes, expected: str) -> None:
    assert judged(TIMED, (*sig(mac(time + b".body")), (b"X-Time", time)), b"body") == expected


def test_a_forger_does_not_learn_that_the_time_is_off() -> None:
    assert judged(TIMED, (*sig(mac(b"x")), (b"X-Time", b"0")), b"body") == "bad_signature"


def test_without_a_tolerance_any_time_will_do_but_it_must_be_one() -> None:
    settings = replace(TIMED, tolerance=None)
    assert judged(settings, (*sig(mac(b"0.body")), (b"X-Time", b"0")), b"body") == "by key0"
    assert judged(settings, (*sig(mac(b"x.body")), (b"X-Time", b"x")), b"body") == "malformed_timestamp"


@pytest.mark.parametrize(
    ("unit", "time", "expected"),
    [
        ("ms", b"1790000000999", "by key0"),
        ("ms", b"1790000301000", "future"),
        ("iso8601", b"2026-09-21T14:13:20Z", "by key0"),
        ("iso8601", b"2026-09-21T16:13:20.123456789+02:00", "by key0"),
        ("iso8601", b"2026-09-21T14:13:20", "malformed_timestamp"),
        ("iso8601", b"2026-09-31T14:13:20Z", "malformed_timestamp"),
        ("iso8601", b"2026-09-21T14:03:20Z", "expired"),
        ("iso8601", b"1790000000", "malformed_timestamp"),
    ],
)
def test_a_time_is_read_in_its_unit(unit: str, time: bytes, expected: str) -> None:
    settings = replace(TIMED, timestamp_unit=unit)
    assert judged(settings, (*sig(mac(time + b".body")), (b"X-Time", time)), b"body") == expected


def test_every_secret_is_tried_and_the_newest_that_fits_is_named() -> None:
    names = ("a", "b", "c")
    settings = replace(PLAIN, secrets=names)
    assert judged(settings, sig(mac(b"body", key=b"3")), b"body", keys=(b"1", b"2", b"3")) == "by key2"
    assert judged(settings, sig(mac(b"body", key=b"3")), b"body", keys=(b"3", b"2", b"3")) == "by key0"


@pytest.mark.parametrize(
    ("key", "pasted"),
    [
        (KeySettings(), b"whsec_bWFkZQ=="),
        (KeySettings(encoding="base64"), b"d2hzZWNfYldGa1pRPT0="),
        (KeySettings(encoding="base64"), b"d2hzZWNfYldGa1pRPT0"),
        (KeySettings(encoding="hex"), b"77687365635f625746 6b5a513d3d".replace(b" ", b"")),
        (KeySettings(strip_prefix="my_"), b"my_whsec_bWFkZQ=="),
        (KeySettings(strip_prefix="my_"), b"whsec_bWFkZQ=="),
    ],
)
def test_a_secret_is_read_as_the_key_says(key: KeySettings, pasted: bytes) -> None:
    settings = replace(PLAIN, key=key)
    assert judged(settings, sig(mac(b"body", key=b"whsec_bWFkZQ==")), b"body", keys=(pasted,)) == "by key0"


@pytest.mark.parametrize(
    ("key", "pasted"),
    [
        (KeySettings(), b""),
        (KeySettings(strip_prefix="whsec_"), b"whsec_"),
        (KeySettings(encoding="base64"), b"no base64!"),
        (KeySettings(encoding="hex"), b"abc"),
        (KeySettings(encoding="hex"), b"no-hex"),
    ],
)
def test_a_secret_that_does_not_fit_is_named_and_not_shown(key: KeySettings, pasted: bytes) -> None:
    scheme = compile_scheme(replace(PLAIN, key=key))
    with pytest.raises(SecretUnusable, match="secret mine") as caught:
        scheme.keys([Secret("mine", pasted)])
    assert pasted == b"" or pasted.decode() not in str(caught.value)


def test_a_refusal_says_nothing_of_what_was_sent() -> None:
    scheme = compile_scheme(TIMED)
    incoming = Incoming("POST", b"/in", (*sig(b"f0" * 32), (b"X-Time", b"1790000000")), b"body")
    found = scheme.verify(incoming, scheme.keys([Secret("a", KEY)]), NOW)
    assert found == Rejected("bad_signature", 401, "none of 1 signatures fits one of 1 secrets")


def test_an_event_is_named_by_what_is_there_once() -> None:
    settings = replace(PLAIN, id=("header:X-Id", "json:/a/0/id"), type=("header:X-Type",))
    scheme = compile_scheme(settings)
    doubled = ((b"X-Type", b"a"), (b"X-Type", b"b"))
    assert scheme.naming(Incoming("POST", b"/", doubled, b'{"a": [{"id": 12345678901234567890.10}]}')) == Naming(
        b"12345678901234567890.10", None
    )
    assert scheme.naming(Incoming("POST", b"/", ((b"x-id", b"7"),), b"no json")) == Naming(b"7", None)


@given(st.binary(max_size=200), st.integers(0, 199), st.integers(1, 255))
def test_a_body_with_one_byte_changed_is_never_accepted(body: bytes, place: int, change: int) -> None:
    changed = bytearray(body or b"x")
    changed[place % len(changed)] ^= change
    assert judged(PLAIN, sig(mac(bytes(changed))), body) == "bad_signature"


@given(st.binary(max_size=300), st.binary(max_size=30))
def test_no_bytes_of_a_sender_end_in_anything_but_a_verdict(value: bytes, time: bytes) -> None:
    iso = replace(TIMED, timestamp_unit="iso8601", encoding="base64url")
    params = replace(TIMED, format="params", param="v1", timestamp="param:t", encoding="base64")
    for settings in (TIMED, iso, params):
        assert judged(settings, (*sig(value), (b"X-Time", time)), b"body") not in ("by key0", "bad_signature")


def test_a_digest_without_a_key_opens_nothing() -> None:
    assert judged(PLAIN, sig(hashlib.sha256(b"body").hexdigest().encode()), b"body") == "bad_signature"
