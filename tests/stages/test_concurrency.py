"""The concurrency's stage: a place from before the attempt until the answer is over."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import Refusal, UpstreamFailure
from proxy.events import Events
from proxy.model import Call, Request, Response
from proxy.rules.concurrency import ConcurrencySettings, Gate
from proxy.stages.concurrency import ConcurrencyStage
from proxy.timing import Waits
from tests.support.loop import JumpingLoop
from tests.support.provider import Provider, answer, clock


class Heard(Events):
    def __init__(self) -> None:
        self.changes: list[int] = []

    def queued(self, upstream: str, change: int) -> None:
        self.changes.append(change)


class Setting:
    """One place, unless told otherwise, in front of a scripted provider."""

    def __init__(self, *script, **changes) -> None:
        self.loop = asyncio.get_running_loop()
        self.settings = ConcurrencySettings(**{"max": 1} | changes)
        self.gate = Gate(self.settings)
        self.events = Heard()
        self.waits = Waits(self.loop)
        self.stage = ConcurrencyStage(
            "stripe",
            self.settings,
            self.gate,
            clock=clock(self.loop),
            waits=self.waits,
            events=self.events,
        )
        self.provider = Provider(self.loop, script or [lambda _: answer()])

    async def attempt(self, call: Call | None = None) -> Response:
        call = call or Call(id="1", started=self.loop.time())
        return await self.stage(Request("GET", b"/", (), None, call), self.provider)

    def start(self, call: Call | None = None) -> asyncio.Task[Response]:
        return self.loop.create_task(self.attempt(call))


async def refused(attempt) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await attempt
    return caught.value


async def test_the_place_is_held_until_the_body_is_over():
    setting = Setting()
    response = await setting.attempt()
    assert setting.gate.in_flight == 1
    response.close()
    assert setting.gate.in_flight == 0


@pytest.mark.parametrize("failure", [None, UpstreamFailure("upstream_reset", sent=True)])
async def test_however_the_body_ends_its_place_comes_back_once(failure):
    setting = Setting(max=2)
    first, _ = await setting.attempt(), await setting.attempt()
    first.close(failure)
    first.close(failure)
    assert setting.gate.in_flight == 1


@pytest.mark.parametrize(
    "error",
    [UpstreamFailure("upstream_reset", sent=True), Refusal("secret_unavailable"), RuntimeError("a bug")],
)
async def test_an_attempt_without_an_answer_gives_its_place_back(error):
    setting = Setting(error)
    with pytest.raises(type(error)):
        await setting.attempt()
    assert setting.gate.in_flight == 0


async def test_a_free_place_takes_no_time_and_nobody_is_told():
    setting = Setting()
    call = Call(id="1", started=0.0)
    await setting.attempt(call)
    assert (call.waited, setting.events.changes) == (0.0, [])


async def test_others_wait_in_order_for_a_place():
    setting = Setting(max_wait=60.0)
    first = await setting.attempt()
    waiting = [setting.start() for _ in range(3)]
    await asyncio.sleep(10)
    first.close()
    second = await waiting[0]
    await asyncio.sleep(10)
    assert not waiting[1].done()
    second.close()
    await waiting[1]
    assert setting.provider.times == [0.0, 10.0, 20.0]
    waiting[2].cancel()
    await asyncio.wait(waiting)
    assert (setting.gate.in_flight, setting.gate.queued, setting.events.changes) == (1, 0, [1, 1, 1, -1, -1, -1])


async def test_the_wait_is_noted_on_the_call():
    setting = Setting()
    first = await setting.attempt()
    setting.loop.call_at(0.25, first.close)
    call = Call(id="2", started=0.0)
    await setting.attempt(call)
    assert call.waited == 0.25


async def test_after_max_wait_a_call_is_refused():
    setting = Setting()
    await setting.attempt()
    call = Call(id="2", started=0.0, decisions=[])
    refusal = await refused(setting.attempt(call))
    assert (refusal.code, refusal.retry_after, setting.loop.time()) == ("concurrency_full", 1.0, 1.0)
    assert call.decisions == [(1.0, "concurrency", refusal.detail)]
    assert (setting.gate.in_flight, setting.gate.queued, setting.events.changes) == (1, 0, [1, -1])


async def test_or_at_its_deadline_if_that_is_earlier():
    setting = Setting()
    await setting.attempt()
    refusal = await refused(setting.attempt(Call(id="2", started=0.0, deadline=0.5)))
    assert (refusal.code, setting.loop.time()) == ("deadline_exceeded", 0.5)
    assert (setting.gate.in_flight, setting.gate.queued, setting.events.changes) == (1, 0, [1, -1])


async def test_a_full_queue_refuses_at_once():
    setting = Setting(queue=1)
    await setting.attempt()
    waiting = setting.start()
    await asyncio.sleep(0)
    refusal = await refused(setting.attempt())
    assert (refusal.code, refusal.retry_after, setting.loop.time()) == ("concurrency_full", 1.0, 0.0)
    await refused(waiting)


async def _frees_at_the_last_moment(setting: Setting, *, before: bool) -> asyncio.Task[Response]:
    """A call whose place comes back in the very turn of the loop in which its patience ends, before or after that."""
    place = await setting.attempt()
    if before:
        setting.loop.call_at(1.0, place.close)
    else:
        setting.loop.call_at(1.0, setting.loop.call_soon, place.close)
    waiting = setting.start()
    await asyncio.wait([waiting])
    return waiting


async def test_a_place_that_comes_at_the_last_moment_is_taken():
    setting = Setting()
    waiting = await _frees_at_the_last_moment(setting, before=True)
    waiting.result().close()
    assert setting.gate.in_flight == 0


async def test_a_place_that_comes_just_too_late_is_passed_on():
    setting = Setting()
    waiting = await _frees_at_the_last_moment(setting, before=False)
    assert (await refused(waiting)).code == "concurrency_full"
    assert setting.gate.in_flight == 0


@pytest.mark.parametrize("first", ["the place comes", "the caller hangs up"])
async def test_a_caller_that_hangs_up_as_its_place_comes_leaves_it_to_the_next(first: str):
    setting = Setting()
    place = await setting.attempt()
    leaving, staying = setting.start(), setting.start()
    await asyncio.sleep(0.5)
    deeds = {"the place comes": place.close, "the caller hangs up": leaving.cancel}
    deeds.pop(first)()
    for deed in deeds.values():
        deed()
    response = await staying
    assert (leaving.cancelled(), setting.loop.time(), setting.gate.in_flight) == (True, 0.5, 1)
    response.close()
    assert setting.gate.in_flight == 0


async def test_a_shutdown_refuses_those_who_wait_longer_than_it_lasts():
    setting = Setting(max_wait=60.0)
    await setting.attempt()
    waiting = setting.start()
    await asyncio.sleep(1)
    setting.waits.drain(21.0)
    assert (await refused(waiting)).code == "draining"
    assert 20.0 < setting.loop.time() < 21.0
    assert (setting.gate.in_flight, setting.gate.queued) == (1, 0)


async def test_a_place_that_comes_back_while_it_lasts_is_taken():
    setting = Setting(max_wait=60.0)
    first = await setting.attempt()
    waiting = setting.start()
    await asyncio.sleep(1)
    setting.waits.drain(21.0)
    setting.loop.call_at(5.0, first.close)
    assert (await waiting).status == 200
    assert setting.provider.times == [0.0, 5.0]


schedules = st.lists(
    st.tuples(
        st.floats(0, 1, width=16),  # seconds until the call comes
        st.floats(0, 2, width=16),  # seconds that the provider takes
        st.sampled_from(["answers", "fails", "hangs up"]),
        st.floats(0, 2, width=16),  # seconds until the body is over, or the caller hangs up
    ),
    max_size=12,
)


@settings(max_examples=150)
@given(st.integers(1, 3), schedules)
def test_places_taken_are_places_given_back_under_any_interleaving(most, schedule):
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(_interleave(most, schedule))


async def _interleave(most, schedule) -> None:
    setting, most_seen = Setting(max=most, queue=3, max_wait=0.75), 0

    async def provider(seconds: float, ending: str) -> Response:
        nonlocal most_seen
        most_seen = max(most_seen, setting.gate.in_flight)
        await asyncio.sleep(seconds)
        if ending == "fails":
            raise UpstreamFailure("upstream_reset", sent=True)
        return answer()

    async def call(seconds: float, ending: str, rest: float) -> None:
        request = Request("GET", b"/", (), None, Call(id="1", started=0.0))
        response = await setting.stage(request, lambda _: provider(seconds, ending))
        try:
            await asyncio.sleep(rest)
        finally:
            response.close()

    tasks = []
    for pause, seconds, ending, rest in schedule:
        await asyncio.sleep(pause)
        task = setting.loop.create_task(call(seconds, ending, rest))
        if ending == "hangs up":
            setting.loop.call_later(rest, task.cancel)
        tasks.append(task)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(end is None or isinstance(end, Refusal | UpstreamFailure | asyncio.CancelledError) for end in ends)
    assert most_seen <= most
    assert (setting.gate.in_flight, setting.gate.queued, sum(setting.events.changes)) == (0, 0, 0)
