"""anthropic-sdk-python: its errors, streams and pages through the proxy."""

import json

import pytest
from anthropic import Anthropic, InternalServerError

from tests.clients.standing_in import QUICK, Library, events, said, streamed, timed
from tests.support.scripted import plain

LIBRARY = Library("anthropic", "anthropic", {"Anthropic": Anthropic})
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
ASKED = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def test_a_call_arrives_with_our_key_and_no_other(through, provider):
    provider.play(said(MESSAGE))
    assert through("anthropic").messages.create(**ASKED).content[0].text == "hello"
    seen = provider.requests[-1]
    keys = [value for name in (b"authorization", b"x-api-key") for value in seen.values(name)]
    assert [key.removeprefix(b"Bearer ") for key in keys] == [b"made-up-anthropic"]


def test_a_rate_limit_is_waited_out_here(through, provider, calls):
    before = calls("anthropic"), len(provider.requests)
    provider.play(said({"error": {"type": "rate_limit_error"}}, 429, ("Retry-After", "1")), said(MESSAGE))
    with timed() as ended:
        assert through("anthropic").messages.create(**ASKED).id == "msg_1"
    assert ended.seconds >= 1
    assert (calls("anthropic") - before[0], len(provider.requests) - before[1]) == (1, 2)


def test_a_stream_comes_event_by_event(through, provider):
    pieces = [
        {"type": "message_start", "message": {**MESSAGE, "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *[
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
            for word in ("one ", "two ", "three")
        ],
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    provider.play(streamed(*events(*pieces, named=True)))
    with through("anthropic").messages.stream(**ASKED) as stream:
        assert "".join(stream.text_stream) == "one two three"


def test_pages_follow_each_other(through, provider):
    def page(*names: str, more: bool) -> bytes:
        models = [
            {"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"} for name in names
        ]
        return said({"data": models, "has_more": more, "first_id": names[0], "last_id": names[-1]})

    provider.play(lambda seen: page("m3", more=False) if b"after_id=m2" in seen.target else page("m1", "m2", more=True))
    assert [model.id for model in through("anthropic").models.list()] == ["m1", "m2", "m3"]


def test_the_results_of_a_batch_are_fetched_through_the_proxy(through, provider):
    place = f"{provider.url}/v1/messages/batches/b1/results"
    moment = "2026-01-01T00:00:00Z"
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    batch = {"id": "b1", "type": "message_batch", "processing_status": "ended", "request_counts": counts,
             "created_at": moment, "expires_at": moment, "results_url": place}  # fmt: skip
    line = json.dumps({"custom_id": "one", "result": {"type": "canceled"}}).encode() + b"\n"
    provider.play(
        lambda seen: (
            plain(200, line, ("Content-Type", "application/x-jsonl")) if b"/results" in seen.target else said(batch)
        )
    )
    assert [one.custom_id for one in through("anthropic").messages.batches.results("b1")] == ["one"]
    assert provider.requests[-1].values(b"authorization") == [b"Bearer made-up-anthropic"]


def test_a_provider_that_is_down_is_its_own_error_and_a_quick_one(through, calls):
    client = through("anthropic-down")
    with pytest.raises(InternalServerError):
        client.messages.create(**ASKED)
    before = calls("anthropic-down")
    with timed() as ended, pytest.raises(InternalServerError) as raised:
        client.messages.create(**ASKED)
    assert ended.seconds < QUICK
    assert raised.value.response.headers["Outrigger-Error"] == "circuit_open"
    assert calls("anthropic-down") - before == 1  # it obeys X-Should-Retry
