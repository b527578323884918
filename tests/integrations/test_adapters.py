"""The four adapters: what each sends to its provider, and what its provider's words are in ours, row by row."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml

from proxy import integrations
from proxy.capabilities.calling import Answer
from proxy.capabilities.errors import IntegrationError
from proxy.integrations.slack import adapter as slack
from proxy.integrations.stripe.adapter import REASONS
from proxy.model import Headers
from tests.support.normalised import Side
from tests.support.provider import Line, answer

JSON: Headers = ((b"Content-Type", b"application/json"),)
CHARGE = {"amount": 1999, "currency": "EUR", "source": "tok_visa"}
SMS = {"to": "+15005550006", "text": "hello"}
PAID = {"id": "pi_1", "status": "succeeded", "amount": 1999, "currency": "eur"}
STOCK = {"sku": "SKU-1"}
WISH = {"sku": "SKU-1", "quantity": 2, "reference": "order & 1"}


def said(status: int, content: Any) -> Line:
    """An answer in JSON, as often as it is asked for."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda _: answer(status, body, JSON)


def xml(status: int, body: str) -> Line:
    envelope = f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{body}</e:Body></e:Envelope>'
    return lambda _: answer(status, envelope.encode(), ((b"Content-Type", b"text/xml"),))


def fault(code: str, status: int = 500) -> Line:
    return xml(status, f"<e:Fault><faultcode>e:{code}</faultcode><faultstring>secret words</faultstring></e:Fault>")


def error(status: int, kind: str, code: str | None = None, **more: str) -> Line:
    return said(status, {"error": {"type": kind, "code": code, "message": "secret words of sk_test_x", **more}})


def number(code: int, status: int = 400) -> Line:
    return said(status, {"code": code, "message": "secret words", "status": status})


def no(word: str) -> Line:
    return said(200, {"ok": False, "error": word})


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
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "charge": ("payments/charge", CHARGE),
    "refund": ("payments/refund", {"charge": "ch_1"}),
    "send": ("sms/send", SMS),
    "post": ("chat/post", {"channel": "#alerts", "text": "x"}),
    "get": ("inventory/get", STOCK),
    "reserve": ("inventory/reserve", WISH),
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


async def asked(operation: str, *script: Line) -> Any:
    target, content = ASKED[operation]
    return await Side(target.partition("/")[0], *script)(target, content)


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


SOURCES = {
    "tok_visa": ("/v1/payment_intents", "payment_method_data[card][token]"),
    "pm_card_visa": ("/v1/payment_intents", "payment_method"),
    "card_visa": ("/v1/charges", "source"),
    "src_visa": ("/v1/charges", "source"),
}


@pytest.mark.parametrize(("source", "expected"), SOURCES.items())
async def test_a_charge_goes_where_its_source_belongs(source, expected):
    side = Side("payments", said(200, PAID))
    more = {"description": "two & more", "customer": "cus_1", "metadata": {"order": "17"}}
    await side("payments/charge", {**CHARGE, **more, "source": source})
    (request,), form = side.provider.requests, dict(parse_qsl(side.provider.bodies[0].decode()))
    assert (request.target.decode(), form[expected[1]]) == (expected[0], source)
    assert form.items() >= {"amount": "1999", "currency": "eur", "description": "two & more"}.items()
    assert form.items() >= {"customer": "cus_1", "metadata[order]": "17"}.items()
    if expected[0] == "/v1/payment_intents":
        assert (
            form["confirm"] == form["error_on_requires_action"] == form["automatic_payment_methods[enabled]"] == "true"
        )
        assert form["automatic_payment_methods[allow_redirects]"] == "never"


async def test_a_source_of_no_known_kind_is_refused():
    found = await Side("payments")("payments/charge", {**CHARGE, "source": "visa"})
    assert (found.code, found.json["field"]) == ("invalid_request", "source")


@pytest.mark.parametrize(("charge", "name"), [("pi_1", "payment_intent"), ("ch_1", "charge")])
async def test_a_refund_names_what_was_paid(charge, name):
    side = Side("payments", said(200, {**PAID, "id": "re_1", "amount": 5}))
    found = await side("payments/refund", {"charge": charge, "amount": 5})
    assert dict(parse_qsl(side.provider.bodies[0].decode())) == {name: charge, "amount": "5"}
    assert (found.json["id"], found.json["charge"], found.json["amount"]) == ("re_1", charge, 5)


@pytest.mark.parametrize("source", ["tok_visa", "card_visa"])
async def test_a_payment_is_given_back_at_the_fake(source):
    side = Side("payments")
    charge = await side("payments/charge", {**CHARGE, "source": source}, "a")
    refund = await side("payments/refund", {"charge": charge.json["id"]}, "b")
    assert (refund.status, refund.json["status"], refund.json["amount"]) == (200, "succeeded", 1999)
    again = await side("payments/refund", {"charge": charge.json["id"]}, "c")
    assert (again.status, again.code) == (422, "invalid_request")


@pytest.mark.parametrize("status", ["processing", "pending"])
async def test_a_payment_may_still_be_processing(status):
    assert (await asked("charge", said(200, {**PAID, "status": status}))).json["status"] == "processing"


async def test_a_message_is_sent_with_its_callback_and_without_a_key():
    side = Side("sms", said(201, {"sid": "SM1", "status": "accepted", "num_segments": "2"}))
    found = await side("sms/send", {**SMS, "callback": "https://app.example/sms"})
    assert dict(parse_qsl(side.provider.bodies[0].decode())) == {
        "To": "+15005550006",
        "From": "+15005550006",
        "Body": "hello",
        "StatusCallback": "https://app.example/sms",
    }
    assert (found.json["id"], found.json["status"], found.json["segments"]) == ("SM1", "queued", 2)
    assert b"Idempotency-Key" not in dict(side.provider.requests[0].headers)


async def test_a_messaging_service_stands_in_for_a_sender():
    side = Side("sms", said(201, {"sid": "SM1", "status": "sent"}))
    found = await side("sms/send", {**SMS, "from": "MG00000000000000000000000000000000"})
    assert b"MessagingServiceSid=MG0000" in side.provider.bodies[0]
    assert (found.json["status"], found.json["segments"]) == ("sent", 1)


async def nobody(method: str, path: str, **more: object) -> Answer:
    """A pipeline that nothing may reach."""
    raise AssertionError(path)


async def test_a_sender_has_to_come_from_somewhere():
    sms = integrations.get_sms_provider({"provider": "twilio"}, nobody)
    with pytest.raises(IntegrationError) as caught:
        await sms.send("+15005550006", "hello", idempotency_key="k")
    assert caught.value.field == "from"


TWILIO_FAKE = {
    ("+15005550001", None): "to",
    ("+15005550002", None): "to",
    ("+15005550003", None): "to",
    ("+15005550004", None): "to",
    ("+15005550009", None): "to",
    ("+15005550006", "+15005550001"): "from",
    ("+15005550006", "+15005550007"): "from",
}


@pytest.mark.parametrize(("numbers", "field"), TWILIO_FAKE.items())
async def test_the_test_numbers_are_refused_for_their_field(numbers, field):
    to, sender = numbers
    found = await Side("sms")("sms/send", {"to": to, "text": "x", **({"from": sender} if sender else {})})
    assert (found.status, found.json["field"]) == (422, field)
    assert found.code == ("recipient_opted_out" if to.endswith("4") else "invalid_request")


async def test_a_post_goes_into_its_thread():
    side = Side("chat", said(200, {"ok": True, "ts": "1.2", "channel": "C0ALERTS"}))
    found = await side("chat/post", {"channel": "#alerts", "text": "more", "thread": "1.1"})
    assert json.loads(side.provider.bodies[0]) == {"channel": "#alerts", "text": "more", "thread_ts": "1.1"}
    assert (found.json["id"], found.json["channel"]) == ("1.2", "C0ALERTS")


async def test_every_word_of_slack_has_a_code_of_ours():
    for word, row in slack.CODES.items():
        found = await asked("post", no(word))
        assert (found.code, found.json.get("field")) == (row.code, row.field)


async def test_an_envelope_names_its_action_and_escapes_what_it_carries():
    side = Side(
        "inventory",
        xml(200, "<r:ReserveResponse xmlns:r='urn:x'><r:reservationId>R-1</r:reservationId></r:ReserveResponse>"),
    )
    found = await side("inventory/reserve", WISH)
    (request,) = side.provider.requests
    assert (request.target, dict(request.headers)[b"SOAPAction"]) == (b"/svc", b'"urn:outrigger:inventory#Reserve"')
    assert b"<i:reference>order &amp; 1</i:reference>" in side.provider.bodies[0]
    assert found.json["id"] == "R-1"


async def test_what_xml_cannot_carry_is_refused():
    found = await Side("inventory")("inventory/get", {"sku": "a\x01"})
    assert (found.code, found.json["field"]) == ("invalid_request", "sku")


async def test_stock_goes_down_at_the_fake_and_ends():
    side = Side("inventory")
    await side("inventory/reserve", {"sku": "SKU-2", "quantity": 4, "reference": "a"}, "a")
    assert (await side("inventory/get", {"sku": "SKU-2"})).json["quantity"] == 1
    assert (
        await side("inventory/reserve", {"sku": "SKU-2", "quantity": 2, "reference": "b"}, "b")
    ).code == "out_of_stock"
    assert (await side("inventory/get", {"sku": "SKU-9"})).code == "not_found"


@pytest.mark.parametrize("name", ["stripe", "twilio", "slack", "soap"])
def test_the_manifest_names_the_class_that_stands_behind_the_capability(name):
    written = yaml.safe_load((integrations.folder(name) / "manifest.yaml").read_text())["capabilities"]
    found = {capability: integrations.adapter(name, capability) for capability in written}
    assert {capability: f"adapter:{one.__name__}" for capability, one in found.items()} == written
