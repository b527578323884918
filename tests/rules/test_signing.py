"""Signing is the inverse of verifying: what is signed here is proven here, and by the providers' own SDKs."""

import base64
import json
from dataclasses import replace

import pytest
import stripe
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from slack_sdk.signature import Clock as SlackClock
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator

from proxy.rules.credentials import Secret
from proxy.rules.placing import Outgoing
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import KeySettings, Verified, VerifySettings
from proxy.rules.signing import CannotSign, Pen, sign, sign_anew
from tests.support.judging import KEY, NOW, PLAIN, SLACK, STRIPE, TIMED
from tests.support.pems import private_pem, public_pem

URL = "https://hooks.example.test/in?given=1"
PEN = Pen(KEY, NOW, b"evt_made_up")
POST = Outgoing("POST", b"/in", ((b"Host", b"hooks.example.test"), (b"Content-Type", b"application/json")), b'{"a":1}')
STANDARD = replace(
    PLAIN,
    signature=("header:webhook-signature",),
    format="params",
    separator=" ",
    assign=",",
    param="v1",
    encoding="base64",
    signed="{id}.{timestamp}.{body}",
    timestamp="header:webhook-timestamp",
    tolerance=300.0,
    id=("header:webhook-id",),
    key=KeySettings(encoding="base64", strip_prefix="whsec_"),
)
MAILGUN = replace(
    PLAIN,
    signature=("json:/signature/signature",),
    signed="{timestamp}{json:/signature/token}",
    timestamp="json:/signature/timestamp",
    id=("json:/signature/token",),
    body_signed=False,
)
TWILIO = VerifySettings(scheme="twilio", secrets=("key",), id=("header:I-Twilio-Idempotency-Token",))
PAYPAL = VerifySettings(
    scheme="rsa",
    signature=("header:Paypal-Transmission-Sig",),
    encoding="base64",
    signed="{header:Paypal-Transmission-Id}|{timestamp}|{option:webhook_id}|{body}",
    timestamp="header:Paypal-Transmission-Time",
    timestamp_unit="iso8601",
    options={"webhook_id": "4JH"},
    key=KeySettings(encoding="pem"),
    secrets=("key",),
)

ROWS = {
    "a signature over the body": PLAIN,
    "base64": replace(PLAIN, encoding="base64"),
    "base64url": replace(PLAIN, encoding="base64url"),
    "sha512": replace(PLAIN, algorithm="sha512", prefix="sha512="),
    "a signed time": TIMED,
    "milliseconds": replace(TIMED, timestamp_unit="ms"),
    "a written date": replace(TIMED, timestamp_unit="iso8601"),
    "pairs": STRIPE,
    "a prefix": SLACK,
    "a time that is in the body alone": replace(
        PLAIN, timestamp="json:/webhookTimestamp", timestamp_unit="ms", tolerance=60.0
    ),
    "a signature and all that it is over inside the body": MAILGUN,
    "the URL": replace(PLAIN, signed="{method}{url}{body}{timestamp}", timestamp="header:X-T", tolerance=9.0),
    "one of several headers": replace(PLAIN, signature=("header:X-One", "header:X-Two")),
    "a repeatable header": replace(PLAIN, repeat=True, prefix="sha256="),
    "a signature in the query": replace(PLAIN, signature=("query:sig",), signed="{path}{body}"),
    "a value that is signed and not there": replace(PLAIN, signed="{header:X-Nonce}{query:n}{body}"),
    "a token": VerifySettings(scheme="token", signature=("header:X-Token",), secrets=("key",), body_signed=False),
    "basic": VerifySettings(scheme="basic", secrets=("key",), body_signed=False),
    "twilio, any body": TWILIO,
}


def proven(settings: VerifySettings, request: Outgoing, secret: bytes = KEY, wall: float = NOW) -> bool:
    scheme = compile_scheme(settings, URL)
    found = scheme.verify(request.seen(), scheme.keys([Secret("key", secret)]), wall)
    assert isinstance(found, Verified), found
    return True


@pytest.mark.parametrize("settings", ROWS.values(), ids=ROWS)
def test_what_is_signed_is_proven(settings: VerifySettings) -> None:
    signed = sign(settings, URL, POST, PEN)
    assert proven(settings, signed)
    assert signed.headers[:2] == POST.headers


@pytest.mark.parametrize("settings", [PLAIN, STRIPE, SLACK, TWILIO, replace(TIMED, timestamp_unit="ms")])
@given(
    body=st.binary(max_size=40), wall=st.floats(1e9, 4e9), query=st.from_regex(rb"(a=[0-9b%&]{0,9})?", fullmatch=True)
)
def test_any_body_at_any_time_is_proven(settings: VerifySettings, body: bytes, wall: float, query: bytes) -> None:
    request = Outgoing("POST", b"/in" + (b"?" + query if query else b""), (), body)
    assert proven(settings, sign(settings, URL, request, Pen(KEY, wall, b"id")), wall=wall)


PRIVATE = {
    "ed25519": (ed25519.Ed25519PrivateKey.generate(), {"encoding": "hex"}),
    "ecdsa": (ec.generate_private_key(ec.SECP256R1()), {"encoding": "base64"}),
    "rsa": (rsa.generate_private_key(65537, 2048), {"encoding": "base64"}),
}


@pytest.mark.parametrize("scheme", PRIVATE)
def test_a_private_key_signs_for_its_public_one(scheme: str) -> None:
    key, changes = PRIVATE[scheme]
    settings = replace(TIMED, scheme=scheme, key=KeySettings(encoding="pem"), **changes)
    signed = sign(settings, URL, POST, PEN._replace(secret=private_pem(key)))
    assert proven(settings, signed, public_pem(key))


def test_an_ed25519_key_may_be_its_bytes() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    settings = replace(
        STANDARD, scheme="ed25519", param="v1a", key=KeySettings(encoding="base64", strip_prefix="whpk_")
    )
    seed = key.private_bytes_raw()
    for secret in (b"whsk_" + base64.b64encode(seed + public), base64.b64encode(seed)):
        signed = sign(settings, URL, POST, PEN._replace(secret=secret))
        assert proven(settings, signed, b"whpk_" + base64.b64encode(public))


def test_a_value_of_the_template_that_the_request_lacks_becomes_the_id() -> None:
    key = PRIVATE["rsa"][0]
    signed = sign(PAYPAL, URL, POST, PEN._replace(secret=private_pem(key)))
    assert proven(PAYPAL, signed, public_pem(key))
    assert (b"Paypal-Transmission-Id", b"evt_made_up") in [(name.title(), value) for name, value in signed.headers]


REFUSED = {
    "a public key for the private one": (replace(TIMED, scheme="ed25519"), KEY, "the key"),
    "another curve's key": (
        replace(TIMED, scheme="ecdsa"),
        private_pem(ec.generate_private_key(ec.SECP384R1())),
        "the key is not a P-256 private key",
    ),
    "a secret in another encoding": (replace(PLAIN, key=KeySettings(encoding="hex")), b"xyz", "the key is not hex"),
    "a signature inside what it signs": (replace(PLAIN, signature=("json:/sig",)), KEY, "stand in the body"),
}


@pytest.mark.parametrize(("settings", "secret", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_signed_is_said(settings: VerifySettings, secret: bytes, says: str) -> None:
    with pytest.raises(CannotSign, match=says) as caught:
        sign(settings, URL, POST, PEN._replace(secret=secret))
    assert KEY.decode() not in str(caught.value)


def test_ids_and_times_that_are_there_keep_their_place_and_type() -> None:
    body = b'{"signature":{"timestamp":"1","token":"tok","signature":"x"},"price":1}'
    signed = sign(MAILGUN, URL, POST._replace(body=body), PEN)
    found = json.loads(signed.body)
    assert found["signature"]["timestamp"] == str(NOW)
    assert found["signature"]["token"] == "tok"
    assert list(found) == ["signature", "price"]


OLD = ((b"Host", b"h"), (b"stripe-signature", b"t=1,v1=ab,v0=cd"), (b"X-Last", b"z"))


def test_signing_anew_replaces_the_old_signature_where_it_was() -> None:
    fresh = sign_anew(STRIPE, None, Outgoing("POST", b"/in", OLD, b"{}"), KEY, NOW)
    assert fresh is not None
    assert [name for name, _ in fresh.headers] == [b"Host", b"stripe-signature", b"X-Last"]
    assert fresh.body == b"{}"
    assert proven(STRIPE, fresh)
    assert fresh.headers[1][1].startswith(b"t=%d,v1=" % NOW)


def test_signing_anew_keeps_the_id_that_came() -> None:
    secret = b"whsec_" + base64.b64encode(KEY)
    headers = ((b"webhook-id", b"msg_1"), (b"webhook-timestamp", b"1"), (b"webhook-signature", b"v1,xx v1a,yy"))
    fresh = sign_anew(STANDARD, None, Outgoing("POST", b"/in", headers, b"\xff"), secret, NOW)
    assert fresh is not None
    assert fresh.headers[:2] == ((b"webhook-id", b"msg_1"), (b"webhook-timestamp", b"%d" % NOW))
    assert proven(STANDARD, fresh, secret)


def test_signing_anew_leaves_no_signature_of_the_old_time() -> None:
    settings = replace(TIMED, signature=("header:X-One", "header:X-Two"))
    headers = ((b"X-Two", b"old"), (b"X-Time", b"1"), (b"X-One", b"old"))
    fresh = sign_anew(settings, None, Outgoing("POST", b"/in", headers, b""), KEY, NOW)
    assert fresh is not None
    assert [name for name, _ in fresh.headers] == [b"X-Time", b"X-One"]


@pytest.mark.parametrize(
    "settings", [PLAIN, TWILIO, MAILGUN, replace(PLAIN, timestamp="json:/at"), ROWS["a token"], PAYPAL]
)
def test_what_has_no_time_to_renew_goes_as_it_came(settings: VerifySettings) -> None:
    assert sign_anew(settings, URL, POST, KEY, NOW) is None


def test_the_sdks_accept_what_is_signed_here() -> None:
    wall = stripe_time()
    pen = Pen(KEY, wall, b"evt_1")
    ours = sign(STRIPE, None, POST._replace(body=b'{"id":"evt_1","object":"event"}'), pen)
    assert stripe.Webhook.construct_event(ours.body, dict(ours.headers)[b"Stripe-Signature"].decode(), KEY.decode())

    ours = sign(SLACK, None, POST, pen)
    headers = {name.decode(): value.decode() for name, value in ours.headers}
    assert SignatureVerifier(KEY.decode()).is_valid_request(ours.body, headers)

    form = Outgoing("POST", b"/in?a=1", ((b"Content-Type", b"application/x-www-form-urlencoded"),), b"B=2+3&A=&A=x")
    ours = sign(TWILIO, URL, form, pen)
    value = dict(ours.headers)[b"X-Twilio-Signature"].decode()
    url = "https://hooks.example.test/in?a=1"
    assert RequestValidator(KEY.decode()).validate(url, MultiDict([("B", "2 3"), ("A", ""), ("A", "x")]), value)

    ours = sign(TWILIO, URL, POST, pen)
    value = dict(ours.headers)[b"X-Twilio-Signature"].decode()
    url = "https://hooks.example.test" + ours.target.decode()
    assert RequestValidator(KEY.decode()).validate(url, ours.body.decode(), value)


def stripe_time() -> float:
    return SlackClock().now()
