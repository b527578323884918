"""A past call in plain words, and as a ticket that may leave the house."""

import pytest

from proxy.cli.story import story, ticket
from proxy.errors import CODES

NOON = 1_790_000_000.0


def exchange(number=1, status=503, outcome="5xx", body='{"error":"down"}', **about):
    request = {"method": "POST", "target": "/v1/charges?a=b", "headers": [["X-App", "inner"]], "body": "card=1"}
    response = {"status": status, "headers": [["Request-Id", f"req_{number}"]], "body": body, "truncated": False}
    return {
        "attempt": number, "started_ms": number * 100.0, "duration_ms": 40.0, "outcome": outcome, "request": request,
        "response": response if status else None, **about,
    }  # fmt: skip


def call(*exchanges, **about):
    return {
        "id": "ours-1", "upstream": "stripe", "method": "POST", "target": "/v1/charges?a=b", "status": 503,
        "code": None, "attempts": len(exchanges), "started": NOON, "duration_ms": 250.4, "stopped": "attempts",
        "upstream_request_id": "req_2", "decisions": [{"at_ms": 150.0, "stage": "retry", "text": "again in 0.050 s"}],
        "exchanges": list(exchanges), **about,
    }  # fmt: skip


def test_a_story_tells_attempts_and_decisions_in_the_order_of_time():
    lines = list(story(call(exchange(1), exchange(2)), ["Request-Id"]))
    assert lines == [
        "POST /v1/charges?a=b to stripe, 2026-09-21 14:13:20 UTC",
        "It ended with 503 after 250 ms; 2 attempts were made.",
        "    100.0 ms  attempt 1 goes out: 503 after 40 ms, their id req_1",
        "    150.0 ms  retry: again in 0.050 s",
        "    200.0 ms  attempt 2 goes out: 503 after 40 ms, their id req_2",
        "It was not repeated further: that was the last attempt that retry.attempts allows.",
        "The provider knows it as req_2: --ticket writes what to send to its support.",
    ]


def test_a_story_of_a_refused_webhook_request_says_why_and_sends_nothing_out():
    refused = {"code": "bad_signature", "stopped": None, "upstream_request_id": None, "upstream": "webhooks.stripe"}
    why = [{"at_ms": 0.0, "stage": "webhook", "text": "none fits"}]
    told = call(exchange(0, 401, "bad_signature"), **refused, status=401, attempts=0, duration_ms=0.0, decisions=why)
    assert list(story(told, [])) == [
        "POST /v1/charges?a=b to webhooks.stripe, 2026-09-21 14:13:20 UTC",
        "It ended with 401 bad_signature after 0 ms; no attempt was made.",
        "      0.0 ms  webhook: none fits",
    ]


ENDINGS = {  # what the log has; a piece of the story
    "a refusal before any attempt": (call(code="circuit_open"), "503 circuit_open (Circuit open) after"),
    "no attempt": (call(code="circuit_open"), "no attempt was made"),
    "no answer": (call(exchange(status=0, outcome="connect_refused")), "connect_refused (Connection refused) after 40"),
    "a body that broke off": (
        call(exchange(status=200, outcome="upstream_reset")),
        "200, whose body broke off: upstream_reset (Upstream reset)",
    ),
    "an application that left": (
        call(exchange(), status=None, code="client_gone"),
        "the application hung up after 250",
    ),
}


@pytest.mark.parametrize(("told", "piece"), ENDINGS.values(), ids=ENDINGS)
def test_a_story_says_how_it_ended(told, piece):
    assert piece in "\n".join(story(told, []))


STOPS = [
    "attempts", "deadline", "budget", "not_idempotent", "body_not_replayable", "retry_after_too_long", "circuit_open",
    "off", "response_started", "provider_says_no", "draining", "cooldown", "rate_limited", "concurrency_full",
]  # fmt: skip


@pytest.mark.parametrize("word", STOPS)
def test_every_reason_against_a_repeat_has_words(word):
    assert f"It was not repeated further: {word}." not in list(story(call(exchange(), stopped=word), []))


def test_a_ticket_holds_both_ids_each_attempt_and_the_providers_answer_but_nothing_of_ours():
    text = "\n".join(ticket(call(exchange(1), exchange(2)), ["Request-Id"]))
    for piece in ("Your request id: req_2", "ours-1", "their id req_1", "2026-09-21 14:13:20.100", '{"error":"down"}'):
        assert piece in text
    assert "card=1" not in text
    assert "inner" not in text


def test_a_ticket_about_no_answer_says_what_was_seen_of_it():
    text = "\n".join(ticket(call(exchange(status=0, outcome="upstream_timeout"), upstream_request_id=None), []))
    assert "Your request id: none was answered" in text
    assert CODES["upstream_timeout"].title in text
