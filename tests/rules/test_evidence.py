"""What a breaker remembers: the window in ten buckets, and the row of failures."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.evidence import Outcomes


def _seen(outcomes: Outcomes, now: float) -> tuple[int, int, int]:
    seen = outcomes.look(now)
    return seen.outcomes, seen.failures, seen.slow


def test_what_is_older_than_the_window_is_not_seen_any_more():
    outcomes = Outcomes(30.0)
    outcomes.failure(3.0)
    outcomes.success(15.0, slow=True)
    assert _seen(outcomes, 29.0) == (2, 1, 1)
    assert _seen(outcomes, 33.0) == (1, 0, 1)
    assert _seen(outcomes, 45.0) == (0, 0, 0)


def test_a_pause_longer_than_the_window_leaves_nothing_in_it():
    outcomes = Outcomes(30.0)
    outcomes.failure(3.0)
    assert _seen(outcomes, 1e6) == (0, 0, 0)


def test_a_withdrawn_success_is_gone_from_its_bucket():
    outcomes = Outcomes(30.0)
    note = outcomes.success(3.0, slow=True)
    outcomes.success(15.0)
    outcomes.withdraw(note)
    assert _seen(outcomes, 15.0) == (1, 0, 0)
    assert _seen(outcomes, 36.0) == (1, 0, 0)


def test_a_success_that_fell_out_of_the_window_takes_nothing_with_it_when_withdrawn():
    outcomes = Outcomes(30.0)
    note = outcomes.success(3.0)
    outcomes.success(45.0)
    outcomes.withdraw(note)
    assert _seen(outcomes, 45.0) == (1, 0, 0)


def test_another_window_keeps_what_was_counted():
    outcomes = Outcomes(30.0)
    outcomes.failure(100.0)
    outcomes.success(110.0)
    outcomes.resize(60.0)
    assert _seen(outcomes, 110.0) == (2, 1, 0)
    assert _seen(outcomes, 190.0) == (0, 0, 0)
    outcomes.resize(10.0)
    assert _seen(outcomes, 191.0) == (0, 0, 0)


def test_a_window_of_no_length_divides_nothing_by_zero():
    outcomes = Outcomes(0.0)
    outcomes.failure(5.0)
    assert outcomes.row == 1


def test_a_long_past_costs_no_memory():
    outcomes = Outcomes(30.0)
    first = outcomes.success(0.0)
    tracemalloc.start()
    for second in range(20_000):
        outcomes.failure(second)
        outcomes.success(second)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 400_000
    outcomes.withdraw(first)  # its place was forgotten long ago
    assert outcomes.row == 0


events = st.lists(st.tuples(st.floats(0, 9, width=16), st.sampled_from("SFW"), st.booleans(), st.integers(0, 99)))


@given(events)
def test_the_counts_are_those_of_a_plain_list(events):
    """Buckets of 1 s; W withdraws one of the successes that stand."""
    outcomes, now = Outcomes(10.0), 0.0
    plain: list[list[object]] = []  # [second, kind, slow, note]
    for pause, kind, slow, which in events:
        now += pause
        standing = [row for row in plain if row[1] == "S"]
        if kind == "S":
            plain.append([now // 1, "S", slow, outcomes.success(now, slow=slow)])
        elif kind == "F":
            outcomes.failure(now, slow=slow)
            plain.append([now // 1, "F", slow, None])
        elif standing:
            row = standing[which % len(standing)]
            outcomes.withdraw(row[3])
            plain.remove(row)
        window = [row for row in plain if row[0] > now // 1 - 10]
        assert _seen(outcomes, now) == (
            len(window),
            sum(row[1] == "F" for row in window),
            sum(row[2] for row in window),
        )
        kinds = "".join(row[1] for row in plain)
        assert outcomes.row == len(kinds) - len(kinds.rstrip("F"))


@given(st.lists(st.floats(0, 40, allow_nan=False), min_size=2).map(sorted))
def test_the_window_never_holds_more_than_its_length_nor_less_than_nine_tenths(times):
    outcomes = Outcomes(30.0)
    for now in times:
        outcomes.success(now)
    now = times[-1]
    seen = outcomes.look(now).outcomes
    assert sum(now - time < 27.0 - 1e-6 for time in times) <= seen <= sum(now - time < 30.0 + 1e-6 for time in times)
