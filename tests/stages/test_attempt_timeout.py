"""One attempt's time: what starts it, what moves it, and what its end is called."""

import asyncio

import pytest

from proxy.errors import ClientGone, Refusal, StaleConnection, UpstreamFailure
from proxy.model import Call, Request, Response
from proxy.pipeline import Handler, onion
from proxy.stages.attempt_timeout import AttemptTimeoutStage
from proxy.timing import Alarms
from tests.support.attempts import Heard
from tests.support.provider import Line, Provider, answer, clock

LATE = 0.02  # seconds that an alarm may ring late


class One:
    """One attempt after the other of the same call, through the stage alone."""

    def __init__(self, transport: Handler, *, first_byte: float = 30.0, deadline: float = 60.0) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time
        self.heard = Heard()
        self.call = Call("id", 0.0, deadline=deadline)
        stage = AttemptTimeoutStage(
            "stripe", first_byte=first_byte, connect=2.0, clock=clock(loop), alarms=Alarms(loop), events=self.heard
        )
        self._handler = onion([stage], transport)

    async def __call__(self, *, fresh: bool = False) -> Response:
        return await self._handler(Request("GET", b"/", (), None, self.call, fresh=fresh))


def scripted(*script: Line, first_byte: float = 30.0, deadline: float = 60.0) -> One:
    return One(Provider(asyncio.get_running_loop(), script), first_byte=first_byte, deadline=deadline)


async def test_an_attempt_that_never_makes_progress_ends_after_connect_and_first_byte():
    one = scripted(100.0, answer())
    with pytest.raises(UpstreamFailure, match="upstream_timeout") as caught:
        await one()
    assert caught.value.sent
    assert 32.0 <= one.now() <= 32.0 + LATE
    assert one.heard.of("attempt") == [("upstream_timeout", pytest.approx(one.now()))]


async def test_the_first_byte_is_waited_for_from_the_moment_the_head_was_sent():
    async def transport(request: Request) -> Response:
        await asyncio.sleep(1.0)
        request.call.progress()
        await asyncio.sleep(100)
        raise AssertionError

    one = One(transport)
    with pytest.raises(UpstreamFailure, match="upstream_timeout"):
        await one()
    assert 31.0 <= one.now() <= 31.0 + LATE


async def test_a_body_that_moves_moves_the_end_of_the_attempt():
    async def transport(request: Request) -> Response:
        for _ in range(10):
            await asyncio.sleep(25.0)
            request.call.progress()
        return answer()

    one = One(transport, deadline=1000.0)
    assert (await one()).status == 200
    assert one.now() == 250.0


async def test_but_not_beyond_the_deadline():
    async def transport(request: Request) -> Response:
        while True:
            request.call.progress()
            await asyncio.sleep(5.0)

    one = One(transport, deadline=22.0)
    with pytest.raises(Refusal, match="deadline_exceeded"):
        await one()
    assert 22.0 <= one.now() <= 22.0 + LATE
    assert one.heard.of("attempt") == [("deadline_exceeded", pytest.approx(one.now()))]


async def test_the_deadline_ends_an_attempt_that_still_connects():
    one = scripted(100.0, answer(), deadline=1.5)
    with pytest.raises(Refusal, match="deadline_exceeded"):
        await one()
    assert 1.5 <= one.now() <= 1.5 + LATE


async def test_where_both_end_at_once_it_is_the_deadline():
    one = scripted(100.0, answer(), deadline=32.0)
    with pytest.raises(Refusal, match="deadline_exceeded"):
        await one()


async def test_no_attempt_is_begun_at_the_deadline():
    one = scripted(answer(), deadline=0.0)
    with pytest.raises(Refusal, match="deadline_exceeded"):
        await one()
    assert (one.call.attempts, one.heard.all) == (0, [])


async def test_a_first_byte_of_zero_leaves_the_deadline_alone():
    one = scripted(100.0, answer(), first_byte=0.0, deadline=500.0)
    assert (await one()).status == 200


async def test_progress_of_an_attempt_that_is_over_does_no_harm():
    moved = []

    async def transport(request: Request) -> Response:
        moved.append(request.call.progress)
        return answer()

    one = One(transport, deadline=500.0)
    await one()
    moved[0]()
    await asyncio.sleep(100)
    assert (await one()).status == 200


OUTCOMES = {200: "ok", 302: "ok", 404: "4xx", 429: "429", 500: "5xx"}


@pytest.mark.parametrize(("status", "outcome"), OUTCOMES.items())
async def test_an_answer_is_counted(status, outcome):
    one = scripted(1.5, answer(status))
    await one()
    assert one.heard.of("attempt") == [(outcome, 1.5)]


async def test_a_failure_is_counted_by_its_code():
    one = scripted(1.5, UpstreamFailure("connect_refused", sent=False))
    with pytest.raises(UpstreamFailure):
        await one()
    assert one.heard.of("attempt") == [("connect_refused", 1.5)]


async def test_every_attempt_counts_but_one_on_a_fresh_connection_is_the_same_again():
    one = scripted(answer())
    await one()
    await one(fresh=True)
    await one()
    assert one.call.attempts == 2


async def test_a_stale_connection_ends_no_attempt():
    one = scripted(StaleConnection(sent=True))
    with pytest.raises(StaleConnection):
        await one()
    assert one.heard.all == []


async def test_without_its_credential_nothing_was_attempted():
    one = scripted(Refusal("secret_unavailable"))
    with pytest.raises(Refusal, match="secret_unavailable"):
        await one()
    assert (one.call.attempts, one.heard.all) == (0, [])


async def test_a_refusal_in_the_middle_of_the_upload_was_an_attempt():
    one = scripted(Refusal("request_too_large"))
    with pytest.raises(Refusal):
        await one()
    assert (one.call.attempts, one.heard.of("attempt")) == (1, [("request_too_large", 0.0)])


async def test_an_application_that_left_is_no_outcome_of_an_attempt():
    one = scripted(ClientGone())
    with pytest.raises(ClientGone):
        await one()
    assert one.heard.all == []


async def test_a_timeout_of_something_else_is_not_taken_for_ours():
    one = scripted(TimeoutError("a bug"))
    with pytest.raises(TimeoutError, match="a bug"):
        await one()
