"""The cooldown's stage: who waits, who is refused, what is learned from an answer."""

import asyncio
import math

from proxy.model import FINE, Call
from proxy.rules.cooldown import CooldownSettings
from proxy.rules.outcome import verdict_for
from proxy.stages.cooldown import CooldownStage
from tests.support.cooling import STATUSES, Setting, fine, refused, wait
from tests.support.provider import clock


async def test_others_wait_until_the_told_end_and_not_a_moment_less():
    setting = Setting(wait(30.0), fine)
    await setting.attempt()
    await asyncio.sleep(10)
    call = Call(id="2", started=10.0)
    await setting.attempt(call)
    assert setting.provider.times == [0.0, 30.0]
    assert call.waited == 20.0
    assert setting.events.cooldowns == [("stripe", 30.0)]


async def test_an_answer_without_a_wait_holds_nobody():
    setting = Setting(fine)
    for _ in range(3):
        await setting.attempt()
    assert setting.provider.times == [0.0, 0.0, 0.0]


async def test_a_503_with_a_told_wait_cools_too():
    setting = Setting(wait(7.0, status=503), fine)
    await setting.attempt()
    await setting.attempt()
    assert setting.provider.times == [0.0, 7.0]


async def test_the_repeat_is_told_the_wait_that_is_in_force_when_nothing_was_told():
    setting = Setting(wait(None))
    told = []
    for _ in range(4):
        response = await setting.attempt()
        told.append(response.verdict.told)
    assert told == [1.0, 2.0, 4.0, 8.0]
    assert setting.provider.times == [0.0, 1.0, 3.0, 7.0]


async def test_a_shared_verdict_is_not_changed():
    setting = Setting(wait(None))
    before = verdict_for(429, statuses=STATUSES)
    response = await setting.attempt()
    assert (before.told, response.verdict.told) == (None, 1.0)


async def test_mode_pass_holds_nobody_but_says_how_long_the_repeat_waits():
    setting = Setting(wait(None), mode="pass")
    first, second = await setting.attempt(), await setting.attempt()
    assert setting.provider.times == [0.0, 0.0]
    assert (first.verdict.told, second.verdict.told) == (1.0, 1.0)


async def test_mode_reject_refuses_at_once_with_what_is_left():
    setting = Setting(wait(30.0), fine, mode="reject")
    await setting.attempt()
    await asyncio.sleep(10)
    refusal = await refused(setting.attempt())
    assert (refusal.code, refusal.retry_after) == ("cooldown", 20.0)
    await asyncio.sleep(20)
    await setting.attempt()
    assert setting.provider.times == [0.0, 30.0]


async def test_a_wait_longer_than_max_wait_is_refused_at_once():
    setting = Setting(wait(30.0), fine, max_wait=29.0)
    await setting.attempt()
    refusal = await refused(setting.attempt())
    assert (refusal.code, refusal.retry_after, setting.loop.time()) == ("cooldown", 30.0, 0.0)
    await asyncio.sleep(1)
    await setting.attempt()
    assert setting.provider.times == [0.0, 30.0]


async def test_a_wait_beyond_the_deadline_is_refused_at_once():
    setting = Setting(wait(30.0), fine)
    await setting.attempt()
    refusal = await refused(setting.attempt(Call(id="2", started=0.0, deadline=29.0)))
    assert (refusal.code, setting.loop.time()) == ("cooldown", 0.0)


async def test_a_full_queue_refuses_at_once():
    setting = Setting(wait(30.0), fine, queue=1)
    await setting.attempt()
    first = setting.start()
    await asyncio.sleep(0)
    assert (await refused(setting.attempt())).code == "cooldown"
    await first


async def test_a_repeat_that_was_told_to_wait_is_not_refused_because_of_max_wait():
    setting = Setting(wait(30.0), wait(80.0), fine, max_wait=60.0)
    told = Call(id="1", started=0.0)
    await setting.attempt(told)
    other = Call(id="2", started=0.0)
    await setting.attempt(other)  # waited 30 s, and was told 80 s
    await setting.attempt(told)
    assert setting.provider.times == [0.0, 30.0, 110.0]


async def test_its_deadline_holds_all_the_same():
    setting = Setting(wait(30.0), fine)
    told = Call(id="1", started=0.0, deadline=20.0)
    await setting.attempt(told)
    assert (await refused(setting.attempt(told))).code == "cooldown"


async def test_a_new_wait_that_is_too_long_ends_the_queue_at_once():
    setting = Setting(wait(10.0), wait(70.0), fine)
    await setting.attempt()
    first, second = setting.start(), setting.start()
    await first
    refusal = await refused(second)
    assert (refusal.code, refusal.retry_after, setting.loop.time()) == ("cooldown", 70.0, 10.0)


async def test_one_behind_a_slow_first_one_has_its_own_deadline():
    setting = Setting(wait(30.0), 20.0, fine)
    await setting.attempt()
    first, second = setting.start(), setting.start(Call(id="3", started=0.0, deadline=40.0))
    refusal = await refused(second)
    assert (refusal.code, setting.loop.time()) == ("deadline_exceeded", 40.0)
    await first


async def test_a_wait_that_lasts_longer_than_expected_ends_at_its_limit():
    setting = Setting(wait(30.0), 90.0, fine)
    await setting.attempt()
    first, second = setting.start(), setting.start()  # the second waits for the first one's head
    refusal = await refused(second)
    assert (refusal.code, refusal.retry_after, setting.loop.time()) == ("cooldown", 1.0, 60.0)
    assert (setting.cooldown.waiting, setting.events.queue) == (0, 0)
    await first


async def test_paths_cool_on_their_own():
    setting = Setting(wait(30.0), fine, scope="path")
    await setting.attempt(target=b"/chat.postMessage")
    await setting.attempt(target=b"/users.list")
    await setting.attempt(target=b"/chat.postMessage")
    assert setting.provider.times == [0.0, 0.0, 30.0]


async def test_a_call_under_the_old_settings_waits_with_those_under_the_new():
    setting = Setting(wait(30.0), 1.0, fine, fine)
    await setting.attempt()
    old = setting.start()
    await asyncio.sleep(1)
    settings = CooldownSettings(max_wait=90.0)
    setting.cooldown.adopt(settings)
    new = setting.start(stage=setting.another_stage(settings))
    await asyncio.gather(old, new)
    assert setting.provider.times == [0.0, 30.0, 31.0]


async def test_a_reload_to_reject_leaves_those_that_wait_and_refuses_the_others():
    setting = Setting(wait(30.0), 5.0, fine, fine)
    await setting.attempt()
    old = setting.start()
    rejecting = setting.another_stage(CooldownSettings(mode="reject"))
    assert (await refused(setting.attempt(stage=rejecting))).code == "cooldown"
    await asyncio.sleep(31)
    await setting.attempt(stage=rejecting)  # over: it waits for nobody's head
    await old
    assert setting.provider.times == [0.0, 30.0, 31.0]


async def test_a_shutdown_refuses_those_whose_cooldown_outlasts_it():
    setting = Setting(wait(30.0), fine)
    await setting.attempt()
    waiting = setting.start()
    await asyncio.sleep(1)
    setting.waits.drain(21.0)
    assert (await refused(waiting)).code == "draining"
    assert (setting.loop.time(), setting.cooldown.waiting, setting.events.queue) == (1.0, 0, 0)


async def test_a_shutdown_leaves_those_whose_cooldown_ends_in_time():
    setting = Setting(wait(10.0), fine)
    await setting.attempt()
    waiting = setting.start()
    await asyncio.sleep(1)
    setting.waits.drain(21.0)
    assert (await waiting).status == 200


async def test_the_story_of_a_call_says_that_it_waited_and_why_it_was_refused():
    setting = Setting(wait(30.0), fine)
    call = Call(id="1", started=0.0, deadline=math.inf, decisions=[])
    await setting.attempt(call)
    await setting.attempt(call)
    call.deadline = 40.0
    setting.cooldown.begin(b"", 30.0, 30.0)
    await refused(setting.attempt(call))
    assert call.decisions == [
        (0.0, "cooldown", "The provider asks to wait 30.000 s."),
        (0.0, "cooldown", "Waits with others for the provider."),
        (30.0, "cooldown", "The provider of stripe asked to wait. Refused with 30.000 s to go."),
    ]


async def test_a_fine_answer_costs_no_look_at_the_clock():
    setting = Setting(fine)
    looked = []
    stage = CooldownStage(
        "stripe",
        setting.settings,
        setting.cooldown,
        key=lambda request: looked.append("key") or b"",
        clock=clock(setting.loop)._replace(now=lambda: looked.append("clock") or 0.0),
        waits=setting.waits,
        events=setting.events,
    )
    response = await setting.attempt(stage=stage)
    assert (response.verdict, looked) == (FINE, [])
