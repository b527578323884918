"""What people are not shown of a webhook request: its signature, wherever that stands."""

import json

import pytest

from proxy.model import Headers
from proxy.rules.proofs import Proofs
from proxy.rules.signatures import VerifySettings
from tests.support.presets import presets

SIGNED = b"8d2f/abc+def=="
PLAIN = VerifySettings(scheme="hmac", signature=("header:X-Own",), signed="{body}", secrets=("s",))
BODY = VerifySettings(scheme="token", signature=("json:/clientState",), body_signed=False, secrets=("s",))
QUERY = VerifySettings(scheme="token", signature=("query:t",), body_signed=False, secrets=("s",))
FORM = VerifySettings(scheme="token", signature=("form:t",), body_signed=False, secrets=("s",))
ADYEN = VerifySettings(scheme="adyen", body_signed=False, secrets=("s",))
PROOFS = Proofs({"plain": PLAIN, "body": BODY, "query": QUERY, "form": FORM, "adyen": ADYEN})

HEADERS = {
    "that of a webhook's own": (b"x-OWN", b"[redacted x-own]"),
    "one that is called a signature": (b"X-Signature-Ed25519", b"[redacted x-signature-ed25519]"),
    "one of a provider that is not configured": (b"Paypal-Transmission-Sig", b"[redacted paypal-transmission-sig]"),
    "a token": (b"X-Gitlab-Token", b"[redacted x-gitlab-token]"),
    "the time of a signature": (b"X-Signature-Timestamp", SIGNED),
    "how a signature is made": (b"BOX-SIGNATURE-ALGORITHM", SIGNED),
    "an event's id that is called a token": (b"I-Twilio-Idempotency-Token", SIGNED),
    "any other": (b"Content-Type", SIGNED),
}


@pytest.mark.parametrize(("name", "shown"), HEADERS.values(), ids=HEADERS)
def test_of_a_header(name: bytes, shown: bytes) -> None:
    assert PROOFS.headers(((name, SIGNED),)) == ((name, shown),)


def test_no_preset_shows_the_header_that_proves_it() -> None:
    verify = {name: preset.verify for name, preset in presets().items()}
    places = [place for one in verify.values() for place in one.signature if place.startswith("header:")]
    headers: Headers = tuple((place.partition(":")[2].encode(), SIGNED) for place in places)
    assert len(headers) > 40
    assert all(SIGNED not in value for _, value in Proofs(verify).headers(headers))


def item(signature: str) -> object:
    return {"NotificationRequestItem": {"additionalData": {"hmacSignature": signature}}}


BODIES = {
    "in JSON": (
        "body",
        b'{"clientState": "8d2f/abc+def==", "a": 1}',
        b'{"clientState": "[redacted signature]", "a": 1}',
    ),
    "in JSON with escaped slashes": (
        "body",
        b'{"clientState":"8d2f\\/abc+def=="}',
        b'{"clientState":"[redacted signature]"}',
    ),
    "in a form": ("form", b"a=1&t=8d2f%2Fabc%2Bdef%3D%3D", b"a=1&t=[redacted signature]"),
    "in each item": (
        "adyen",
        json.dumps({"notificationItems": [item("signature-0"), item("signature-1")]}).encode(),
        json.dumps({"notificationItems": [item("[redacted signature]")] * 2}).encode(),
    ),
    "another webhook's is as it came": (
        "plain",
        b'{"clientState": "8d2f/abc+def=="}',
        b'{"clientState": "8d2f/abc+def=="}',
    ),
    "what is too short to be one stays": ("body", b'{"clientState": "a", "a": "a"}', b'{"clientState": "a", "a": "a"}'),
    "no JSON": ("body", b"\xff{", b"\xff{"),
    "an unknown webhook's": ("gone", b'{"clientState": "8d2f/abc+def=="}', b'{"clientState": "8d2f/abc+def=="}'),
}


@pytest.mark.parametrize(("webhook", "came", "shown"), BODIES.values(), ids=BODIES)
def test_of_a_body(webhook: str, came: bytes, shown: bytes) -> None:
    assert PROOFS.body(webhook, came) == shown


def test_of_a_query() -> None:
    assert PROOFS.query("query", b"t=8d2F%2fabc%2bdef%3d%3d&b=2") == b"t=[redacted signature]&b=2"
    assert PROOFS.query("plain", b"t=8d2f%2fabc&b=2") == b"t=8d2f%2fabc&b=2"
