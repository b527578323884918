"""Alarms and waits on the jumping loop."""

import asyncio

import pytest

from proxy.errors import Refusal
from proxy.timing import TICK, Alarms, Waits
from tests.support.loop import JumpingLoop


async def test_an_alarm_ends_its_block_at_its_time_and_at_most_a_tick_later():
    loop = asyncio.get_running_loop()
    with pytest.raises(TimeoutError), Alarms(loop).at(1.234):
        await asyncio.sleep(60)
    assert 1.234 <= loop.time() <= 1.234 + TICK


async def test_an_alarm_moved_to_a_later_time_rings_then():
    loop = asyncio.get_running_loop()
    with pytest.raises(TimeoutError), Alarms(loop).at(1.0) as alarm:
        await asyncio.sleep(0.5)
        alarm.move(3.0)
        await asyncio.sleep(60)
    assert 3.0 <= loop.time() <= 3.0 + TICK


async def test_an_alarm_moved_to_an_earlier_time_rings_then():
    loop = asyncio.get_running_loop()
    with pytest.raises(TimeoutError), Alarms(loop).at(30.0) as alarm:
        alarm.move(2.0)
        await asyncio.sleep(60)
    assert 2.0 <= loop.time() <= 2.0 + TICK


MOVES = {
    "while it is young, to a later time": (0.001, 7.0),
    "while it is young, to a time before the next look": (0.001, 0.002),
    "while it is young, to the past": (0.01, 0.005),
    "when it is grown, to a later time": (0.5, 7.0),
    "when it is grown, to an earlier time": (0.5, 2.5),
    "when it is grown, to now": (0.5, 0.5),
}


@pytest.mark.parametrize(("at", "when"), MOVES.values(), ids=MOVES)
async def test_an_alarm_that_is_moved_rings_at_its_new_time(at, when):
    loop = asyncio.get_running_loop()
    with pytest.raises(TimeoutError), Alarms(loop).at(5.0) as alarm:
        await asyncio.sleep(at)
        alarm.move(when)
        await asyncio.sleep(60)
    assert max(at, when) <= loop.time() <= max(at, when) + 0.02


@pytest.mark.parametrize("length", [0.0, 0.0001, 0.001, 0.015, 0.016, 0.017, 0.018, 0.019, 0.033])
@pytest.mark.parametrize("begins", [0.0, 0.0155, 0.0163, 0.0179])
async def test_a_short_alarm_is_never_early_and_under_20_ms_late(begins, length):
    loop = asyncio.get_running_loop()
    alarms = Alarms(loop)
    with alarms.at(100.0):  # the look that this one called for comes in the middle of the other's life
        await asyncio.sleep(begins)
    began = loop.time()
    with pytest.raises(TimeoutError), alarms.at(began + length):
        await asyncio.sleep(60)
    assert began + length <= loop.time() <= began + length + 0.02


async def test_a_block_that_ends_in_time_is_left_alone():
    loop = asyncio.get_running_loop()
    alarms = Alarms(loop)
    with alarms.at(1.0):
        await asyncio.sleep(0.5)
    await asyncio.sleep(10)
    assert loop.time() == 10.5


async def test_a_cancellation_from_outside_stays_a_cancellation():
    loop = asyncio.get_running_loop()

    async def wait() -> None:
        with Alarms(loop).at(5.0):
            await asyncio.sleep(60)

    task = loop.create_task(wait())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert loop.time() == 1.0


async def test_of_two_nested_alarms_the_earlier_one_tells():
    loop = asyncio.get_running_loop()
    alarms = Alarms(loop)
    told = []
    with alarms.at(9.0) as outer:
        try:
            with alarms.at(2.0) as inner:
                await asyncio.sleep(60)
        except TimeoutError:
            told.append((inner.rang, outer.rang))
        await asyncio.sleep(1)
    assert told == [(True, False)]


async def test_a_wait_is_never_shorter_than_asked():
    loop = asyncio.get_running_loop()
    await Waits(loop).sleep_until(30.0)
    assert loop.time() >= 30.0


class _EarlyLoop(JumpingLoop):
    """Rounds timers down as uvloop does every second time."""

    def call_at(self, when, callback, *args, context=None):
        return super().call_at(when - 0.0005, callback, *args, context=context)


def test_a_wait_is_never_shorter_than_asked_on_a_loop_that_rounds_its_timers():
    with asyncio.Runner(loop_factory=_EarlyLoop) as runner:
        loop = runner.get_loop()
        runner.run(Waits(loop).sleep_until(30.0))
        assert 30.0 <= loop.time() <= 30.001


class _CoarseLoop(JumpingLoop):
    """Knows whole milliseconds only, and rounds timers to the nearest one, as uvloop does."""

    def time(self):
        return int(self.now * 1000) / 1000

    def call_at(self, when, callback, *args, context=None):
        return super().call_at(round(when * 1000) / 1000 - 0.0005, callback, *args, context=context)


@pytest.mark.parametrize("started", [10.0, 10.0004, 10.0009, 10.0171])
@pytest.mark.parametrize("length", [0.3, 0.5, 0.5174, 2.0])
def test_an_alarm_is_never_early_and_under_20_ms_late_on_a_loop_of_whole_milliseconds(started, length):
    async def wait(loop):
        with pytest.raises(TimeoutError), Alarms(loop).at(loop.time() + length):
            await asyncio.sleep(60)

    with asyncio.Runner(loop_factory=_CoarseLoop) as runner:
        loop = runner.get_loop()
        loop.now = started
        runner.run(wait(loop))
        assert started + length <= loop.now <= started + length + 0.02


async def test_a_signal_ends_a_wait_before_its_time():
    loop = asyncio.get_running_loop()
    signal = loop.create_future()
    loop.call_at(1.0, signal.set_result, True)
    assert await Waits(loop).wait(signal, 5.0) is True
    assert loop.time() == 1.0


async def test_a_drain_refuses_at_once_the_waits_that_would_outlast_it():
    loop = asyncio.get_running_loop()
    waits = Waits(loop)
    loop.call_at(1.0, waits.drain, 3.0)
    short = loop.create_task(waits.sleep_until(2.0))
    with pytest.raises(Refusal, match="draining"):
        await waits.sleep_until(60.0)
    assert loop.time() == 1.0
    await short
    with pytest.raises(Refusal, match="draining"):
        await waits.sleep_until(9.0)


async def test_a_drain_leaves_alone_a_wait_whose_signal_is_expected_in_time():
    loop = asyncio.get_running_loop()
    waits = Waits(loop)
    signal = loop.create_future()
    loop.call_at(1.0, waits.drain, 3.0)
    loop.call_at(2.0, signal.set_result, True)
    assert await waits.wait(signal, 60.0, ends=2.0) is True
    assert loop.time() == 2.0
    with pytest.raises(Refusal, match="draining"):
        await waits.wait(loop.create_future(), 60.0, ends=4.0)


@pytest.mark.parametrize("begun", [0.0, 2.0], ids=["before the drain", "in it"])
async def test_a_wait_that_might_have_ended_in_the_grace_is_refused_shortly_before_that_is_over(begun):
    loop = asyncio.get_running_loop()
    waits = Waits(loop)
    loop.call_at(1.0, waits.drain, 3.0)
    await asyncio.sleep(begun)
    with pytest.raises(Refusal, match="draining"):
        await waits.wait(loop.create_future(), 60.0, ends=loop.time())
    assert loop.time() == pytest.approx(2.9)
