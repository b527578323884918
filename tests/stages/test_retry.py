"""Repeats: what is sent again, when, and what the application gets in the end."""

import asyncio

import pytest

from proxy.body import Body, Whole
from proxy.errors import ClientGone, UpstreamFailure
from proxy.model import Request, Response
from proxy.pipeline import Handler
from proxy.rules.outcome import verdict_of
from proxy.rules.retry import BackoffSettings, IdempotencySettings, RetrySettings
from tests.support.attempts import Attempts, Pieces, streamed
from tests.support.provider import answer

RESET = UpstreamFailure("upstream_reset", sent=True)
REFUSED = UpstreamFailure("connect_refused", sent=False)


async def content(response: Response) -> bytes:
    pieces = []
    while piece := await response.body.read():
        pieces.append(piece)
    return b"".join(pieces)


async def test_a_failed_attempt_of_a_safe_call_is_repeated_after_its_backoff():
    attempts = Attempts(answer(503), answer(200, b"done"))
    response = await attempts()
    assert (response.status, await content(response)) == (200, b"done")
    assert attempts.provider.times == pytest.approx([0.0, 0.1])
    assert (attempts.call.attempts, attempts.call.stopped) == (2, None)
    assert attempts.call.waited == pytest.approx(0.1)


async def test_an_answer_that_is_no_failure_goes_back_as_it_is():
    refused = streamed(404, b"no such thing")
    attempts = Attempts(refused)
    assert await attempts() is refused
    assert (attempts.call.attempts, attempts.call.stopped) == (1, None)


async def test_the_last_answer_goes_back_unread_when_attempts_are_spent():
    last = streamed(503, b"third")
    attempts = Attempts(answer(503), answer(500), last)
    assert await attempts() is last
    assert (attempts.call.attempts, attempts.call.stopped) == (3, "attempts")
    assert attempts.heard.of("stopped") == [("attempts",)]


async def test_without_any_answer_the_last_failure_is_the_end():
    attempts = Attempts(RESET, RESET, REFUSED)
    with pytest.raises(UpstreamFailure, match="connect_refused"):
        await attempts()
    assert (attempts.call.attempts, attempts.call.stopped) == (3, "attempts")


async def test_the_last_real_answer_goes_back_when_later_attempts_get_none():
    attempts = Attempts(answer(500, b"first"), answer(503, b"second", ((b"X-Id", b"7"),)), RESET)
    response = await attempts()
    assert (response.status, await content(response)) == (503, b"second")
    assert response.headers == ((b"X-Id", b"7"),)
    assert attempts.call.stopped == "attempts"


async def test_a_told_wait_is_sat_out_in_full():
    attempts = Attempts(answer(503, headers=((b"Retry-After", b"20"),)), answer(200))
    await attempts()
    assert attempts.provider.times == pytest.approx([0.0, 20.5])
    assert attempts.heard.of("retried") == [("5xx", pytest.approx(20.5), True)]


async def test_a_success_that_the_integration_reads_as_a_failure_is_named_by_what_it_was():
    async def classify(request: Request, call_next: Handler) -> Response:
        response = await call_next(request)
        response.verdict = verdict_of("server_error")
        return response

    attempts = Attempts(answer(200), inner=[classify])
    await attempts()
    assert attempts.heard.of("retried")[0][0] == "server_error"


async def test_every_attempt_sends_the_same_request():
    body = Body(Pieces(b"amount=", 0.5, b"1000"), None, 1 << 20)
    attempts = Attempts(answer(503), answer(503), answer(200))
    await attempts("POST", ((b"Idempotency-Key", b"k-1"),), body)
    assert attempts.provider.bodies == [b"amount=1000"] * 3
    assert {request.headers for request in attempts.provider.requests} == {((b"Idempotency-Key", b"k-1"),)}


async def test_a_wait_holds_no_connection():
    closed_at = []
    failed = streamed(503, b"down")
    attempts = Attempts(failed, answer(200), settings=RetrySettings(backoff=BackoffSettings(base=8.0)))
    failed.on_close(lambda _: closed_at.append(attempts.loop.time()))
    await attempts()
    assert (closed_at, attempts.provider.times[1]) == ([0.0], 4.0)


TOO_MUCH = {
    "too large": ((b"x" * 65_537,), 0.0),
    "too slow": ((b"x", 30.0, b"y"), 1.02),
    "broken": ((b"x", RESET), 0.0),
}


@pytest.mark.parametrize(("pieces", "closed"), TOO_MUCH.values(), ids=TOO_MUCH)
async def test_an_answer_that_cannot_be_kept_is_cut_and_a_later_failure_goes_back(pieces, closed):
    failed, closed_at = streamed(503, *pieces), []
    attempts = Attempts(failed, REFUSED)
    failed.on_close(lambda _: closed_at.append(attempts.loop.time()))
    with pytest.raises(UpstreamFailure, match="connect_refused"):
        await attempts()
    assert len(closed_at) == 1
    assert closed_at[0] <= closed


async def test_the_time_in_which_an_answer_is_kept_is_part_of_the_wait():
    attempts = Attempts(streamed(503, 0.04, b"down"), answer(200))
    await attempts()
    assert attempts.provider.times == pytest.approx([0.0, 0.1])


async def test_an_answer_that_trickles_does_not_use_up_the_time_of_the_repeat():
    attempts = Attempts(streamed(503, 30.0, b"down"), answer(200), total=0.9)
    assert (await attempts()).status == 200


async def test_an_answer_of_just_64_kib_is_kept():
    attempts = Attempts(streamed(503, b"x" * 65_536), RESET)
    assert len(await content(await attempts())) == 65_536


async def test_an_answer_that_is_not_repeated_may_be_of_any_size():
    attempts = Attempts(streamed(500, b"x" * 1_000_000))
    assert len(await content(await attempts("POST"))) == 1_000_000
    assert attempts.call.stopped == "not_idempotent"


async def test_an_application_that_leaves_during_the_wait_ends_the_call():
    attempts = Attempts(answer(503), settings=RetrySettings(backoff=BackoffSettings(base=8.0)))
    task = attempts.loop.create_task(attempts())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert attempts.loop.time() == 1.0
    assert len(attempts.provider.requests) == 1
    assert attempts.call.waited == pytest.approx(1.0)


async def test_an_application_that_leaves_while_an_answer_is_kept_leaves_nothing_open():
    failed, closed = streamed(503, 0.5, b"x"), []
    failed.on_close(closed.append)
    attempts = Attempts(failed)
    task = attempts.loop.create_task(attempts())
    await asyncio.sleep(0.25)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == [None]


async def test_an_application_that_is_gone_is_not_repeated_for():
    attempts = Attempts(ClientGone())
    with pytest.raises(ClientGone):
        await attempts()
    assert len(attempts.provider.requests) == 1


async def test_a_mistake_in_a_rule_leaves_no_answer_open():
    def mistaken(_: object) -> bool:
        raise LookupError("a bug")

    failed, closed = streamed(503, b"x"), []
    failed.on_close(closed.append)
    with pytest.raises(LookupError):
        await Attempts(failed, safe=mistaken)("POST")
    assert closed == [None]


GENERATE = RetrySettings(idempotency=IdempotencySettings(generate=True))


async def test_a_generated_key_is_the_calls_id_on_every_attempt():
    attempts = Attempts(answer(500), answer(200), settings=GENERATE)
    response = await attempts("POST", ((b"Accept", b"*/*"),), Body(Whole(b"a=1"), 3, 99))
    assert response.status == 200
    assert [request.headers for request in attempts.provider.requests] == [
        ((b"Accept", b"*/*"), (b"Idempotency-Key", b"c0ffee"))
    ] * 2


KEYS = {
    "the application's own key stays": ("POST", ((b"idempotency-key", b"k"),), ((b"idempotency-key", b"k"),)),
    "an empty one is replaced": ("PATCH", ((b"idempotency-key", b""),), ((b"Idempotency-Key", b"c0ffee"),)),
    "a method that needs none gets none": ("PUT", (), ()),
}


@pytest.mark.parametrize(("method", "headers", "sent"), KEYS.values(), ids=KEYS)
async def test_key(method, headers, sent):
    attempts = Attempts(answer(200), settings=GENERATE)
    await attempts(method, headers)
    assert attempts.provider.requests[0].headers == sent


async def test_no_key_is_added_where_nobody_asked_for_one():
    attempts = Attempts(answer(200))
    await attempts("POST")
    assert attempts.provider.requests[0].headers == ()


async def test_the_debug_log_is_told_of_each_decision():
    attempts = Attempts(answer(503), answer(500))
    attempts.call.decisions = []
    await attempts()
    told = [text for _, stage, text in attempts.call.decisions if stage == "retry"]
    assert told == [
        "attempt 1 ended with 5xx; again in 0.100 s",
        "attempt 2 ended with 5xx; again in 0.200 s",
        "5xx after attempt 3; stopped: attempts",
    ]
