"""The fake of Stripe: payments and their states, refusals, lists, keys."""

import pytest

from proxy import integrations
from proxy.integrations.stripe.cards import CARDS
from proxy.pipeline import Handler
from tests.support.asking import ask
from tests.support.provider import EPOCH

PAY = {"amount": "1999", "currency": "eur"}
INTENTS = "POST /v1/payment_intents"


@pytest.fixture
def fake() -> Handler:
    return integrations.fake("stripe", wall=lambda: EPOCH)


async def made(fake: Handler, line: str, form: dict[str, object] | None = None) -> dict[str, object]:
    answer = await ask(fake, line, form or {})
    assert answer.status == 200, answer.body
    return answer.json


CARD_ENDS = {  # card -> code, decline_code of its refusal
    "chargeDeclined": ("card_declined", "generic_decline"),
    "chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "chargeDeclinedFraudulent": ("card_declined", "fraudulent"),
    "chargeDeclinedExpiredCard": ("expired_card", None),
    "chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "chargeDeclinedProcessingError": ("processing_error", None),
    "visa": (None, None),
    "mastercard": (None, None),
}


def ways_to_name(card: str) -> list[dict[str, str]]:
    data = {"payment_method_data[type]": "card"}
    return [
        {"payment_method": f"pm_card_{card}"},
        {"payment_method": f"pm_card_visa_{card}"},
        {**data, "payment_method_data[card][token]": f"tok_{card}"},
        {**data, "payment_method_data[card][token]": f"tok_visa_{card}"},
        {**data, "payment_method_data[card][number]": CARDS[card].number},
    ]


@pytest.mark.parametrize(("card", "code", "decline_code"), [(card, *end) for card, end in CARD_ENDS.items()])
async def test_a_card_ends_as_documented_however_it_is_named(fake, card, code, decline_code):
    for named in ways_to_name(card):
        answer = await ask(fake, INTENTS, {**PAY, **named, "confirm": "true"})
        if code is None:
            assert (answer.status, answer.json["status"]) == (200, "succeeded")
            continue
        error = answer.json["error"]
        assert (answer.status, error["type"]) == (402, "card_error")
        assert (error["code"], error.get("decline_code")) == (code, decline_code)
        intent = await made(fake, f"GET /v1/payment_intents/{error['payment_intent']['id']}")
        assert (intent["status"], intent["last_payment_error"]["code"]) == ("requires_payment_method", code)
        assert intent["payment_method"] is None
        assert error.get("param") == ("cvc" if code == "incorrect_cvc" else None)
        assert (await made(fake, f"GET /v1/charges/{error['charge']}"))["status"] == "failed"


async def test_a_card_that_needs_authentication_waits_for_it_or_is_refused(fake):
    pay = {**PAY, "payment_method": "pm_card_authenticationRequired", "confirm": "true"}
    waiting = await made(fake, INTENTS, {**pay, "return_url": "https://app.example/back"})
    assert (waiting["status"], waiting["next_action"]["type"]) == ("requires_action", "redirect_to_url")
    for wish in ({"error_on_requires_action": "true"}, {"off_session": "true"}):
        refused = await ask(fake, INTENTS, {**pay, **wish})
        assert (refused.status, refused.json["error"]["code"]) == (402, "authentication_required")


WAYS = {  # parameters of the creation; further steps; status at the end
    "created without a method": ({}, [], "requires_payment_method"),
    "created with a method": ({"payment_method": "pm_card_visa"}, [], "requires_confirmation"),
    "confirmed": ({"payment_method": "pm_card_visa"}, [("confirm", {})], "succeeded"),
    "confirmed with a method": ({}, [("confirm", {"payment_method": "pm_card_visa"})], "succeeded"),
    "held": ({"payment_method": "pm_card_visa", "capture_method": "manual"}, [("confirm", {})], "requires_capture"),
    "captured": (
        {"payment_method": "pm_card_visa", "capture_method": "manual", "confirm": "true"},
        [("capture", {})],
        "succeeded",
    ),
    "cancelled": ({}, [("cancel", {"cancellation_reason": "abandoned"})], "canceled"),
    "held and cancelled": (
        {"payment_method": "pm_card_visa", "capture_method": "manual", "confirm": "true"},
        [("cancel", {})],
        "canceled",
    ),
}


@pytest.mark.parametrize(("first", "steps", "status"), WAYS.values(), ids=WAYS)
async def test_a_payment_goes_its_way(fake, first, steps, status):
    intent = await made(fake, INTENTS, {**PAY, **first})
    for step, more in steps:
        await made(fake, f"POST /v1/payment_intents/{intent['id']}/{step}", more)
    assert (await made(fake, f"GET /v1/payment_intents/{intent['id']}"))["status"] == status


REFUSED = {  # what is asked -> status, code, param
    "no amount": ((INTENTS, {"currency": "eur"}), 400, "parameter_missing", "amount"),
    "no currency": ((INTENTS, {"amount": "1"}), 400, "parameter_missing", "currency"),
    "an empty amount": ((INTENTS, {"amount": "", "currency": "eur"}), 400, "parameter_invalid_empty", "amount"),
    "an amount of 0": ((INTENTS, {"amount": "0", "currency": "eur"}), 400, "parameter_invalid_integer", "amount"),
    "a fraction": ((INTENTS, {"amount": "1.5", "currency": "eur"}), 400, "parameter_invalid_integer", "amount"),
    "a map as amount": ((INTENTS, {"amount[x]": "1"}), 400, "parameter_invalid_string", "amount"),
    "no currency's name": ((INTENTS, {"amount": "1", "currency": "euro"}), 400, None, "currency"),
    "an unknown customer": ((INTENTS, {**PAY, "customer": "cus_x"}), 400, "resource_missing", "customer"),
    "an unknown method": ((INTENTS, {**PAY, "payment_method": "pm_x"}), 400, "resource_missing", "payment_method"),
    "confirm without a method": (
        (INTENTS, {**PAY, "confirm": "true"}),
        400,
        "payment_intent_unexpected_state",
        "payment_method",
    ),
    "confirm that is no boolean": ((INTENTS, {**PAY, "confirm": "maybe"}), 400, None, "confirm"),
    "a method without a type": (("POST /v1/payment_methods", {}), 400, "parameter_missing", "type"),
    "a card without a number": (
        ("POST /v1/payment_methods", {"type": "card"}),
        400,
        "parameter_missing",
        "card[number]",
    ),
    "a number that fails the check": (
        ("POST /v1/payment_methods", {"type": "card", "card[number]": "4242424242424241"}),
        402,
        "incorrect_number",
        "card[number]",
    ),
    "a real card's number": (
        ("POST /v1/payment_methods", {"type": "card", "card[number]": "4111111111111111"}),
        402,
        "card_declined",
        None,
    ),
    "a charge of nothing": (("POST /v1/charges", PAY), 400, "parameter_missing", "source"),
    "a refund of nothing": (("POST /v1/refunds", {}), 400, "parameter_missing", "charge"),
    "a refund of an unknown charge": (("POST /v1/refunds", {"charge": "ch_x"}), 404, "resource_missing", "charge"),
    "an unknown payment": (("GET /v1/payment_intents/pi_x", None), 404, "resource_missing", "intent"),
    "an unknown customer's page": (("GET /v1/customers/cus_x", None), 404, "resource_missing", "id"),
    "an unknown event": (("GET /v1/events/evt_x", None), 404, "resource_missing", "id"),
    "a limit over 100": (("GET /v1/customers?limit=101", None), 400, "parameter_invalid_integer", "limit"),
    "a limit that is no number": (("GET /v1/customers?limit=all", None), 400, "parameter_invalid_integer", "limit"),
    "an unknown cursor": (("GET /v1/customers?starting_after=cus_x", None), 400, "resource_missing", "starting_after"),
    "a property that is no object": (("GET /v1/balance?expand[]=pending.foo", None), 400, None, "expand"),
    "an unknown path": (("GET /v1/invoices", None), 404, None, None),
    "another method": (("PATCH /v1/customers", None), 404, None, None),
}


@pytest.mark.parametrize(("asked", "status", "code", "param"), REFUSED.values(), ids=REFUSED)
async def test_refused(fake, asked, status, code, param):
    answer = await ask(fake, *asked)
    error = answer.json["error"]
    assert (answer.status, error.get("code"), error.get("param")) == (status, code, param)
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Outrigger-Mock"] == "true"


async def test_a_body_that_is_no_form_is_refused(fake):
    answer = await ask(fake, INTENTS, content=b"{}", headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")


async def test_a_payment_that_is_over_cannot_be_confirmed_captured_or_cancelled(fake):
    intent = await made(fake, INTENTS, {**PAY, "payment_method": "pm_card_visa", "confirm": "true"})
    for step in ("confirm", "capture", "cancel"):
        answer = await ask(fake, f"POST /v1/payment_intents/{intent['id']}/{step}", {})
        assert (answer.status, answer.json["error"]["code"]) == (400, "payment_intent_unexpected_state")
