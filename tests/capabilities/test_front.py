"""`POST /_/{capability}/{operation}`: what is asked, what is answered, and what is remembered under a key."""

import asyncio

import pytest

from proxy.rules.callers import Callers, Token
from tests.support.normalised import CHARGE, GOOD, JSON, MOCKS, PAID, RESET, Side
from tests.support.provider import answer

FIELDS = {
    "payments/charge": {"id", "status", "amount", "currency", "provider", "request_id"},
    "sms/send": {"id", "status", "segments", "provider", "request_id"},
    "chat/post": {"id", "channel", "provider", "request_id"},
    "inventory/get": {"sku", "quantity", "provider", "request_id"},
    "inventory/reserve": {"id", "sku", "quantity", "provider", "request_id"},
}
PROVIDERS = {"payments": "stripe", "sms": "twilio", "chat": "slack", "inventory": "soap"}


@pytest.mark.parametrize("operation", GOOD)
async def test_an_operation_answers_its_fields_through_the_provider_s_fake(operation):
    capability = operation.partition("/")[0]
    found = await Side(capability)(operation, GOOD[operation])
    assert (found.status, set(found.json)) == (200, FIELDS[operation])
    assert (found.json["provider"], found.json["request_id"]) == (PROVIDERS[capability], "call-1")
    assert found.headers["Outrigger-Attempts"] == "1"


@pytest.mark.parametrize("operation", GOOD)
async def test_an_operation_answers_the_same_fields_from_the_mock(operation):
    found = await Side()(operation, GOOD[operation])
    assert (found.status, set(found.json), found.json["provider"]) == (200, FIELDS[operation], "mock")
    assert found.json["request_id"] == found.headers["Outrigger-Request-Id"] == "call-1"


INVALID = {
    "an amount of nothing": ("payments/charge", {**CHARGE, "amount": 0}, "amount"),
    "an amount below nothing": ("payments/charge", {**CHARGE, "amount": -1}, "amount"),
    "an amount with a point": ("payments/charge", {**CHARGE, "amount": 19.99}, "amount"),
    "an amount in quotes": ("payments/charge", {**CHARGE, "amount": "1999"}, "amount"),
    "a switch for an amount": ("payments/charge", {**CHARGE, "amount": True}, "amount"),
    "no amount": ("payments/charge", {"currency": "eur", "source": "tok_visa"}, "amount"),
    "a currency of four letters": ("payments/charge", {**CHARGE, "currency": "euro"}, "currency"),
    "a currency with a digit": ("payments/charge", {**CHARGE, "currency": "eu1"}, "currency"),
    "an empty source": ("payments/charge", {**CHARGE, "source": ""}, "source"),
    "metadata that is no map": ("payments/charge", {**CHARGE, "metadata": ["a"]}, "metadata"),
    "a field that is not there": ("payments/charge", {**CHARGE, "ammount": 1}, "ammount"),
    "a refund of nothing": ("payments/refund", {"charge": "ch_1", "amount": 0}, "amount"),
    "a refund without a charge": ("payments/refund", {}, "charge"),
    "a number without its plus": ("sms/send", {"to": "15005550006", "text": "x"}, "to"),
    "a number with blanks": ("sms/send", {"to": "+1 500 555 0006", "text": "x"}, "to"),
    "a text that is too long": ("sms/send", {"to": "+15005550006", "text": "x" * 1601}, "text"),
    "no text": ("sms/send", {"to": "+15005550006", "text": ""}, "text"),
    "a callback that is no address": ("sms/send", {"to": "+15005550006", "text": "x", "callback": "y"}, "callback"),
    "a message that is too long": ("chat/post", {"channel": "#a", "text": "x" * 40_001}, "text"),
    "no channel": ("chat/post", {"text": "x"}, "channel"),
    "no article": ("inventory/get", {}, "sku"),
    "no quantity": ("inventory/reserve", {"sku": "SKU-1", "quantity": 0, "reference": "r"}, "quantity"),
    "no reference": ("inventory/reserve", {"sku": "SKU-1", "quantity": 1}, "reference"),
}


@pytest.mark.parametrize("provider", ["mock", "real"])
@pytest.mark.parametrize("row", INVALID.values(), ids=INVALID)
async def test_what_can_never_work_is_refused_before_anyone_is_asked(row, provider):
    operation, content, field = row
    side = Side() if provider == "mock" else Side(operation.partition("/")[0], answer(500))
    found = await side(operation, content)
    assert (found.status, found.code, found.json["field"]) == (422, "invalid_request", field)
    assert found.headers["Content-Type"] == "application/problem+json"
    assert side.provider.requests == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"amount": NaN}', b"[" * 100_000])
async def test_what_is_no_json_object_is_refused(content):
    found = await Side()("payments/charge", content)
    assert (found.status, found.code) == (422, "invalid_request")


async def test_a_body_over_a_mebibyte_is_refused():
    found = await Side()("payments/charge", b" " * (1 << 20) + b"{}")
    assert (found.status, found.code) == (413, "request_too_large")


@pytest.mark.parametrize("operation", ["nothing/charge", "payments/nothing", "payments", "payments/charge/x", ""])
async def test_what_is_not_configured_is_an_unknown_capability(operation):
    found = await Side()(operation, {})
    assert (found.status, found.code) == (404, "unknown_capability")


async def test_a_capability_that_the_file_leaves_out_is_unknown():
    assert (await Side("payments")("sms/send", GOOD["sms/send"])).code == "unknown_capability"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_operations_are_asked_for_with_post(method):
    found = await Side()("payments/charge", CHARGE, method=method)
    assert (found.status, found.headers["Allow"]) == (405, "POST")


KEYS = {"none": None, "empty": "", "256 characters": "k" * 256, "not printable": "a\tb"}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
async def test_what_writes_needs_a_key(key):
    found = await Side()("payments/charge", CHARGE, key)
    assert (found.status, found.code) == (400, "idempotency_key_required")


async def test_what_reads_needs_no_key():
    assert (await Side()("inventory/get", {"sku": "SKU-1"}, None)).status == 200


@pytest.mark.parametrize("key", ["k", "k" * 255, "a key: with ~ and blanks"])
async def test_a_key_has_1_to_255_printable_characters(key):
    assert (await Side()("payments/charge", CHARGE, key)).status == 200


async def test_a_repeat_gets_the_stored_answer():
    side = Side("payments")
    first, second = await side("payments/charge", CHARGE), await side("payments/charge", CHARGE)
    assert second.json == first.json
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"


async def test_other_content_under_the_same_key_is_a_conflict():
    side = Side("payments")
    await side("payments/charge", CHARGE)
    found = await side("payments/charge", {**CHARGE, "amount": 1})
    assert (found.status, found.code) == (409, "idempotency_conflict")


async def test_the_order_of_fields_does_not_make_other_content():
    side = Side("payments")
    await side("payments/charge", CHARGE)
    assert (await side("payments/charge", dict(reversed(CHARGE.items())))).status == 200


async def test_a_key_belongs_to_its_capability():
    side = Side()
    await side("payments/charge", CHARGE)
    assert (await side("sms/send", GOOD["sms/send"])).status == 200


async def test_a_request_that_still_runs_is_in_progress():
    side = Side("payments", 1.0, answer(200, PAID, JSON))
    first = asyncio.create_task(side("payments/charge", CHARGE))
    await asyncio.sleep(0.5)
    found = await side("payments/charge", CHARGE)
    assert (found.status, found.code) == (409, "in_progress")
    assert (await first).status == 200


async def test_no_retry_is_a_wish_of_the_application_that_counts_here_too():
    side = Side("payments", RESET, answer(200, PAID, JSON))
    assert (await side("payments/charge", CHARGE, Outrigger_Retry="off")).code == "outcome_unknown"
    assert len(side.provider.requests) == 1


async def test_a_wish_that_cannot_be_read_is_a_bad_request():
    found = await Side("payments")("payments/charge", CHARGE, Outrigger_Timeout="soon")
    assert (found.status, found.code) == (400, "bad_request")


CHECKED = {
    "a foreign host": ({"Host": "evil.example"}, 421, "misdirected"),
    "a browser": ({"Origin": "https://evil.example"}, 403, "browser_refused"),
}


@pytest.mark.parametrize(("headers", "status", "code"), CHECKED.values(), ids=CHECKED)
async def test_the_gateway_s_checks_hold_here_too(headers, status, code):
    found = await Side()("payments/charge", CHARGE, **headers)
    assert (found.status, found.code) == (status, code)


async def test_a_caller_needs_its_token_and_the_upstream_behind():
    callers = Callers([Token(b"all-of-them", None), Token(b"others-only", frozenset({"twilio"}))], restricted=True)
    side = Side("payments", callers=callers)
    tokens = {"": 401, "all-of-them": 200, "others-only": 401}
    found = {
        token: (await side("payments/charge", CHARGE, **({"Outrigger_Caller_Token": token} if token else {}))).status
        for token in tokens
    }
    assert found == tokens


async def test_calls_of_an_adapter_are_calls_of_its_upstream_and_those_of_a_mock_are_told_once():
    side = Side("payments")
    await side("payments/charge", CHARGE)
    assert side.heard.of("started") == [("stripe",)]
    assert [event[:2] for event in side.heard.of("ended")] == [(200, "ok")]
    mock = Side()
    await mock("payments/charge", CHARGE)
    await mock("payments/charge", {})
    assert [event[:2] for event in mock.heard.of("ended")] == [(200, "ok"), (409, "idempotency_conflict")]


async def test_what_nobody_real_answered_says_so():
    live, mocked, mock = Side("payments", answer(200, PAID, JSON)), Side("payments", mode="mock"), Side()
    found = [(await side("payments/charge", CHARGE)).headers.get("Outrigger-Mock") for side in (live, mocked, mock)]
    assert found == [None, "true", "true"]


def test_every_capability_has_a_mock():
    assert set(MOCKS) == set(PROVIDERS)
