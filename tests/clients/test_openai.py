"""openai-python: its errors, streams, pages and uploads through the proxy."""

import pytest
from openai import APIStatusError, InternalServerError, OpenAI, RateLimitError

from tests.clients.standing_in import QUICK, Library, events, said, streamed, timed

LIBRARY = Library("openai", "openai", {"OpenAI": OpenAI}, path="/v1")
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
}
FILE = {"object": "file", "bytes": 1, "created_at": 1, "filename": "f", "purpose": "batch", "status": "x"}
ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_a_call_arrives_with_our_key_at_the_provider_s_path(through, provider):
    provider.play(said(COMPLETION))
    assert through("openai").chat.completions.create(**ASKED).choices[0].message.content == "hello"
    seen = provider.requests[-1]
    assert (seen.target, seen.values(b"authorization")) == (b"/v1/chat/completions", [b"Bearer made-up-openai"])


def test_a_rate_limit_is_waited_out_here(through, provider, calls):
    before = calls("openai"), len(provider.requests)
    provider.play(said({"error": {"code": "rate_limit_exceeded"}}, 429, ("Retry-After", "1")), said(COMPLETION))
    with timed() as ended:
        assert through("openai").chat.completions.create(**ASKED).id == "chatcmpl-1"
    assert ended.seconds >= 1
    assert (calls("openai") - before[0], len(provider.requests) - before[1]) == (1, 2)


def test_a_used_up_budget_is_its_own_error_and_nobody_repeats_it(through, provider, calls):
    before = len(provider.requests)
    provider.play(said({"error": {"code": "insufficient_quota", "message": "pay"}}, 429))
    with through("openai") as client, pytest.raises(RateLimitError) as raised:
        client.chat.completions.create(**ASKED)  # with the repeats that it makes by itself
    assert raised.value.code == "insufficient_quota"
    assert raised.value.response.headers["Outrigger-Retry-Stopped"] == "provider_says_no"
    assert len(provider.requests) - before == 1


def test_a_stream_comes_event_by_event(through, provider):
    chunks = [
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
            {"index": 0, "delta": {"content": word}, "finish_reason": None}]}
        for word in ("one", "two", "three")
    ]  # fmt: skip
    provider.play(streamed(*events(*chunks, "[DONE]")))
    found = [
        chunk.choices[0].delta.content for chunk in through("openai").chat.completions.create(**ASKED, stream=True)
    ]
    assert found == ["one", "two", "three"]


def test_pages_follow_each_other(through, provider):
    def page(*names: str, more: bool) -> bytes:
        return said({"object": "list", "data": [{**FILE, "id": name} for name in names], "has_more": more})

    provider.play(
        lambda seen: (
            page("file-3", more=False) if b"after=file-2" in seen.target else page("file-1", "file-2", more=True)
        )
    )
    assert [file.id for file in through("openai").files.list()] == ["file-1", "file-2", "file-3"]


def test_an_upload_arrives_whole(through, provider):
    provider.play(said({**FILE, "id": "file-9"}))
    content = bytes(range(256)) * 8192  # 2 MiB: more than is kept for a repeat
    assert through("openai").files.create(file=("f.bin", content), purpose="batch").id == "file-9"
    assert content in provider.requests[-1].body


def test_a_provider_that_is_down_is_its_own_error_and_a_quick_one(through, calls):
    client = through("openai-down")
    with pytest.raises(APIStatusError):
        client.chat.completions.create(**ASKED)
    before = calls("openai-down")
    with timed() as ended, pytest.raises(InternalServerError) as raised:
        client.chat.completions.create(**ASKED)
    assert ended.seconds < QUICK
    assert raised.value.response.headers["Outrigger-Error"] == "circuit_open"
    assert calls("openai-down") - before == 1  # it obeys X-Should-Retry
