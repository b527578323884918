"""The value that names one request: when it is missed, and what is told of it."""

import zlib
from dataclasses import replace

import pytest

from proxy.model import Headers
from proxy.rules.credentials import Secret
from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Verified, VerifySettings
from tests.support.judging import KEY, NOW, PLAIN, judged, mac, sig

PAYPAL = replace(PLAIN, signed="{header:X-Id}|{crc32}", nonce="header:X-Id")


def test_a_nonce_is_told_with_the_proof_so_that_a_second_body_under_it_shows() -> None:
    scheme = compile_scheme(PAYPAL)
    headers = (*sig(mac(b"7|%d" % zlib.crc32(b"body"))), (b"x-id", b" 7"))
    found = scheme.verify(Incoming("POST", b"/", headers, b"body"), scheme.keys([Secret("a", KEY)]), NOW)
    assert found == Verified("a", None, b"7")
    found = compile_scheme(PLAIN).verify(
        Incoming("POST", b"/", sig(mac(b"body")), b"body"), compile_scheme(PLAIN).keys([Secret("a", KEY)]), NOW
    )
    assert found == Verified("a", None, None)


NONCES = {
    "one that is signed and missing": (PAYPAL, sig(mac(b"|1")), "missing_id"),
    "one that is signed and empty": (PAYPAL, (*sig(mac(b"|1")), (b"X-Id", b" ")), "missing_id"),
    "one that is there, beside a field that is signed and missing": (
        replace(PAYPAL, signed="{header:X-Id}|{header:X-More}|{crc32}"),
        (*sig(mac(b"7||1")), (b"X-Id", b"7")),
        "missing_signature",
    ),
    "one that is missing, beside a signature of the wrong shape": (PAYPAL, sig(b"abc"), "missing_id"),
    "one that is missing, beside a time of the wrong shape": (
        replace(PAYPAL, signed="{header:X-Id}|{timestamp}|{crc32}", timestamp="header:X-Time"),
        (*sig(mac(b"|1")), (b"X-Time", b"soon")),
        "missing_id",
    ),
    "one that is missing, beside a missing time": (
        replace(PAYPAL, signed="{header:X-Id}|{timestamp}|{crc32}", timestamp="header:X-Time"),
        sig(mac(b"|1")),
        "missing_timestamp",
    ),
    "one that is unsigned and missing, beside a wrong signature": (
        replace(PLAIN, nonce="header:X-Id"),
        sig(mac(b"other")),
        "missing_id",
    ),
    "none at all, and no signature": (PAYPAL, (), "missing_signature"),
    "two of them": (PAYPAL, ((b"X-Id", b"7"), (b"X-Id", b"7")), "ambiguous_signature"),
    "one in the body that is not there": (replace(PLAIN, nonce="json:/id"), sig(mac(b"body")), "missing_id"),
    "one in the body, which is not read before it is proven": (
        replace(PLAIN, nonce="json:/id"),
        sig(mac(b"other")),
        "bad_signature",
    ),
    "two of an unsigned one": (
        replace(PLAIN, nonce="header:X-Id"),
        (*sig(mac(b"body")), (b"X-Id", b"7"), (b"X-Id", b"8")),
        "ambiguous_signature",
    ),
}


@pytest.mark.parametrize(("settings", "headers", "expected"), NONCES.values(), ids=NONCES)
def test_a_nonce(settings: VerifySettings, headers: Headers, expected: str) -> None:
    assert judged(settings, headers, b"body") == expected
