"""A prepared or kept answer in place of one that cannot be had."""

import asyncio

import pytest

from proxy.errors import Refusal, UpstreamFailure
from proxy.model import Response
from proxy.rules.fallback import EACH, FallbackSettings
from proxy.rules.retry import RetrySettings
from tests.support.attempts import Pieces, streamed
from tests.support.chain import Chain
from tests.support.provider import answer

GONE = UpstreamFailure("connect_refused", sent=False)
ONCE = RetrySettings(attempts=1)
PREPARED = FallbackSettings(status=200, body={"items": []})
STALE = FallbackSettings(stale=300.0)


def chain(fallback: FallbackSettings, *script: object) -> Chain:
    return Chain(*script, fallback=fallback, retry=ONCE)


async def test_a_failure_gives_the_prepared_answer_and_says_why():
    waiting = chain(PREPARED, GONE)
    response = await waiting()
    assert (response.status, response.reason, response.length, response.made_here) == (
        200,
        b"OK",
        13,
        "connect_refused",
    )
    assert response.headers == (
        (b"Content-Type", b"application/json"),
        (b"Outrigger-Fallback", b"true"),
        (b"Outrigger-Error", b"connect_refused"),
        (b"Proxy-Status", b'outrigger; error=connection_refused; details="Connection refused."'),
    )
    assert waiting.heard.of("ended")[0][:2] == (200, "connect_refused")


async def test_an_answer_of_the_upstream_is_an_answer():
    assert (await chain(PREPARED, answer(503, b"theirs"))()).status == 503


async def test_when_it_says_so_an_error_of_the_upstream_is_replaced_too():
    theirs = answer(502, b"theirs")
    closed: list[object] = []
    theirs.on_close(closed.append)
    response = await chain(FallbackSettings(status=200, when="5xx"), theirs)()
    assert (response.status, dict(response.headers)[b"Proxy-Status"]) == (200, b"outrigger; received-status=502")
    assert closed == [None]


@pytest.mark.parametrize("status", [200, 404, 429])
async def test_other_answers_are_not_replaced_even_then(status):
    assert (await chain(FallbackSettings(status=299, when="5xx"), answer(status))()).status == status


async def test_what_the_application_did_itself_is_not_hidden():
    with pytest.raises(Refusal, match="bad_request"):
        await chain(PREPARED, Refusal("bad_request"))()


async def test_an_application_that_left_gets_nothing():
    task = chain(PREPARED, 60.0, answer()).start()
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_last_good_answer_is_given_with_its_age():
    good = answer(200, b"good", ((b"ETag", b'"1"'), (b"Age", b"5"), (b"Set-Cookie", b"a=b")))
    waiting = chain(STALE, answer(200, b"old"), good, GONE)
    for _ in range(2):
        await waiting()
    await asyncio.sleep(100)
    response = await waiting()
    fields = dict(response.headers)
    assert (response.status, response.length, fields[b"ETag"], fields[b"Age"]) == (200, 4, b'"1"', b"105")
    assert fields[b"Outrigger-Fallback"] == b"true"
    assert b"Set-Cookie" not in fields


async def test_an_answer_that_is_too_old_is_not_given():
    waiting = chain(STALE, answer(200, b"good"), GONE)
    await waiting()
    await asyncio.sleep(301)
    with pytest.raises(UpstreamFailure):
        await waiting()


async def test_another_target_and_another_method_have_no_answer():
    waiting = chain(STALE, answer(200, b"good"), GONE)
    await waiting("GET", b"/a")
    for method, target in (("GET", b"/b"), ("GET", b"/a?b"), ("POST", b"/a"), ("HEAD", b"/a")):
        with pytest.raises(UpstreamFailure):
            await waiting(method, target)
    assert (await waiting("GET", b"/a")).status == 200


async def test_a_prepared_answer_stands_in_where_none_was_kept():
    waiting = chain(FallbackSettings(stale=300.0, status=299), GONE)
    assert (await waiting()).status == 299


NOT_KEPT = {
    "broken": [streamed(200, b"hal", UpstreamFailure("upstream_reset", sent=True))],
    "too long": [streamed(200, b"x" * EACH, b"x")],
    "said to be too long": [Response(200, b"", (), Pieces(b"x"), EACH + 1)],
    "a failure": [answer(500, b"no")],
}


@pytest.mark.parametrize("first", NOT_KEPT.values(), ids=NOT_KEPT)
async def test_what_did_not_come_whole_is_not_kept(first):
    waiting = chain(STALE, *first, GONE)
    await asyncio.gather(waiting.start(), return_exceptions=True)
    with pytest.raises(UpstreamFailure):
        await waiting()


async def test_a_body_without_a_length_is_kept_once_it_ended():
    waiting = chain(STALE, streamed(200, b"in ", b"pieces"), GONE)
    await waiting()
    assert (await waiting()).length == 9
