"""What the cooldown's stage does with those who waited: in which order they go, and who holds nobody up."""

import asyncio

import pytest

from proxy.errors import Refusal, UpstreamFailure
from proxy.model import Call
from proxy.rules.cooldown import MOST_KEYS
from tests.support.cooling import Setting, fine, wait


async def test_they_are_released_one_first_then_in_groups_that_double():
    setting = Setting(wait(30.0), 2.0, fine, 0.05, 0.05, fine)
    await setting.attempt()
    await asyncio.gather(*[setting.attempt() for _ in range(6)])
    assert setting.provider.times == [0.0, 30.0, 32.0, 32.0, 32.05, 32.05, 32.05]


async def test_without_heads_a_group_goes_every_tenth_of_a_second():
    setting = Setting(wait(30.0), fine, *[5.0] * 7, fine)
    await setting.attempt()
    await asyncio.gather(*[setting.attempt() for _ in range(8)])
    assert setting.provider.times == pytest.approx([0.0] + [30.0] * 3 + [30.1] * 4 + [30.2])


async def test_a_new_wait_of_the_first_one_keeps_the_others_waiting():
    setting = Setting(wait(30.0), wait(5.0), fine)
    await setting.attempt()
    await asyncio.gather(*[setting.attempt() for _ in range(4)])
    assert setting.provider.times == [0.0, 30.0, 35.0, 35.0, 35.0]


@pytest.mark.parametrize("error", [UpstreamFailure("upstream_reset", sent=True), Refusal("circuit_open")])
async def test_if_the_first_ends_without_a_head_the_next_goes_alone(error):
    setting = Setting(wait(30.0), 1.0, error, 1.0, fine, fine)
    await setting.attempt()
    tasks = [setting.start() for _ in range(3)]
    await asyncio.wait(tasks)
    assert setting.provider.times == [0.0, 30.0, 31.0, 32.0]
    assert [type(task.exception()) for task in tasks] == [type(error), type(None), type(None)]


async def test_a_first_one_that_hangs_up_lets_the_next_go():
    setting = Setting(wait(30.0), 9.0, fine)
    await setting.attempt()
    first, second = setting.start(), setting.start()
    await asyncio.sleep(31)
    first.cancel()
    await second
    assert setting.provider.times == [0.0, 30.0, 31.0]


async def test_a_call_that_hangs_up_at_the_very_moment_of_its_turn_holds_nobody_up():
    setting = Setting(wait(30.0), fine)
    await setting.attempt()
    first, second = setting.start(), setting.start()
    await asyncio.sleep(1)
    setting.loop.call_at(30.0, first.cancel)
    await second
    assert first.cancelled()
    assert setting.provider.times == [0.0, 30.0]


async def test_a_call_that_hangs_up_as_its_wait_becomes_too_long_has_hung_up():
    setting = Setting(wait(30.0), fine)
    await setting.attempt()
    leaving = setting.start()
    await asyncio.sleep(1)
    leaving.cancel()
    setting.cooldown.begin(b"", 300.0, 1.0)
    await asyncio.wait([leaving])
    assert (leaving.cancelled(), setting.cooldown.waiting) == (True, 0)


async def test_a_path_that_was_forgotten_and_cools_again_releases_at_its_new_end():
    setting = Setting(wait(900.0), fine, scope="path", max_wait=1_000.0)
    await setting.attempt(target=b"/a")
    leaving = setting.start(target=b"/a")
    await asyncio.sleep(1)
    leaving.cancel()
    await asyncio.wait([leaving])
    for number in range(MOST_KEYS):
        setting.cooldown.begin(b"/%d" % number, 2_000.0, 1.0)
    setting.cooldown.begin(b"/a", 5.0, 1.0)
    await setting.attempt(target=b"/a")
    assert setting.provider.times == [0.0, 6.0]


async def test_calls_that_leave_the_queue_leave_no_trace():
    setting = Setting(wait(30.0), fine)
    await setting.attempt()
    leaving, staying = setting.start(), setting.start()
    await asyncio.sleep(10)
    leaving.cancel()
    await staying
    assert setting.provider.times == [0.0, 30.0]
    assert (setting.events.queue, setting.events.longest_queue, setting.cooldown.waiting) == (0, 2, 0)
    assert setting.cooldown.is_idle


async def _told_at_once(setting: Setting, calls: int) -> list[Call]:
    """So many calls, all in flight as the first of them was told to wait; it is the second at which they may go on."""
    made = [Call(id=str(number), started=0.0) for number in range(calls)]
    await asyncio.gather(*[setting.attempt(call) for call in made])
    await asyncio.sleep(30.0)
    return made


async def test_of_those_who_were_told_the_same_one_comes_back_first_and_alone():
    setting = Setting(*[1.0] * 4, *[wait(30.0)] * 4, 2.0, fine)
    again = []
    for call in await _told_at_once(setting, 4):
        again.append(setting.start(call))
        await asyncio.sleep(0.5)
    await asyncio.gather(*again)
    assert setting.provider.times == [0.0] * 4 + [31.0, 33.0, 33.0, 33.0]


async def test_if_that_one_is_told_to_wait_again_the_others_wait_with_it():
    setting = Setting(*[1.0] * 3, *[wait(30.0)] * 3, 1.0, wait(5.0), fine)
    await asyncio.gather(*[setting.attempt(call) for call in await _told_at_once(setting, 3)])
    assert setting.provider.times == [0.0] * 3 + [31.0, 37.0, 37.0]


@pytest.mark.parametrize("error", [UpstreamFailure("upstream_reset", sent=True), Refusal("circuit_open")])
async def test_if_that_one_ends_without_a_head_the_next_goes(error):
    setting = Setting(*[1.0] * 2, *[wait(30.0)] * 2, 1.0, error, fine)
    tasks = [setting.start(call) for call in await _told_at_once(setting, 2)]
    await asyncio.wait(tasks)
    assert [type(task.exception()) for task in tasks] == [type(error), type(None)]
    assert setting.provider.times == [0.0, 0.0, 31.0, 32.0]


@pytest.mark.parametrize("mode", ["reject", "pass"])
async def test_where_nobody_waits_for_others_all_come_back_at_once(mode):
    setting = Setting(*[1.0] * 3, *[wait(30.0)] * 3, *[2.0] * 3, fine, mode=mode)
    await asyncio.gather(*[setting.attempt(call) for call in await _told_at_once(setting, 3)])
    assert setting.provider.times == [0.0] * 3 + [31.0] * 3
