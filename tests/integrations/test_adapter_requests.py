"""The four adapters: what each sends to its provider, and where its fake takes it."""

import json
from urllib.parse import parse_qsl

import pytest

from proxy import integrations
from proxy.capabilities.calling import Answer
from proxy.capabilities.errors import IntegrationError
from proxy.integrations.slack import adapter as slack
from tests.support.normalised import Side
from tests.support.provider_words import CHARGE, PAID, SMS, WISH, asked, no, said, xml

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
