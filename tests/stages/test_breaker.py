"""The breaker's stage: permits, evidence, what is told to whom."""

import asyncio

import pytest

from proxy.body import Whole
from proxy.errors import Refusal, StaleConnection, UpstreamFailure
from proxy.events import Events
from proxy.model import FINE, Call, Evidence, Request, Response, Verdict
from proxy.rules.breaker import CLOSED, HALF_OPEN, OPEN, Breaker, BreakerSettings
from proxy.stages.breaker import BreakerStage
from tests.support.provider import Provider, answer

TWO = BreakerSettings(failure_threshold=2, recovery_timeout=60.0)
DOWN = UpstreamFailure("connect_refused", sent=False)


class Heard(Events):
    def __init__(self) -> None:
        self.moves: list[tuple[str, str, bool]] = []

    def breaker_moved(self, upstream: str, to: str, *, by_hand: bool) -> None:
        self.moves.append((upstream, to, by_hand))


class Setting:
    """A stage around a scripted provider."""

    def __init__(self, *script, settings: BreakerSettings = TWO) -> None:
        loop = asyncio.get_running_loop()
        self.breaker = Breaker(settings, 60.0)
        self.events = Heard()
        self.stage = BreakerStage("stripe", self.breaker, loop.time, self.events)
        self.provider = Provider(loop, script)
        self.decisions: list[tuple[float, str, str]] = []

    async def attempt(self, inner=None) -> Response:
        call = Call(id="1", started=0.0, decisions=self.decisions)
        request = Request("GET", b"/", (), None, call)
        return await self.stage(request, inner or self.provider)

    async def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises((UpstreamFailure, Refusal)):
                await self.attempt()


def said(evidence: Evidence, status: int = 200) -> Response:
    response = answer(status)
    response.verdict = Verdict(outcome="ok", evidence=evidence)
    return response


async def test_failures_in_a_row_open_it_and_the_next_attempt_touches_nobody():
    setting = Setting(DOWN)
    await setting.fail(2)
    with pytest.raises(Refusal) as refused:
        await setting.attempt()
    assert (refused.value.code, refused.value.retry_after) == ("circuit_open", 60.0)
    assert len(setting.provider.requests) == 2
    assert setting.decisions[-1] == (0.0, "breaker", f"{refused.value.detail} Next probe in 60 s.")


async def test_an_open_breaker_says_in_how_many_seconds_it_will_be_tried():
    setting = Setting(DOWN)
    await setting.fail(2)
    await asyncio.sleep(22.5)
    with pytest.raises(Refusal) as refused:
        await setting.attempt()
    assert refused.value.retry_after == 38.0


async def test_after_the_recovery_timeout_one_probe_goes_and_the_others_are_told_one_second():
    setting = Setting(DOWN, DOWN, 5.0, answer())
    await setting.fail(2)
    await asyncio.sleep(60)
    probe = asyncio.get_running_loop().create_task(setting.attempt())
    await asyncio.sleep(1)
    with pytest.raises(Refusal) as refused:
        await setting.attempt()
    assert (refused.value.code, refused.value.retry_after) == ("circuit_open", 1.0)
    assert (await probe).status == 200
    assert setting.breaker.state == CLOSED


async def test_each_change_of_state_is_told_once():
    setting = Setting(DOWN, DOWN, answer())
    await setting.fail(3)
    await asyncio.sleep(60)
    await setting.attempt()
    await setting.attempt()
    assert setting.events.moves == [("stripe", to, False) for to in (OPEN, HALF_OPEN, CLOSED)]


VERDICTS = {
    "a success breaks the row": (Evidence.SUCCESS, CLOSED),
    "a failure that has a head counts": (Evidence.FAILURE, OPEN),
    "a neutral answer does nothing": (Evidence.NEUTRAL, CLOSED),
}


@pytest.mark.parametrize(("evidence", "state"), VERDICTS.values(), ids=VERDICTS)
async def test_verdict(evidence: Evidence, state: str):
    setting = Setting(DOWN, lambda _: said(evidence, 500))
    await setting.fail(1)
    await setting.attempt()
    assert setting.breaker.state == state


CODES = {
    "connect_refused": OPEN,
    "connect_timeout": OPEN,
    "dns_error": OPEN,
    "tls_error": OPEN,
    "upstream_reset": OPEN,
    "upstream_timeout": OPEN,
    "upstream_protocol_error": OPEN,
    "egress_denied": CLOSED,
}


@pytest.mark.parametrize(("code", "state"), CODES.items(), ids=CODES)
async def test_failure(code: str, state: str):
    setting = Setting(UpstreamFailure(code, sent=True))
    await setting.fail(2)
    assert setting.breaker.state == state


async def test_a_stale_connection_is_no_evidence():
    setting = Setting(StaleConnection(sent=True))
    await setting.fail(9)
    assert setting.breaker.state == CLOSED


@pytest.mark.parametrize("error", [Refusal("concurrency_full"), asyncio.CancelledError(), RuntimeError("a bug")])
async def test_a_probe_that_ends_without_evidence_leaves_its_place(error: BaseException):
    setting = Setting(DOWN, DOWN, error, answer())
    await setting.fail(2)
    await asyncio.sleep(60)
    with pytest.raises(type(error)):
        await setting.attempt()
    assert setting.breaker.state == HALF_OPEN
    await setting.attempt()
    assert setting.breaker.state == CLOSED


async def test_a_probe_whose_caller_hangs_up_leaves_its_place():
    setting = Setting(DOWN, DOWN, 9.0, answer())
    await setting.fail(2)
    await asyncio.sleep(60)
    probe = asyncio.get_running_loop().create_task(setting.attempt())
    await asyncio.sleep(1)
    probe.cancel()
    await asyncio.wait([probe])
    await setting.attempt()
    assert setting.breaker.state == CLOSED


BREAKS = {  # how the answer's body ends; the state after two of them
    "bodies that break off are failures": (UpstreamFailure("upstream_reset", sent=True), OPEN),
    "complete ones are not": (None, CLOSED),
    "the application's hanging up says nothing": (Refusal("request_timeout"), CLOSED),
}


@pytest.mark.parametrize(("failure", "state"), BREAKS.values(), ids=BREAKS)
async def test_bodies(failure, state: str):
    setting = Setting(lambda _: said(Evidence.SUCCESS))
    for _ in range(2):
        response = await setting.attempt()
        response.close(failure)
    assert setting.breaker.state == state


async def test_a_broken_body_that_opens_it_is_told():
    setting = Setting(lambda _: said(Evidence.SUCCESS))
    for _ in range(2):
        (await setting.attempt()).close(UpstreamFailure("upstream_reset", sent=True))
    assert setting.events.moves == [("stripe", OPEN, False)]


async def test_a_broken_body_of_a_failed_answer_counts_once():
    setting = Setting(lambda _: said(Evidence.FAILURE, 500))
    (await setting.attempt()).close(UpstreamFailure("upstream_reset", sent=True))
    assert setting.breaker.state == CLOSED


async def test_slow_heads_open_it_and_our_own_queues_are_not_its_slowness():
    patient = BreakerSettings(slow_after=2.0, slow_rate=1.0, min_requests=2)

    def setting_that_takes(seconds: float, of_it_waited: float) -> tuple[Setting, object]:
        async def inner(request: Request) -> Response:
            await asyncio.sleep(seconds)
            request.call.waited += of_it_waited
            return Response(200, b"", (), Whole(), 0, verdict=FINE)

        return Setting(settings=patient), inner

    for seconds, of_it_waited, state in ((3.0, 0.0, OPEN), (3.0, 2.5, CLOSED), (1.0, 0.0, CLOSED)):
        setting, inner = setting_that_takes(seconds, of_it_waited)
        for _ in range(2):
            await setting.attempt(inner)
        assert setting.breaker.state == state
