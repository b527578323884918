"""What an operation answers when its provider, or something before it, does not."""

import asyncio

import pytest

from proxy.rules.fallback import FallbackSettings
from tests.support.attempts import streamed
from tests.support.normalised import CHARGE, GOOD, JSON, PAID, REFUSED, RESET, Side
from tests.support.provider import answer


async def test_a_decline_is_final_and_replayed():
    side = Side("payments")
    content = {**CHARGE, "source": "tok_chargeDeclinedInsufficientFunds"}
    first, second = await side("payments/charge", content), await side("payments/charge", content)
    assert (first.status, first.json["reason"]) == (402, "insufficient_funds")
    assert (second.headers["Idempotent-Replayed"], second.json) == ("true", first.json)


async def test_a_provider_that_cannot_be_reached_leaves_the_key_free():
    side = Side("payments", REFUSED, REFUSED, REFUSED, answer(200, PAID, JSON))
    found = await side("payments/charge", CHARGE)
    assert (found.status, found.code, found.json["cause"]) == (503, "unavailable", "connect_refused")
    assert (await side("payments/charge", {**CHARGE, "amount": 1999})).status == 200


async def test_the_providers_own_error_is_unavailable():
    found = await Side("sms", answer(500))("sms/send", GOOD["sms/send"])
    assert (found.status, found.code, found.json["cause"]) == (503, "unavailable", "server_error")


LOST = {
    "no answer": (RESET, "upstream_reset"),
    "a broken body": (lambda _: streamed(200, b'{"id"', RESET, headers=JSON), "upstream_reset"),
    "an answer that says nothing": (answer(200, b"<html>"), "upstream_protocol_error"),
}


@pytest.mark.parametrize(("line", "cause"), LOST.values(), ids=LOST)
async def test_sent_and_not_answered_is_an_unknown_outcome_that_is_never_sent_twice(line, cause):
    side = Side("sms", line, answer(500))
    first, second = [await side("sms/send", GOOD["sms/send"]) for _ in range(2)]
    assert (first.status, first.code, first.json["cause"]) == (504, "outcome_unknown", cause)
    assert (second.status, second.code, second.json["cause"]) == (504, "outcome_unknown", cause)
    assert len(side.provider.requests) == 1


async def test_a_provider_with_keys_is_asked_again_under_the_same_one():
    side = Side("payments", RESET, RESET, RESET, answer(200, PAID, JSON))
    first, second = [await side("payments/charge", CHARGE, "o-17") for _ in range(2)]
    assert (first.code, second.status) == ("outcome_unknown", 200)
    sent = {dict(request.headers)[b"Idempotency-Key"] for request in side.provider.requests}
    assert sent == {b"payments:o-17"}
    other = await side("payments/charge", {**CHARGE, "amount": 1}, "o-17")
    assert other.code == "idempotency_conflict"


async def test_an_unknown_outcome_stays_unknown_while_the_provider_cannot_be_reached():
    side = Side("payments", RESET, RESET, RESET, REFUSED)
    await side("payments/charge", CHARGE)
    assert (await side("payments/charge", CHARGE)).code == "unavailable"
    assert (await side("payments/charge", {**CHARGE, "amount": 1})).code == "idempotency_conflict"


async def test_an_attempt_that_was_lost_outweighs_a_later_one_that_had_no_effect():
    found = await Side("payments", RESET, REFUSED)("payments/charge", CHARGE)
    assert (found.code, found.json["cause"]) == ("outcome_unknown", "upstream_reset")


async def test_an_attempt_that_was_lost_and_then_answered_is_known():
    found = await Side("payments", RESET, answer(200, PAID, JSON))("payments/charge", CHARGE)
    assert (found.status, found.headers["Outrigger-Attempts"]) == (200, "2")


async def test_a_deadline_that_passes_while_the_provider_thinks_is_an_unknown_outcome():
    found = await Side("payments", 9.0, answer(200, PAID, JSON))("payments/charge", CHARGE, Outrigger_Timeout="2")
    assert (found.code, found.json["cause"]) == ("outcome_unknown", "deadline_exceeded")


async def test_an_answer_that_drips_ends_with_the_deadline():
    dripping = streamed(200, b"{", 100.0, b"}", headers=JSON)
    side = Side("payments", lambda _: dripping)
    found = await side("payments/charge", CHARGE, Outrigger_Timeout="2")
    assert (found.code, side.loop.time() < 10) == ("outcome_unknown", True)


@pytest.mark.parametrize(("line", "code"), [(REFUSED, "unavailable"), (RESET, "outcome_unknown")])
async def test_a_prepared_answer_is_not_taken_for_the_providers(line, code):
    prepared = FallbackSettings(status=200, body=PAID.decode())
    found = await Side("payments", line, fallback=prepared)("payments/charge", CHARGE)
    assert (found.code, found.json["cause"]) == (code, line.code)


async def test_reading_that_is_not_answered_is_only_unavailable():
    side = Side("inventory", RESET)
    found = await side("inventory/get", {"sku": "SKU-1"}, None)
    assert (found.code, found.json["cause"]) == ("unavailable", "upstream_reset")
    assert len(side.provider.requests) == 3  # and it may be repeated


async def test_an_application_that_hangs_up_leaves_an_unknown_outcome():
    side = Side("sms", 5.0, answer(201))
    leaving = asyncio.create_task(side("sms/send", GOOD["sms/send"]))
    await asyncio.sleep(1.0)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert (await side("sms/send", GOOD["sms/send"])).code == "outcome_unknown"
    assert len(side.provider.requests) == 1


async def test_a_breaker_that_opened_is_unavailable_with_its_cause_and_a_time():
    side = Side("payments", REFUSED)
    causes = [(await side("payments/charge", CHARGE, f"k-{number}")).json for number in range(4)]
    assert causes[0]["cause"] == "connect_refused"
    assert (causes[-1]["code"], causes[-1]["cause"]) == ("unavailable", "circuit_open")
    assert causes[-1]["retry_after"] > 0
    assert len(side.provider.requests) == 5


async def test_too_many_requests_is_said_with_the_time_to_wait():
    told = answer(429, b'{"error": {"code": "rate_limit"}}', ((b"Retry-After", b"300"), *JSON))
    found = await Side("payments", told)("payments/charge", CHARGE)
    assert (found.status, found.code, found.json["retry_after"]) == (429, "rate_limited", 300)
    assert found.headers["Retry-After"] == "300"
