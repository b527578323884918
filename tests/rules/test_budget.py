"""The budget of repeats: what flows in, what calls put in, and what is gone after ten seconds."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.retry import Budget, BudgetSettings


def taken(budget: Budget, now: float, most: int = 1000) -> int:
    """Repeats that can be taken one after the other at `now`."""
    count = 0
    while count < most and budget.take(now):
        count += 1
    return count


def only(*, ratio: float = 0.0, per_second: float = 0.0) -> Budget:
    return Budget(BudgetSettings(ratio=ratio, min_per_second=per_second))


def test_it_starts_with_ten_seconds_of_the_steady_part():
    assert taken(only(per_second=1.0), 5000.5) == 10


def test_a_lone_call_may_be_repeated_by_default():
    budget = Budget(BudgetSettings())
    budget.call(3.0)
    assert budget.take(3.0)


def test_an_empty_budget_says_no():
    assert not only().take(1.0)


def test_the_steady_part_flows_in_and_no_further_than_ten_seconds_of_it():
    budget = only(per_second=2.0)
    taken(budget, 100.0)
    assert taken(budget, 100.4) == 0
    assert taken(budget, 101.0) == 2
    assert taken(budget, 500.0) == 20


@pytest.mark.parametrize(
    ("ratio", "calls", "repeats"), [(0.2, 5, 1), (0.2, 4, 0), (0.1, 10, 1), (0.1, 100, 10), (1.0, 3, 3)]
)
def test_each_call_puts_in_its_share(ratio, calls, repeats):
    budget = only(ratio=ratio)
    for _ in range(calls):
        budget.call(50.0)
    assert taken(budget, 50.0) == repeats


def test_what_calls_put_in_is_there_for_nine_seconds_and_gone_after_ten():
    early, late = only(ratio=1.0), only(ratio=1.0)
    early.call(50.0)
    late.call(50.0)
    assert early.take(59.0)
    assert not late.take(60.0)


def test_what_is_gone_soonest_is_used_first():
    budget = only(ratio=1.0)
    budget.call(50.0)
    budget.call(58.0)
    assert budget.take(58.0)
    assert budget.take(62.0)


def test_a_call_that_began_before_the_last_one_counts_too():
    budget = only(ratio=1.0)
    budget.call(50.0)
    budget.call(48.9)
    assert taken(budget, 50.0) == 2


def test_a_repeat_that_was_refused_takes_nothing():
    budget = only(ratio=0.5)
    budget.call(50.0)
    assert not budget.take(50.0)
    budget.call(50.0)
    assert budget.take(50.0)


def test_a_reload_keeps_what_is_in_it_as_far_as_it_fits():
    budget = only(per_second=1.0)
    taken(budget, 100.0, most=4)
    budget.adopt(BudgetSettings(ratio=0.0, min_per_second=2.0))
    assert taken(budget, 100.0) == 6
    assert taken(budget, 101.0) == 2
    smaller = only(per_second=1.0)
    smaller.adopt(BudgetSettings(ratio=0.0, min_per_second=0.3))
    assert taken(smaller, 0.0) == 3


STEPS = st.lists(st.tuples(st.floats(0, 3), st.sampled_from(["call", "take"])), max_size=200)


@given(STEPS, st.floats(0, 1), st.integers(0, 3))
def test_repeats_of_any_ten_seconds_stay_within_what_twenty_seconds_put_in(steps, ratio, per_second):
    budget = only(ratio=ratio, per_second=per_second)
    now, told = 100.0, []
    for pause, step in steps:
        now += pause
        if step == "call":
            budget.call(now)
            told.append((now, "call"))
        elif budget.take(now):
            told.append((now, "repeat"))
    for begin, _ in told:
        calls = Counter(kind for when, kind in told if begin - 10 <= when <= begin + 10)["call"]
        repeats = Counter(kind for when, kind in told if begin <= when <= begin + 10)["repeat"]
        assert repeats <= 20 * per_second + ratio * calls + 1e-6


@given(st.integers(1, 300), st.floats(0.5, 5))
def test_an_outage_costs_at_most_a_fifth_more_and_the_steady_part(calls, per_second):
    budget = Budget(BudgetSettings(ratio=0.2, min_per_second=per_second))
    repeats = 0
    for number in range(calls):
        now = 100.0 + number / 10
        budget.call(now)
        repeats += taken(budget, now, most=2)
    assert repeats <= 0.2 * calls + per_second * (10 + calls / 10) + 1e-6
