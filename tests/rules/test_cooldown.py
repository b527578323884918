"""Until when the provider said wait, and for which part of it."""

import math

import pytest

from proxy.rules.cooldown import MOST_KEYS, Cooldown, CooldownSettings

KEY = b""


WAITS = {  # (second, told), …; the seconds that each got; the second at which it is over
    "a told wait is what was told": ([(0.0, 12.3)], [12.3], 12.3),
    "a later end replaces an earlier one": ([(0.0, 5.0), (1.0, 60.0)], [5.0, 60.0], 61.0),
    "never the reverse": ([(0.0, 60.0), (1.0, 5.0)], [60.0, 5.0], 60.0),
    "nothing told is one second at first": ([(0.0, None)], [1.0], 1.0),
    "doubling to thirty when sat out in vain": (
        [(second, None) for second in (0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0)],
        [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0],
        91.0,
    ),
    "one doubling, however many calls in flight hear of it": ([(0.0, None)] * 9, [1.0] * 9, 1.0),
    "a told wait doubles nothing": ([(0.0, None), (1.0, 9.0), (10.0, None)], [1.0, 9.0, 2.0], 12.0),
    "a told wait of nothing is a wait of nothing": ([(3.0, 0.0)], [0.0], None),
    "a year is a year": ([(0.0, 31_536_000.0)], [31_536_000.0], 31_536_000.0),
}


@pytest.mark.parametrize(("answers", "waits", "ends"), WAITS.values(), ids=WAITS)
def test_wait(answers: list[tuple[float, float | None]], waits: list[float], ends: float | None):
    cooldown = Cooldown(CooldownSettings())
    assert [cooldown.begin(KEY, told, now) for now, told in answers] == waits
    assert cooldown.ends(KEY, answers[-1][0]) == ends


def test_it_is_over_at_its_end_and_not_before():
    cooldown = Cooldown(CooldownSettings())
    cooldown.begin(KEY, 30.0, 0.0)
    assert (cooldown.ends(KEY, 29.999), cooldown.is_free(KEY, 29.999)) == (30.0, False)
    assert (cooldown.ends(KEY, 30.0), cooldown.is_free(KEY, 30.0)) == (None, True)


def test_an_answer_without_a_wait_starts_the_doubling_again():
    cooldown = Cooldown(CooldownSettings())
    for now in (0.0, 1.0):
        cooldown.begin(KEY, None, now)
    cooldown.answered(KEY, 4.0)
    assert cooldown.begin(KEY, None, 5.0) == 1.0


def test_also_while_the_cooldown_lasts():
    cooldown = Cooldown(CooldownSettings())
    for now in (0.0, 1.0):
        cooldown.begin(KEY, None, now)
    cooldown.answered(KEY, 2.0)
    assert cooldown.begin(KEY, None, 3.0) == 1.0


def test_after_such_an_answer_nothing_is_left_to_ask():
    cooldown = Cooldown(CooldownSettings())
    cooldown.begin(KEY, 30.0, 0.0)
    cooldown.answered(KEY, 29.0)
    assert not cooldown.is_idle
    cooldown.answered(KEY, 30.0)
    assert cooldown.is_idle


def test_keys_do_not_wait_for_each_other():
    cooldown = Cooldown(CooldownSettings(scope="path"))
    cooldown.begin(b"/chat.postMessage", 30.0, 0.0)
    assert not cooldown.is_free(b"/chat.postMessage", 1.0)
    assert cooldown.is_free(b"/users.list", 1.0)


def test_the_latest_end_is_that_of_the_key_that_cools_longest():
    cooldown = Cooldown(CooldownSettings(scope="path"))
    for key, told in ((b"/a", 10.0), (b"/b", 30.0), (b"/c", 20.0)):
        cooldown.begin(key, told, 0.0)
    assert [cooldown.latest(now) for now in (0.0, 29.0, 30.0)] == [30.0, 30.0, None]


def test_of_too_many_keys_the_one_that_ended_first_goes():
    cooldown = Cooldown(CooldownSettings(scope="path"))
    for number in range(MOST_KEYS + 1):
        cooldown.begin(b"%d" % number, 5.0 if number == 77 else 900.0, 0.0)
    assert [number for number in range(MOST_KEYS + 1) if cooldown.is_free(b"%d" % number, 4.0)] == [77]


def test_a_key_that_somebody_waits_for_does_not_go():
    cooldown = Cooldown(CooldownSettings(scope="path"))
    cooldown.begin(b"0", 5.0, 0.0)
    gone: list[bool] = []
    cooldown.join(b"0", math.inf, gone.append)
    for number in range(1, MOST_KEYS + 1):
        cooldown.begin(b"%d" % number, 900.0, 0.0)
    cooldown.turn(b"0", 5.0)
    assert gone == [True]


def test_when_calls_wait_for_every_key_a_further_wait_is_not_shared():
    cooldown = Cooldown(CooldownSettings(scope="path", queue=MOST_KEYS))
    for number in range(MOST_KEYS):
        cooldown.begin(b"%d" % number, 5.0, 0.0)
        cooldown.join(b"%d" % number, math.inf, lambda _: None)
    assert cooldown.begin(b"one more", 7.0, 0.0) == 7.0
    assert cooldown.is_free(b"one more", 1.0)
