"""The fake of Stripe: what its objects remember, and its lists."""

import pytest

from proxy import integrations
from proxy.pipeline import Handler
from tests.support.asking import ask
from tests.support.provider import EPOCH

PAID = {"amount": "1000", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}


@pytest.fixture
def fake() -> Handler:
    return integrations.fake("stripe", wall=lambda: EPOCH)


async def made(fake: Handler, line: str, form: dict[str, object] | None = None) -> dict[str, object]:
    answer = await ask(fake, line, form or {})
    assert answer.status == 200, answer.body
    return answer.json


async def test_a_charge_is_refunded_in_parts_and_never_over_its_amount(fake):
    charge = await made(fake, "POST /v1/charges", {"amount": "1000", "currency": "EUR", "source": "tok_visa"})
    assert (charge["currency"], charge["paid"], charge["captured"]) == ("eur", True, True)
    await made(fake, "POST /v1/refunds", {"charge": charge["id"], "amount": "400"})
    answer = await ask(fake, "POST /v1/refunds", {"charge": charge["id"], "amount": "601"})
    assert (answer.status, answer.json["error"]["param"]) == (400, "amount")
    rest = await made(fake, "POST /v1/refunds", {"charge": charge["id"]})
    assert rest["amount"] == 600
    answer = await ask(fake, "POST /v1/refunds", {"charge": charge["id"]})
    assert (answer.status, answer.json["error"]["code"]) == (400, "charge_already_refunded")
    assert (await made(fake, f"GET /v1/charges/{charge['id']}"))["refunded"] is True
    assert len((await made(fake, f"GET /v1/refunds?charge={charge['id']}"))["data"]) == 2


async def test_the_balance_is_what_was_taken_and_not_given_back(fake):
    paid = await made(fake, "POST /v1/payment_intents", PAID)
    await made(fake, "POST /v1/charges", {"amount": "70", "currency": "usd", "source": "src_visa"})
    held = {"amount": "9", "currency": "usd", "source": "card_visa", "capture": "false"}
    await made(fake, "POST /v1/refunds", {"charge": (await made(fake, "POST /v1/charges", held))["id"]})
    await made(fake, "POST /v1/refunds", {"payment_intent": paid["id"], "amount": "300"})
    pending = (await made(fake, "GET /v1/balance"))["pending"]
    assert [(item["currency"], item["amount"]) for item in pending] == [("eur", 700), ("usd", 70)]


async def test_a_held_amount_is_captured_in_part(fake):
    held = await made(fake, "POST /v1/payment_intents", {**PAID, "capture_method": "manual"})
    assert held["amount_capturable"] == 1000
    taken = await made(fake, f"POST /v1/payment_intents/{held['id']}/capture", {"amount_to_capture": "250"})
    assert (taken["status"], taken["amount_received"], taken["amount_capturable"]) == ("succeeded", 250, 0)
    assert (await made(fake, "GET /v1/balance"))["pending"][0]["amount"] == 250


async def test_a_customer_is_changed_field_by_field_and_deleted(fake):
    customer = await made(
        fake, "POST /v1/customers", {"email": "a@b.example", "name": "Ann", "metadata[a]": "1", "metadata[b]": "2"}
    )
    path = f"/v1/customers/{customer['id']}"
    assert customer["created"] == int(EPOCH)
    changed = await made(fake, f"POST {path}", {"name": "", "phone": "1", "metadata[a]": "", "metadata[c]": "3"})
    assert (changed["email"], changed["name"], changed["phone"]) == ("a@b.example", None, "1")
    assert changed["metadata"] == {"b": "2", "c": "3"}
    assert (await made(fake, f"POST {path}", {"metadata": ""}))["metadata"] == {}
    deleted = {"id": customer["id"], "object": "customer", "deleted": True}
    assert await made(fake, f"DELETE {path}") == deleted
    assert await made(fake, f"GET {path}") == deleted
    assert (await ask(fake, f"POST {path}", {"name": "Bob"})).status == 404
    assert (await ask(fake, "POST /v1/payment_intents", {**PAID, "customer": customer["id"]})).status == 400
    assert (await made(fake, "GET /v1/customers"))["data"] == []


async def test_a_customer_s_default_source_is_charged(fake):
    customer = await made(fake, "POST /v1/customers", {"source": "tok_mastercard"})
    form = {"amount": "5", "currency": "usd", "customer": customer["id"]}
    charge = await made(fake, "POST /v1/charges", form)
    assert charge["payment_method_details"]["card"]["brand"] == "mastercard"


async def test_a_card_that_declines_cannot_be_saved_but_one_may_decline_later(fake):
    customer = await made(fake, "POST /v1/customers")
    form = {"customer": customer["id"]}
    answer = await ask(fake, "POST /v1/payment_methods/pm_card_visa_chargeDeclined/attach", form)
    assert (answer.status, answer.json["error"]["code"]) == (402, "card_declined")
    later = await made(fake, "POST /v1/payment_methods/pm_card_chargeCustomerFail/attach", form)
    answer = await ask(fake, "POST /v1/payment_intents", {**PAID, **form, "payment_method": later["id"]})
    assert (answer.status, answer.json["error"]["decline_code"]) == (402, "generic_decline")
    other = await made(fake, "POST /v1/customers")
    taken = await ask(fake, f"POST /v1/payment_methods/{later['id']}/attach", {"customer": other["id"]})
    assert taken.status == 400
    assert (await made(fake, f"POST /v1/payment_methods/{later['id']}/detach"))["customer"] is None


async def test_lists_go_both_ways_from_a_cursor_and_say_if_there_is_more(fake):
    ids = [(await made(fake, "POST /v1/customers", {"email": f"{n % 2}@b.example"}))["id"] for n in range(6)][::-1]

    async def listed(query: str) -> tuple[list[str], bool]:
        page = await made(fake, f"GET /v1/customers?{query}")
        return [customer["id"] for customer in page["data"]], page["has_more"]

    assert await listed("") == (ids, False)
    assert await listed("limit=2") == (ids[:2], True)
    assert await listed(f"limit=2&starting_after={ids[1]}") == (ids[2:4], True)
    assert await listed(f"limit=2&starting_after={ids[3]}") == (ids[4:], False)
    assert await listed(f"limit=2&ending_before={ids[4]}") == (ids[2:4], True)
    assert await listed(f"limit=9&ending_before={ids[2]}") == (ids[:2], False)
    assert await listed("email=1@b.example&limit=2") == ([ids[0], ids[2]], True)
    assert await listed(f"created[gt]={int(EPOCH)}") == ([], False)
    assert await listed(f"created[lte]={int(EPOCH)}&limit=1") == (ids[:1], True)


async def test_ids_become_objects_where_that_is_asked_for(fake):
    customer = await made(fake, "POST /v1/customers", {"name": "Ann"})
    paid = await made(fake, "POST /v1/payment_intents", {**PAID, "customer": customer["id"]})
    query = "expand[]=data.customer&expand[]=data.latest_charge.payment_intent"
    shown = (await made(fake, f"GET /v1/payment_intents?{query}"))["data"][0]
    assert shown["customer"]["name"] == "Ann"
    assert shown["latest_charge"]["payment_intent"]["id"] == paid["id"]
    assert (await made(fake, f"GET /v1/payment_intents/{paid['id']}"))["customer"] == customer["id"]


async def test_what_happened_can_be_read_as_events_newest_first(fake):
    await made(fake, "POST /v1/payment_intents", PAID)
    events = (await made(fake, "GET /v1/events"))["data"]
    assert [event["type"] for event in events] == [
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.created",
    ]
    assert events[2]["data"]["object"]["status"] == "requires_confirmation"
    assert await made(fake, f"GET /v1/events/{events[0]['id']}") == events[0]
    assert len((await made(fake, "GET /v1/events?type=charge.succeeded"))["data"]) == 1


async def test_an_address_is_kept_whole_and_taken_away_by_an_empty_one(fake):
    where = {"address[city]": "Ulm", "shipping[name]": "Ann", "shipping[address][line1]": "Gasse 1"}
    customer = await made(fake, "POST /v1/customers", where)
    assert (customer["address"]["city"], customer["address"]["line2"]) == ("Ulm", None)
    assert (customer["shipping"]["name"], customer["shipping"]["address"]["line1"]) == ("Ann", "Gasse 1")
    changed = await made(fake, f"POST /v1/customers/{customer['id']}", {"address": ""})
    assert (changed["address"], changed["shipping"]) == (None, customer["shipping"])


async def test_a_payment_says_where_it_is_shipped_to(fake):
    paid = await made(fake, "POST /v1/payment_intents", PAID | {"shipping[address][city]": "Ulm"})
    assert paid["shipping"]["address"]["city"] == "Ulm"


async def test_a_charge_shows_its_refunds_to_those_who_ask(fake):
    charge = await made(fake, "POST /v1/charges", {"amount": "1000", "currency": "eur", "source": "tok_visa"})
    await made(fake, "POST /v1/refunds", {"charge": charge["id"], "amount": "1"})
    asked = await made(fake, f"GET /v1/charges/{charge['id']}?expand[]=refunds")
    assert ([one["amount"] for one in asked["refunds"]["data"]], "refunds" in charge) == ([1], False)
