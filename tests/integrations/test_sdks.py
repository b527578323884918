"""The providers' own Python libraries, unmodified but for the lines that the manifests give, against the fakes."""

from hashlib import sha256

import pytest
import slack_sdk
import slack_sdk.errors
import stripe
import twilio.base.exceptions
import twilio.rest
import zeep
import zeep.exceptions


@pytest.fixture
def stripe_client(snippet) -> stripe.StripeClient:
    return snippet("stripe", stripe=stripe)


@pytest.fixture
def twilio_client(snippet):
    client = snippet("twilio", Client=twilio.rest.Client)
    yield client
    client.http_client.session.close()


@pytest.fixture
def slack_client(snippet) -> slack_sdk.WebClient:
    return snippet("slack", WebClient=slack_sdk.WebClient)


@pytest.fixture
def soap_client(snippet):
    client = snippet("soap", zeep=zeep)
    yield client
    client.transport.session.close()


def test_stripe_takes_a_payment_that_can_be_read_and_refunded(stripe_client):
    customer = stripe_client.v1.customers.create({"email": "ann@example.com", "metadata": {"order": "17"}})
    paid = stripe_client.v1.payment_intents.create(
        {
            "amount": 1999,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "expand": ["latest_charge"],
        }
    )
    assert (paid.status, paid.amount_received, paid.latest_charge.paid) == ("succeeded", 1999, True)
    refund = stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 500})
    charge = stripe_client.v1.charges.retrieve(paid.latest_charge.id)
    assert (refund.status, charge.amount_refunded, charge.refunded) == ("succeeded", 500, False)
    assert stripe_client.v1.customers.retrieve(customer.id).metadata["order"] == "17"


def test_stripe_declines_with_the_library_s_card_error(stripe_client):
    with pytest.raises(stripe.CardError) as raised:
        stripe_client.v1.payment_intents.create(
            {
                "amount": 1999,
                "currency": "eur",
                "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds",
                "confirm": True,
            }
        )
    assert (raised.value.code, raised.value.error.decline_code) == ("card_declined", "insufficient_funds")
    assert raised.value.request_id.startswith("req_")
    assert raised.value.error.payment_intent.status == "requires_payment_method"


def test_stripe_names_the_parameter_that_is_missing(stripe_client):
    with pytest.raises(stripe.InvalidRequestError) as raised:
        stripe_client.v1.payment_intents.create({"amount": 1999})
    assert (raised.value.code, raised.value.param) == ("parameter_missing", "currency")


def test_stripe_pages_through_all_customers_newest_first(stripe_client):
    made = [stripe_client.v1.customers.create({"email": f"{number}@example.com"}).id for number in range(7)]
    found = [customer.id for customer in stripe_client.v1.customers.list({"limit": 3}).auto_paging_iter()]
    assert found == made[::-1]


def test_stripe_answers_a_repeated_key_with_the_first_answer(stripe_client):
    options = {"idempotency_key": "order-17"}
    first = stripe_client.v1.customers.create({"email": "ann@example.com"}, options)
    second = stripe_client.v1.customers.create({"email": "ann@example.com"}, options)
    assert first.id == second.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        stripe_client.v1.customers.create({"email": "bob@example.com"}, options)


def test_stripe_saves_a_card_for_a_customer_and_charges_it_later(stripe_client):
    customer = stripe_client.v1.customers.create()
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}
    method = stripe_client.v1.payment_methods.create({"type": "card", "card": card})
    stripe_client.v1.payment_methods.attach(method.id, {"customer": customer.id})
    listed = stripe_client.v1.customers.payment_methods.list(customer.id)
    assert [(kept.id, kept.card.last4) for kept in listed.data] == [(method.id, "4242")]
    paid = stripe_client.v1.payment_intents.create(
        {"amount": 100, "currency": "usd", "customer": customer.id, "payment_method": method.id, "confirm": True}
    )
    assert paid.status == "succeeded"


def test_twilio_sends_a_message_that_can_be_read_and_deleted(twilio_client):
    sent = twilio_client.messages.create(to="+15551234567", from_="+15005550006", body="Your parcel is here")
    assert (sent.status, sent.num_segments, sent.direction) == ("queued", "1", "outbound-api")
    assert twilio_client.messages(sent.sid).fetch().body == "Your parcel is here"
    assert twilio_client.messages(sent.sid).delete()
    with pytest.raises(twilio.base.exceptions.TwilioRestException) as raised:
        twilio_client.messages(sent.sid).fetch()
    assert (raised.value.status, raised.value.code) == (404, 20404)


def test_twilio_refuses_a_magic_number_with_the_library_s_exception(twilio_client):
    with pytest.raises(twilio.base.exceptions.TwilioRestException) as raised:
        twilio_client.messages.create(to="+15005550001", from_="+15005550006", body="x")
    assert (raised.value.status, raised.value.code) == (400, 21211)


def test_twilio_pages_through_the_messages_to_one_number(twilio_client):
    sent = [
        twilio_client.messages.create(to=to, from_="+15005550006", body=str(number)).sid
        for number in range(5)
        for to in ("+15551234567", "+15557654321")
    ]
    found = [message.sid for message in twilio_client.messages.list(to="+15551234567", page_size=2)]
    assert found == sent[0::2][::-1]


def test_slack_posts_a_message_that_can_be_changed_and_found(slack_client):
    assert slack_client.auth_test()["user_id"] == "U0BOT"
    posted = slack_client.chat_postMessage(channel="#alerts", text="disk full")
    slack_client.chat_update(channel=posted["channel"], ts=posted["ts"], text="disk emptied")
    found = slack_client.conversations_history(channel="C0ALERTS")["messages"]
    assert [(message["ts"], message["text"]) for message in found] == [(posted["ts"], "disk emptied")]


def test_slack_refuses_with_the_library_s_exception(slack_client):
    with pytest.raises(slack_sdk.errors.SlackApiError) as raised:
        slack_client.chat_postMessage(channel="#nowhere", text="x")
    assert raised.value.response["error"] == "channel_not_found"


def test_slack_pages_through_channels_and_messages_by_cursor(slack_client):
    channels = [channel["id"] for page in slack_client.conversations_list(limit=2) for channel in page["channels"]]
    assert channels == ["C0GENERAL", "C0RANDOM", "C0ALERTS"]
    posted = [slack_client.chat_postMessage(channel="C0RANDOM", text=str(number))["ts"] for number in range(5)]
    pages = slack_client.conversations_history(channel="C0RANDOM", limit=2)
    assert [message["ts"] for page in pages for message in page["messages"]] == posted[::-1]


def test_slack_takes_a_file_and_knows_its_size_and_digest(slack_client):
    done = slack_client.files_upload_v2(filename="report.txt", content="all is well", channel="C0GENERAL", title="R")
    file = slack_client.files_info(file=done["file"]["id"])["file"]
    assert (file["name"], file["title"], file["size"], file["channels"]) == ("report.txt", "R", 11, ["C0GENERAL"])
    assert file["sha256"] == sha256(b"all is well").hexdigest()
    assert slack_client.conversations_history(channel="C0GENERAL")["messages"][0]["files"][0]["id"] == file["id"]


def test_soap_reserves_once_and_counts_what_is_left(soap_client):
    assert soap_client.service.GetStock(sku="SKU-2") == 5
    reservation = soap_client.service.Reserve(sku="SKU-2", quantity=3, reference="order-17")
    assert soap_client.service.Reserve(sku="SKU-2", quantity=3, reference="order-17") == reservation
    assert soap_client.service.GetStock(sku="SKU-2") == 2


@pytest.mark.parametrize(("port", "code"), [("InventoryPort", "Client.OutOfStock"), ("InventoryPort12", "Sender")])
def test_soap_refuses_with_the_library_s_fault_in_both_versions(soap_client, port, code):
    service = soap_client.bind("InventoryService", port)
    with pytest.raises(zeep.exceptions.Fault) as raised:
        service.Reserve(sku="SKU-EMPTY", quantity=1, reference="order-18")
    assert raised.value.code.endswith(code)
    if port == "InventoryPort12":
        assert [subcode.localname for subcode in raised.value.subcodes] == ["Client.OutOfStock"]
