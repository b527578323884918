"""When the breaker opens by what its window holds, and what a reload leaves of it."""

import pytest

from proxy.model import Evidence
from proxy.rules.breaker import CLOSED, HALF_OPEN, OPEN, Breaker, BreakerSettings

GOOD, BAD, NOTHING = Evidence.SUCCESS, Evidence.FAILURE, Evidence.NEUTRAL
SIGNS = {"s": (GOOD, 0.1), "S": (GOOD, 3.0), "f": (BAD, 0.1), "F": (BAD, 3.0), "n": (NOTHING, 3.0)}
SLOW = BreakerSettings(slow_after=2.0, failure_threshold=99)


def play(breaker: Breaker, signs: str, now: float) -> None:
    for sign in signs:
        evidence, took = SIGNS[sign]
        breaker.report(breaker.admit(now), evidence, now, took)


SHARES = {  # settings; (second, outcomes: capitals are slow), …; then the state
    "half of twenty failed": (BreakerSettings(), [(0.0, "sf" * 10)], OPEN),
    "also when the last of them is a success": (BreakerSettings(), [(0.0, "fs" * 10)], OPEN),
    "nineteen are too few": (BreakerSettings(), [(0.0, "fs" * 9 + "f")], CLOSED),
    "neutral outcomes are not counted": (BreakerSettings(), [(0.0, "fs" * 9 + "f" + "n" * 9)], CLOSED),
    "less than half is not enough": (BreakerSettings(), [(0.0, "sfs" * 20)], CLOSED),
    "the share is a setting": (BreakerSettings(failure_rate=0.07), [(0.0, "s" * 93 + "fs" * 6 + "f")], CLOSED),
    "and met exactly is met": (BreakerSettings(failure_rate=0.07), [(0.0, "s" * 87 + "fs" * 6 + "f")], OPEN),
    "the least number is a setting": (BreakerSettings(min_requests=4), [(0.0, "sfsf")], OPEN),
    "failures that left the window count no more": (BreakerSettings(), [(0.0, "fs" * 9), (40.0, "sf" * 9)], CLOSED),
    "failures count while they are in it": (BreakerSettings(), [(0.0, "fs" * 9), (20.0, "sf")], OPEN),
    "successes that left the window leave the failures alone": (
        BreakerSettings(),
        [(0.0, "s" * 30), (20.0, "fs" * 10), (40.0, "s")],
        CLOSED,
    ),
    "slow answers open it": (SLOW, [(0.0, "S" * 16 + "s" * 4)], OPEN),
    "a slow failure is slow, too": (SLOW, [(0.0, "s" * 4 + "F" * 8 + "S" * 8)], OPEN),
    "fewer than slow_rate do not": (SLOW, [(0.0, "S" * 15 + "s" * 5)], CLOSED),
    "slow answers are no evidence unless asked for": (BreakerSettings(), [(0.0, "S" * 99)], CLOSED),
}


@pytest.mark.parametrize(("settings", "script", "state"), SHARES.values(), ids=SHARES)
def test_shares(settings: BreakerSettings, script: list[tuple[float, str]], state: str):
    breaker = Breaker(settings, 60.0)
    for now, signs in script:
        play(breaker, signs, now)
    assert breaker.state == state


PASTS = {  # what the window holds before the row; the length of the row that opens it
    "no past": ("", 5),
    "little traffic": ("fs" * 4, 5),
    "a healthy past": ("s" * 1_000, 5),
    "a flaky, busy past": (("s" * 9 + "f") * 300 + "s", 10),
    "a very flaky one": ("ssf" * 300 + "s", 19),
    "one outcome less than min_requests": ("f" + "s" * 18, 5),
    "exactly min_requests": ("f" + "s" * 19, 6),
}


@pytest.mark.parametrize(("past", "row"), PASTS.values(), ids=PASTS)
def test_the_row_that_opens_it_is_longer_than_chance_explains(past: str, row: int):
    breaker = Breaker(BreakerSettings(), 60.0)
    play(breaker, past, 1.0)
    assert breaker.threshold(1.0) == row
    play(breaker, "f" * (row - 1), 2.0)
    assert (breaker.state, breaker.threshold(2.0)) == (CLOSED, row)
    play(breaker, "f", 2.0)
    assert breaker.state == OPEN


def test_a_threshold_above_fifty_is_what_was_asked_for():
    breaker = Breaker(BreakerSettings(failure_threshold=60, failure_rate=1.0), 60.0)
    play(breaker, "ssf" * 100 + "s", 1.0)
    assert breaker.threshold(1.0) == 60


def test_a_past_that_left_the_window_explains_nothing_any_more():
    breaker = Breaker(BreakerSettings(), 60.0)
    play(breaker, "ssf" * 300 + "s", 1.0)
    assert breaker.threshold(40.0) == 5


def test_a_row_is_not_its_own_past():
    breaker = Breaker(BreakerSettings(failure_rate=1.0), 60.0)
    play(breaker, ("s" * 9 + "f") * 10 + "s", 1.0)
    before = breaker.threshold(1.0)
    play(breaker, "fff", 1.0)
    assert breaker.threshold(1.0) == before


def test_the_counts_can_be_read():
    breaker = Breaker(SLOW, 60.0)
    play(breaker, "sSfn", 1.0)
    assert breaker.counts(1.0) == (3, 1, 1)
    assert breaker.counts(99.0) == (0, 0, 0)


def test_what_was_refused_is_not_counted():
    breaker = Breaker(BreakerSettings(failure_threshold=1), 60.0)
    play(breaker, "fffsss", 1.0)
    assert breaker.counts(1.0) == (1, 1, 0)


def test_a_broken_body_moves_from_the_successes_to_the_failures():
    breaker = Breaker(SLOW, 60.0)
    permit = breaker.admit(1.0)
    breaker.report(permit, GOOD, 1.0, 3.0)
    breaker.broke_off(permit, 40.0)
    assert breaker.counts(40.0) == (1, 1, 1)


@pytest.mark.parametrize("recovery", [10.0, 100.0])
def test_a_reload_keeps_an_open_breaker_open_under_the_new_recovery_timeout(recovery: float):
    breaker = Breaker(BreakerSettings(failure_threshold=1), 60.0)
    play(breaker, "f", 0.0)
    breaker.adopt(BreakerSettings(recovery_timeout=recovery), 60.0)
    assert (breaker.state, breaker.wait(0.0)) == (OPEN, recovery)


def test_a_reload_keeps_the_row():
    breaker = Breaker(BreakerSettings(), 60.0)
    play(breaker, "ff", 0.0)
    breaker.adopt(BreakerSettings(failure_threshold=3), 60.0)
    play(breaker, "f", 0.0)
    assert breaker.state == OPEN


def test_a_reload_keeps_what_the_window_holds():
    breaker = Breaker(BreakerSettings(), 60.0)
    play(breaker, "sf" * 5, 1.0)
    breaker.adopt(BreakerSettings(window=60.0), 60.0)
    assert breaker.counts(2.0) == (10, 5, 0)
    assert breaker.counts(50.0) == (10, 5, 0), "the new window is longer"


def test_a_reload_keeps_the_probes_on_their_way_and_their_successes():
    breaker = Breaker(BreakerSettings(failure_threshold=1, recovery_timeout=1.0, probes=2), 60.0)
    play(breaker, "f", 0.0)
    play(breaker, "s", 1.0)
    on_its_way = [breaker.admit(1.0), breaker.admit(1.0)]
    breaker.adopt(BreakerSettings(probes=2), 60.0)
    assert (breaker.state, breaker.admit(1.0).wait) == (HALF_OPEN, 1.0)
    breaker.report(on_its_way[0], GOOD, 1.0)
    assert breaker.state == CLOSED


def test_a_reload_leaves_a_hand_on_it():
    breaker = Breaker(BreakerSettings(), 60.0)
    breaker.hold("open", 0.0)
    breaker.adopt(BreakerSettings(), 60.0)
    assert (breaker.by_hand, breaker.state, breaker.allows(999.0)) == (True, OPEN, False)


def test_a_reload_that_asks_for_slowness_counts_it_from_then_on():
    breaker = Breaker(BreakerSettings(), 60.0)
    play(breaker, "S", 0.0)
    breaker.adopt(SLOW, 60.0)
    play(breaker, "S", 0.0)
    assert breaker.counts(0.0) == (2, 0, 1)
