"""The four adapters: what their providers' words are in ours, row by row."""

import pytest
import yaml

from proxy import integrations
from proxy.integrations.stripe.adapter import REASONS
from tests.support.normalised import JSON, Side
from tests.support.provider import Line, answer
from tests.support.provider_words import CHARGE, asked, error, fault, no, number, said, xml

UNAVAILABLE = (503, "unavailable", None)
REJECTED = (502, "provider_rejected_credentials", None)
ROWS: dict[str, tuple[str, Line, tuple[int, str, str | None]]] = {
    # what happened: operation, the provider's answer, (status, code, field) of ours
    "a declined card": ("charge", error(402, "card_error", "card_declined"), (402, "payment_declined", None)),
    "a parameter that is wrong": (
        "charge",
        error(400, "invalid_request_error", "parameter_invalid_integer", param="amount"),
        (422, "invalid_request", "amount"),
    ),
    "a token that is not there": (
        "charge",
        error(400, "invalid_request_error", "resource_missing", param="payment_method_data[card][token]"),
        (404, "not_found", "source"),
    ),
    "a customer that is not there": (
        "charge",
        error(400, "invalid_request_error", "resource_missing", param="customer"),
        (404, "not_found", "customer"),
    ),
    "a charge that is not there": (
        "refund",
        error(404, "invalid_request_error", "resource_missing", param="charge"),
        (404, "not_found", "charge"),
    ),
    "a charge that was given back": (
        "refund",
        error(400, "invalid_request_error", "charge_already_refunded"),
        (422, "invalid_request", None),
    ),
    "a key of another request": ("charge", error(400, "idempotency_error"), (409, "idempotency_conflict", None)),
    "a key in use": (
        "charge",
        error(409, "invalid_request_error", "in_use"),
        (409, "in_progress", None),
    ),
    "too many requests": ("charge", error(429, "invalid_request_error", "rate_limit"), (429, "rate_limited", None)),
    "a lock at the provider": (
        "charge",
        error(429, "invalid_request_error", "lock_timeout"),
        UNAVAILABLE,
    ),
    "a key that is not valid": (
        "charge",
        error(401, "invalid_request_error"),
        REJECTED,
    ),
    "a key without the right": (
        "charge",
        error(403, "invalid_request_error"),
        REJECTED,
    ),
    "an error at Stripe": ("charge", error(500, "api_error"), UNAVAILABLE),
    "an error that is no JSON": ("charge", said(502, b"<html>"), UNAVAILABLE),
    "a bad number": ("send", number(21211), (422, "invalid_request", "to")),
    "a number that is none": ("send", number(21214), (422, "invalid_request", "to")),
    "a land line": ("send", number(21614), (422, "invalid_request", "to")),
    "a bad sender": ("send", number(21212), (422, "invalid_request", "from")),
    "a sender that cannot send": ("send", number(21606), (422, "invalid_request", "from")),
    "a text over the limit": ("send", number(21617), (422, "invalid_request", "text")),
    "a recipient that wants nothing": ("send", number(21610), (422, "recipient_opted_out", "to")),
    "a full queue": ("send", number(21611), (429, "rate_limited", None)),
    "too many messages": ("send", number(20429, 429), (429, "rate_limited", None)),
    "a bad token": ("send", number(20003, 401), REJECTED),
    "a number that nobody knows": ("send", number(21999), (422, "invalid_request", None)),
    "an error at Twilio": ("send", number(20500, 500), UNAVAILABLE),
    "a message over the limit": ("post", no("msg_too_long"), (422, "invalid_request", "text")),
    "a message without text": ("post", no("no_text"), (422, "invalid_request", "text")),
    "a channel that is not there": ("post", no("channel_not_found"), (404, "not_found", "channel")),
    "a channel without the bot": ("post", no("not_in_channel"), (404, "not_found", "channel")),
    "too many posts": ("post", no("ratelimited"), (429, "rate_limited", None)),
    "too many posts, with 429": (
        "post",
        lambda _: answer(429, b'{"ok":false,"error":"ratelimited"}', ((b"Retry-After", b"300"), *JSON)),
        (429, "rate_limited", None),
    ),
    "a bot token that was revoked": ("post", no("token_revoked"), REJECTED),
    "a bot without the right": ("post", no("missing_scope"), REJECTED),
    "an error at Slack": ("post", no("internal_error"), UNAVAILABLE),
    "a word that nobody knows": ("post", no("something_new"), (422, "invalid_request", None)),
    "an article that is not there": ("get", fault("Client.UnknownSku"), (404, "not_found", "sku")),
    "too little in stock": ("reserve", fault("Client.OutOfStock"), (409, "out_of_stock", None)),
    "a quantity that is none": ("reserve", fault("Client.BadQuantity"), (422, "invalid_request", "quantity")),
    "a fault of the caller": ("reserve", fault("Client"), (422, "invalid_request", None)),
    "a fault of the service": ("reserve", fault("Server"), UNAVAILABLE),
    "a fault with status 200": ("reserve", fault("Client.OutOfStock", 200), (409, "out_of_stock", None)),
    "a fault of SOAP 1.2": (
        "reserve",
        xml(
            500,
            "<e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>c:Client.OutOfStock</e:Value></e:Subcode>"
            "</e:Code></e:Fault>",
        ),
        (409, "out_of_stock", None),
    ),
    "a page instead of an envelope": ("get", said(503, b"<html>"), UNAVAILABLE),
    "stock without a number": ("get", xml(200, "<GetStockResponse/>"), UNAVAILABLE),
    "a reservation without an id": ("reserve", xml(200, "<ReserveResponse/>"), (504, "outcome_unknown", None)),
    "a payment without an id": ("charge", said(200, {"status": "succeeded"}), (504, "outcome_unknown", None)),
    "a message without an id": ("send", said(201, {}), (504, "outcome_unknown", None)),
    "a post without an id": ("post", said(200, {"ok": True}), (504, "outcome_unknown", None)),
}
LEAKS = (
    "secret words",
    "sk_test",
    "Stripe",
    "stripe",
    "Twilio",
    "twilio",
    "Slack",
    "slack",
    "example",
    "html",
    "Error",
)


@pytest.mark.parametrize(("operation", "line", "expected"), ROWS.values(), ids=ROWS)
async def test_a_providers_word_in_ours(operation, line, expected):
    found = await asked(operation, line)
    assert (found.status, found.code, found.json.get("field")) == expected
    told = found.json["detail"] + found.json.get("customer_message", "")
    assert not [leak for leak in LEAKS if leak in told]


@pytest.mark.parametrize(("code", "reason"), [*REASONS.items(), ("pickup_card", "generic_decline")])
async def test_why_a_card_was_declined(code, reason):
    by_decline_code = await asked("charge", error(402, "card_error", "card_declined", decline_code=code))
    by_code = await asked("charge", error(402, "card_error", code))
    assert (by_decline_code.json["reason"], by_code.json["reason"]) == (reason, reason)


STRIPE_FAKE = {
    "chargeDeclined": "generic_decline",
    "chargeDeclinedInsufficientFunds": "insufficient_funds",
    "chargeDeclinedLostCard": "lost_card",
    "chargeDeclinedStolenCard": "stolen_card",
    "chargeDeclinedFraudulent": "fraudulent",
    "chargeDeclinedExpiredCard": "expired_card",
    "chargeDeclinedIncorrectCvc": "incorrect_cvc",
    "chargeDeclinedProcessingError": "processing_error",
    "authenticationRequired": "authentication_required",
}


@pytest.mark.parametrize("source", ["tok_{}", "pm_card_{}", "pm_card_visa_{}", "src_{}", "card_{}"])
@pytest.mark.parametrize(("card", "reason"), STRIPE_FAKE.items())
async def test_every_test_card_is_declined_for_its_reason(card, reason, source):
    found = await Side("payments")("payments/charge", {**CHARGE, "source": source.format(card)})
    assert (found.status, found.json["reason"]) == (402, reason)


@pytest.mark.parametrize("name", ["stripe", "twilio", "slack", "soap"])
def test_the_manifest_names_the_class_that_stands_behind_the_capability(name):
    written = yaml.safe_load((integrations.folder(name) / "manifest.yaml").read_text())["capabilities"]
    found = {capability: integrations.adapter(name, capability) for capability in written}
    assert {capability: f"adapter:{one.__name__}" for capability, one in found.items()} == written
