"""Again or not: every question, their order, and how long the wait is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Repeat
from proxy.rules.retry import (
    Again,
    BackoffSettings,
    Ending,
    RetrySettings,
    Situation,
    again,
    full_jitter,
    pause,
    spare_time,
    told_jitter,
)

SETTINGS = RetrySettings(attempts=3, max_retry_after=60.0, backoff=BackoffSettings(base=0.2, max=10.0))
FAILED = Ending(Repeat.SAFE)
REFUSED = Ending(Repeat.ALWAYS)
FINE = Situation(
    attempts=1,
    wanted=True,
    safe=True,
    replayable=True,
    now=100.0,
    deadline=160.0,
    spare=2.0,
    in_budget=True,
    let_through=True,
)


def middle() -> float:
    return 0.5


STOPS = {  # the end of the attempt, what is different from a call that may be repeated; the word
    "a failure of a safe call is repeated": (FAILED, {}, None),
    "the provider's own no": (FAILED._replace(says_no=True), {}, "provider_says_no"),
    "the application wants no repeat": (FAILED, {"wanted": False}, "off"),
    "the last attempt was made": (FAILED, {"attempts": 3}, "attempts"),
    "the one before the last was made": (FAILED, {"attempts": 2}, None),
    "a repeat could do it twice": (FAILED, {"safe": False}, "not_idempotent"),
    "what was refused was not done": (REFUSED, {"safe": False}, None),
    "what was not sent was not done": (FAILED._replace(sent=False), {"safe": False}, None),
    "the body is gone": (FAILED, {"replayable": False}, "body_not_replayable"),
    "a told wait of exactly the limit": (REFUSED._replace(told=60.0), {"deadline": 999.0}, None),
    "a longer one": (REFUSED._replace(told=60.1), {"deadline": 999.0}, "retry_after_too_long"),
    "a guess is nothing that was told": (REFUSED._replace(told=60.1, guessed=True), {"deadline": 999.0}, None),
    "no time to wait and be answered": (FAILED, {"deadline": 102.09}, "deadline"),
    "just enough time": (FAILED, {"deadline": 102.11}, None),
    "a told wait beyond the deadline": (REFUSED._replace(told=59.0), {}, "deadline"),
    "the budget is spent": (FAILED, {"in_budget": False}, "budget"),
    "the breaker is open": (FAILED, {"let_through": False}, "circuit_open"),
}


@pytest.mark.parametrize(("ending", "differs", "word"), STOPS.values(), ids=STOPS)
def test_stop(ending, differs, word):
    answer = again(ending, FINE._replace(**differs), SETTINGS, middle)
    assert answer.stopped == word
    assert (answer.wait is None) == (word is not None)


def test_what_is_not_worth_another_attempt_has_nothing_to_explain():
    refused = Ending(Repeat.NEVER, says_no=True)
    assert again(refused, FINE._replace(attempts=3), SETTINGS, middle) == Again(None, None)


def test_one_attempt_in_all_means_that_repeats_are_off():
    assert again(FAILED, FINE, RetrySettings(attempts=1), middle).stopped == "off"


ORDER = [  # each question with what makes its answer no, first to last
    ("provider_says_no", {"says_no": True}, {}),
    ("off", {}, {"wanted": False}),
    ("attempts", {}, {"attempts": 3}),
    ("not_idempotent", {}, {"safe": False}),
    ("body_not_replayable", {}, {"replayable": False}),
    ("retry_after_too_long", {"told": 61.0}, {}),
    ("deadline", {}, {"deadline": 100.0}),
    ("budget", {}, {"in_budget": False}),
    ("circuit_open", {}, {"let_through": False}),
]


@given(st.sets(st.integers(0, len(ORDER) - 1), min_size=1))
def test_of_several_reasons_the_first_in_the_order_is_named(chosen):
    ending, at = FAILED, FINE._replace(deadline=500.0)
    for index in chosen:
        ending, at = ending._replace(**ORDER[index][1]), at._replace(**ORDER[index][2])
    assert again(ending, at, SETTINGS, middle).stopped == ORDER[min(chosen)][0]


WAITS = {  # the end of the attempt, its number, dice; then seconds
    "without a told wait, full jitter": (FAILED, 1, 0.5, 0.1),
    "which may be nothing at all": (FAILED, 1, 0.0, 0.0),
    "doubling with each attempt": (FAILED, 3, 0.5, 0.4),
    "up to its limit": (FAILED, 50, 0.5, 5.0),
    "a told wait is waited in full": (REFUSED._replace(told=5.0), 1, 0.0, 5.0),
    "and up to a tenth more": (REFUSED._replace(told=5.0), 1, 0.5, 5.25),
    "but at most one second more": (REFUSED._replace(told=50.0), 2, 0.5, 50.5),
    "a failure's told wait counts as well": (FAILED._replace(told=5.0), 1, 0.0, 5.0),
    "told to wait no time leaves the jitter alone": (REFUSED._replace(told=0.0), 1, 0.5, 0.1),
}


@pytest.mark.parametrize(("ending", "attempt", "dice", "seconds"), WAITS.values(), ids=WAITS)
def test_wait(ending, attempt, dice, seconds):
    assert pause(attempt, ending, SETTINGS.backoff, lambda: dice) == pytest.approx(seconds)


DICE = st.floats(0, 1, exclude_max=True)


@given(st.floats(0, 1e8), st.integers(1, 1000), DICE, st.sampled_from(Repeat))
def test_no_wait_is_shorter_than_told(told, attempt, dice, repeat):
    wait = pause(attempt, Ending(repeat, told=told), SETTINGS.backoff, lambda: dice)
    assert wait >= told


@given(st.floats(0, 1e6), DICE)
def test_a_told_wait_grows_by_at_most_a_tenth_and_a_second(told, dice):
    assert told <= told_jitter(told, lambda: dice) <= told + min(told / 10, 1.0)


@given(st.integers(1, 10**6), st.floats(0, 100), st.floats(0, 1000), DICE)
def test_jitter_stays_within_its_limit_for_any_number_of_attempts(attempt, base, limit, dice):
    assert 0 <= full_jitter(attempt, base, limit, lambda: dice) <= limit


@pytest.mark.parametrize(("connect", "total", "spare"), [(2.0, 60.0, 2.0), (2.0, 5.0, 0.5), (2.0, float("inf"), 2.0)])
def test_a_repeat_leaves_the_time_to_connect_or_a_tenth_of_the_total(connect, total, spare):
    assert spare_time(connect, total) == spare
