"""A good signature that is written otherwise is found by how it is written."""

import base64
import hmac
from dataclasses import replace

import pytest

from proxy.rules.placing import Outgoing
from proxy.rules.signatures import VerifySettings
from tests.support.diagnosing import BODY, GITHUB, asked, changed, found, request, value
from tests.support.judging import KEY, PLAIN, STRIPE


def mac(body: bytes = BODY, algorithm: str = "sha256") -> bytes:
    return hmac.digest(KEY, body, algorithm)


BITS = mac()
SPELLINGS = {
    "base64 for hex": (GITHUB, b"sha256=" + base64.b64encode(BITS), "encoding: base64"),
    "base64url for hex": (PLAIN, base64.urlsafe_b64encode(mac(b"2")), "encoding: base64url"),
    "hex for base64": (replace(PLAIN, encoding="base64"), BITS.hex().encode(), "encoding: hex"),
    "no padding": (replace(PLAIN, encoding="base64"), base64.b64encode(BITS).rstrip(b"="), "encoding"),
    "upper case": (GITHUB, b"sha256=" + BITS.hex().upper().encode(), "lower-case"),
    "no prefix": (GITHUB, BITS.hex().encode(), "take webhooks.billing.verify.prefix away"),
    "a prefix too much": (PLAIN, b"sha256=" + BITS.hex().encode(), 'verify.prefix: "sha256="'),
    "the prefix in other letters": (GITHUB, b"SHA256=" + BITS.hex().encode(), 'verify.prefix: "SHA256="'),
}


@pytest.mark.parametrize(("settings", "written", "fix"), SPELLINGS.values(), ids=SPELLINGS)
def test_another_spelling(settings: VerifySettings, written: bytes, fix: str) -> None:
    body = b"2" if "url" in fix else BODY
    name = settings.signature[0].partition(":")[2].encode()
    result = found(asked(settings), Outgoing("POST", b"/", ((name, written),), body))
    assert (result.finding, result.proof) == ("wrong_encoding", True)
    assert fix in (result.fix or "")
    assert BITS.hex() not in repr(result).lower()


def test_pairs_may_be_spelled_otherwise_too() -> None:
    sent = changed(
        request(STRIPE),
        b"Stripe-Signature",
        value(request(STRIPE), b"stripe-signature").upper().replace(b"T=", b"t=").replace(b"V1", b"v1"),
    )
    assert found(asked(STRIPE), sent).finding == "wrong_encoding"
