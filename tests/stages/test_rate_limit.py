"""The rate limit's stage: moments in order, refusals at once."""

import asyncio

import pytest

from proxy.errors import Refusal
from proxy.events import Events
from proxy.model import Call, Request, Response
from proxy.rules.rate_limit import Gcra, RateLimitSettings
from proxy.stages.rate_limit import RateLimitStage
from proxy.timing import Waits
from tests.support.provider import Provider, answer, clock


class Heard(Events):
    def __init__(self) -> None:
        self.changes: list[int] = []

    def queued(self, upstream: str, change: int) -> None:
        self.changes.append(change)


class Setting:
    """One call every ten seconds, unless told otherwise, in front of a provider that answers at once."""

    def __init__(self, **changes) -> None:
        self.loop = asyncio.get_running_loop()
        settings = RateLimitSettings(**{"rate": 0.1, "burst": 1, "max_wait": 60.0} | changes)
        self.events = Heard()
        self.waits = Waits(self.loop)
        self.stage = RateLimitStage(
            "stripe",
            settings,
            Gcra(settings),
            clock=clock(self.loop),
            waits=self.waits,
            events=self.events,
        )
        self.provider = Provider(self.loop, [lambda _: answer()])

    async def attempt(self, call: Call | None = None) -> Response:
        call = call or Call(id="1", started=self.loop.time())
        return await self.stage(Request("GET", b"/", (), None, call), self.provider)

    def start(self) -> asyncio.Task[Response]:
        return self.loop.create_task(self.attempt())


async def test_each_call_waits_for_its_own_moment_in_order():
    setting = Setting(burst=2)
    await asyncio.gather(*[setting.attempt() for _ in range(4)])
    assert setting.provider.times == pytest.approx([0.0, 0.0, 10.0, 20.0], abs=1e-4)
    assert setting.events.changes == [1, 1, -1, -1]


async def test_the_wait_is_noted_on_the_call():
    setting = Setting()
    await setting.attempt()
    call = Call(id="2", started=0.0, decisions=[])
    await setting.attempt(call)
    assert call.waited == pytest.approx(10.0, abs=1e-4)
    assert call.decisions == [(0.0, "rate_limit", "Waits 10.000 s for its turn.")]


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(({"max_wait": 15.0}, float("inf")), id="max_wait"),
        pytest.param(({}, 15.0), id="the deadline"),
    ],
)
async def test_a_call_that_would_pass_it_is_refused_at_once_and_takes_nothing(limits):
    changes, deadline = limits
    setting = Setting(**changes)
    await setting.attempt()
    waiting = setting.start()
    await asyncio.sleep(0)
    for _ in range(3):
        with pytest.raises(Refusal) as refused:
            await setting.attempt(Call(id="2", started=0.0, deadline=deadline))
        assert refused.value.code == "rate_limited"
        assert refused.value.retry_after == pytest.approx(20.0, abs=1e-4)
    assert setting.loop.time() == 0.0
    await waiting
    await setting.attempt()
    assert setting.provider.times == pytest.approx([0.0, 10.0, 20.0], abs=1e-4)


async def test_mode_reject_refuses_whatever_would_have_to_wait():
    setting = Setting(mode="reject", burst=2)
    for _ in range(2):
        await setting.attempt()
    with pytest.raises(Refusal) as refused:
        await setting.attempt()
    assert refused.value.code == "rate_limited"
    assert refused.value.retry_after == pytest.approx(10.0, abs=1e-4)
    await asyncio.sleep(10)
    await setting.attempt()


async def test_the_last_one_that_hangs_up_gives_its_moment_back():
    setting = Setting()
    await setting.attempt()
    leaving = setting.start()
    await asyncio.sleep(5)
    leaving.cancel()
    await asyncio.wait([leaving])
    await setting.attempt()
    assert setting.provider.times == pytest.approx([0.0, 10.0], abs=1e-4)
    assert sum(setting.events.changes) == 0


async def test_one_that_hangs_up_before_others_leaves_them_their_moments():
    setting = Setting()
    await setting.attempt()
    leaving, staying = setting.start(), setting.start()
    await asyncio.sleep(5)
    leaving.cancel()
    await staying
    assert setting.provider.times == pytest.approx([0.0, 20.0], abs=1e-4)


async def test_a_shutdown_refuses_waits_that_outlast_it_and_their_moment_is_given_back():
    setting = Setting()
    await setting.attempt()
    waiting = setting.start()
    await asyncio.sleep(1)
    setting.waits.drain(5.0)
    with pytest.raises(Refusal, match="draining"):
        await waiting
    assert setting.loop.time() == 1.0
    setting.waits.drain(20.0)
    await setting.attempt()
    assert setting.provider.times == pytest.approx([0.0, 10.0], abs=1e-4)


async def test_an_attempt_that_fails_has_used_its_moment():
    setting = Setting()
    setting.provider = Provider(setting.loop, [Refusal("concurrency_full"), lambda _: answer()])
    with pytest.raises(Refusal):
        await setting.attempt()
    await setting.attempt()
    assert setting.provider.times == pytest.approx([0.0, 10.0], abs=1e-4)
