"""GCRA: when each call may go, and what it gives back."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.rate_limit import Gcra, RateLimitSettings


def limiter(rate: float = 10.0, burst: int = 1) -> Gcra:
    return Gcra(RateLimitSettings(rate=rate, burst=burst))


def waits(gcra: Gcra, times: list[float], limit: float = math.inf) -> list[float]:
    return [max(0.0, round(gcra.take(now, now + limit).at - now, 4)) for now in times]


MOMENTS = {  # rate, burst; seconds at which calls come; how long each waits
    "a burst goes at once": (10.0, 3, [0.0] * 3, [0.0] * 3),
    "then each waits for its own moment, in order": (10.0, 3, [0.0] * 6, [0.0] * 3 + [0.1, 0.2, 0.3]),
    "what was not used comes back with time": (10.0, 3, [0.0] * 3 + [0.1, 0.1], [0.0] * 4 + [0.1]),
    "never more than the burst": (10.0, 3, [0.0] * 3 + [99.0] * 4, [0.0] * 6 + [0.1]),
    "at the rate nobody waits": (10.0, 1, [0.0, 0.1, 0.2, 0.3], [0.0] * 4),
    "faster than the rate they wait more and more": (10.0, 1, [0.0, 0.05, 0.1], [0.0, 0.05, 0.1]),
    "an hour's rate spreads over the hour": (10 / 3600, 1, [0.0, 0.0], [0.0, 360.0]),
    "no burst at all is a burst of one": (10.0, 0, [0.0, 0.0], [0.0, 0.1]),
}


@pytest.mark.parametrize(("rate", "burst", "times", "expected"), MOMENTS.values(), ids=MOMENTS)
def test_moment(rate: float, burst: int, times: list[float], expected: list[float]):
    assert waits(limiter(rate, burst), times) == expected


def test_a_call_that_would_wait_too_long_is_told_its_true_wait_and_takes_nothing():
    gcra = limiter()
    gcra.take(0.0, 0.0)
    for _ in range(3):
        turn = gcra.take(0.0, 0.05)
        assert turn.at == pytest.approx(0.1, abs=1e-5)
        assert turn.before == turn.after
    assert gcra.take(0.0, 0.1).at == pytest.approx(0.1, abs=1e-5)


def test_a_call_that_does_not_wait_goes_or_is_refused():
    gcra = limiter(burst=2)
    assert [gcra.take(1.0, 1.0).at <= 1.0 for _ in range(3)] == [True, True, False]


def test_the_last_call_of_a_burst_is_not_lost_to_rounding():
    gcra = limiter(rate=30.0, burst=10)
    assert [gcra.take(1.7, 1.7).at <= 1.7 for _ in range(11)] == [True] * 10 + [False]


def test_the_last_moment_is_given_back():
    gcra = limiter()
    gcra.take(0.0, 9.0)
    gcra.take(0.0, 9.0)
    last = gcra.take(0.0, 9.0)
    gcra.give_back(last)
    assert gcra.take(0.0, 9.0).at == last.at


def test_one_that_others_come_after_is_not():
    gcra = limiter()
    gcra.take(0.0, 9.0)
    middle, last = gcra.take(0.0, 9.0), gcra.take(0.0, 9.0)
    gcra.give_back(middle)
    assert gcra.take(0.0, 9.0).at == pytest.approx(last.at + 0.1)


def test_several_are_given_back_from_the_end():
    gcra = limiter()
    gcra.take(0.0, 9.0)
    second, third = gcra.take(0.0, 9.0), gcra.take(0.0, 9.0)
    gcra.give_back(third)
    gcra.give_back(second)
    assert gcra.take(0.0, 9.0).at == second.at


def test_a_moment_is_given_back_once():
    gcra = limiter()
    gcra.take(0.0, 9.0)
    second, third = gcra.take(0.0, 9.0), gcra.take(0.0, 9.0)
    gcra.give_back(third)
    gcra.give_back(third)
    assert gcra.take(0.0, 9.0).at == third.at != second.at


def test_what_was_refused_gives_nothing_back():
    gcra = limiter()
    gcra.take(0.0, 9.0)
    refused = gcra.take(0.0, 0.0)
    gcra.give_back(refused)
    assert gcra.take(0.0, 9.0).at == pytest.approx(0.1, abs=1e-5)


RELOADS = {  # the new rate and burst, after a burst of 10 at 10/s used up twice; how long the next call waits
    "nothing changed": (10.0, 10, 1.1),
    "a faster rate is paid off faster": (100.0, 10, 0.11),
    "a slower one slower": (1.0, 10, 11.0),
    "a larger burst lets them go at once": (10.0, 30, 0.0),
    "a smaller one makes them wait": (10.0, 1, 2.0),
}


@pytest.mark.parametrize(("rate", "burst", "wait"), RELOADS.values(), ids=RELOADS)
def test_a_reload_keeps_what_was_used(rate: float, burst: int, wait: float):
    gcra = limiter(burst=10)
    for _ in range(20):
        gcra.take(50.0, 99.0)
    gcra.adopt(RateLimitSettings(rate=rate, burst=burst))
    then = wait + 1 / rate if wait else 0.0
    assert waits(gcra, [50.0, 50.0]) == pytest.approx([wait, then], abs=1e-3)


def test_two_reloads_that_cancel_out_change_nothing():
    gcra = limiter()
    gcra.take(0.0, 9.0)
    gcra.adopt(RateLimitSettings(rate=1.0, burst=1))
    gcra.adopt(RateLimitSettings(rate=10.0, burst=1))
    assert waits(gcra, [0.0]) == [0.1]


@given(
    st.floats(0.1, 1000),
    st.integers(1, 50),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 9)), min_size=1, max_size=80),
)
def test_no_span_of_time_holds_more_calls_than_burst_and_rate_allow(rate, burst, calls):
    gcra, now, moments = limiter(rate, burst), 0.0, []
    for pause, patience in calls:
        now += pause
        turn = gcra.take(now, now + patience)
        if turn.at <= now + patience:
            moments.append(max(now, turn.at))
    assert moments == sorted(moments), "out of order"
    for first in range(len(moments)):
        for last in range(first + burst, len(moments)):
            assert last - first + 1 <= burst + (moments[last] - moments[first] + 1e-4) * rate


@given(st.lists(st.tuples(st.sampled_from(["take", "take", "leave"]), st.floats(0, 0.3)), max_size=60))
def test_however_they_leave_no_moment_is_given_to_two(schedule):
    gcra, now, waiting = limiter(), 0.0, []
    for deed, pause in schedule:
        now += pause
        if deed == "take":
            waiting.append(gcra.take(now, math.inf))
        elif waiting and waiting[-1].at > now:
            gcra.give_back(waiting.pop(len(waiting) // 2))
        moments = sorted(turn.at for turn in waiting)
        assert all(later - earlier > 0.0999 for earlier, later in pairwise(moments))
