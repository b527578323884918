"""An old event is signed so that the provider's own SDK takes it."""

import time
from dataclasses import replace

import pytest
import stripe

from proxy.config.schema import DeliverSettings, WebhookSettings
from proxy.model import Call
from proxy.rules.credentials import Secret
from proxy.rules.signatures import KeySettings, VerifySettings
from proxy.webhooks.inbox import Arrival
from proxy.webhooks.outgoing import Unsigned, Writer
from tests.support import judging

SECRET = "whsec_made-up-for-this-test"
STRIPE = replace(judging.STRIPE, secrets=("newest", "old"))
BODY = b'{"id": "evt_1", "object": "event", "type": "charge.succeeded", "data": {"object": {}}}'
HOURS = 5 * 3600.0


def arrived(age: float = HOURS, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Arrival:
    old = int(time.time() - age)
    return Arrival(
        id="event-1",
        webhook="stripe",
        event_id="evt_1",
        type=None,
        method="POST",
        query=None,
        headers=(*headers, (b"Stripe-Signature", b"t=%d,v1=%b" % (old, b"0" * 64)), (b"X-After", b"kept")),
        body=BODY,
        key_name="old",
        received_at=time.time() - age,
        state="pending",
    )


def writer(verify: VerifySettings = STRIPE, secrets: tuple[str, ...] = ("newest",), **deliver: object) -> Writer:
    settings = WebhookSettings(
        name="stripe", path="/stripe", verify=verify, deliver=DeliverSettings(url="http://127.0.0.1:9/", **deliver)
    )
    values = {name: Secret(name, SECRET.encode()) for name in secrets}
    return Writer(settings, values.get, time.time)


def test_stripes_own_sdk_takes_an_event_of_hours_ago() -> None:
    request = writer()(arrived(), 4, Call("c", 0.0))
    header = dict(request.headers)[b"Stripe-Signature"].decode()
    event = stripe.Webhook.construct_event(BODY, header, SECRET)
    assert event.id == "evt_1"
    assert [name for name, _ in request.headers][:2] == [b"Stripe-Signature", b"X-After"]


def test_it_would_not_take_it_as_it_came() -> None:
    header = dict(writer(sign="original")(arrived(), 4, Call("c", 0.0)).headers)[b"Stripe-Signature"].decode()
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(BODY, header, SECRET)


UNCHANGED = {  # the scheme, which attempt, how old
    "a first attempt within a minute": (STRIPE, 1, 59.0),
    "a token has no time": (
        VerifySettings(scheme="token", signature=("header:X-T",), body_signed=False, secrets=("newest",)),
        9,
        HOURS,
    ),
    "nor has a signature over the body alone": (
        VerifySettings(scheme="hmac", signature=("header:X",), signed="{body}", secrets=("newest",)),
        9,
        HOURS,
    ),
    "a time in the body cannot change": (
        VerifySettings(
            scheme="hmac",
            signature=("header:X",),
            signed="{body}",
            timestamp="json:/time",
            tolerance=60.0,
            secrets=("newest",),
        ),
        9,
        HOURS,
    ),
    "other keys than HMAC sign nothing here": (
        VerifySettings(
            scheme="ed25519",
            signature=("header:X",),
            signed="{timestamp}{body}",
            timestamp="header:T",
            key=KeySettings(encoding="hex"),
            secrets=("newest",),
        ),
        9,
        HOURS,
    ),
}


@pytest.mark.parametrize(("verify", "attempt", "age"), UNCHANGED.values(), ids=UNCHANGED)
def test_what_goes_as_it_came(verify: VerifySettings, attempt: int, age: float) -> None:
    event = arrived(age)
    request = writer(verify)(event, attempt, Call("c", 0.0))
    assert request.headers[: len(event.headers)] == event.headers


def test_a_secret_that_cannot_be_read_signs_nothing() -> None:
    with pytest.raises(Unsigned, match="secret newest cannot be read"):
        writer(secrets=())(arrived(), 2, Call("c", 0.0))


def test_a_secret_that_is_no_base64_signs_nothing_of_ours_and_is_not_shown() -> None:
    with pytest.raises(Unsigned) as raised:
        writer(sign="outrigger", secret="newest")(arrived(), 1, Call("c", 0.0))
    assert "newest" in str(raised.value)
    assert "made-up" not in str(raised.value)
