"""What becomes of an event after a try, and how many may go while the application is away."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.delivery import BETWEEN_PROBES, LONGEST_TOLD, Flow, Next, Tried, WaitSettings, after_try, jittered

USUAL = WaitSettings()
SHORT = WaitSettings(waits=(5.0, 30.0), jitter=0.0)
NOBODY = Tried(None, reached=False)
NEVER = WaitSettings(waits=())

STEPS = {  # how the try ended, attempts with it, age of the event; what comes next
    "200 is delivered": (Tried(200), 1, 0, Next("delivered", None)),
    "so is any 2xx": (Tried(299), 3, 9, Next("delivered", None)),
    "a redirect is not followed and failed": (Tried(302), 1, 0, Next("failed", 5.0)),
    "so is 304": (Tried(304), 1, 0, Next("failed", 5.0)),
    "400 comes again": (Tried(400), 1, 0, Next("failed", 5.0)),
    "500 comes again": (Tried(500), 1, 0, Next("failed", 5.0)),
    "no answer comes again": (Tried(None), 1, 0, Next("failed", 5.0)),
    "each attempt has its own wait": (Tried(500), 2, 0, Next("failed", 30.0)),
    "after the last wait it is dead": (Tried(500), 3, 0, Next("dead", None)),
    "and stays so when somebody redelivers it in vain": (Tried(500), 9, 0, Next("dead", None)),
    "410 is dead at once": (Tried(410), 1, 0, Next("dead", None)),
    "410 with a wait is dead too": (Tried(410, 60.0), 1, 0, Next("dead", None)),
    "a longer told wait wins on 429": (Tried(429, 60.0), 1, 0, Next("failed", 60.0)),
    "and on 503": (Tried(503, 60.0), 1, 0, Next("failed", 60.0)),
    "a shorter one does not": (Tried(503, 1.0), 1, 0, Next("failed", 5.0)),
    "on other statuses nobody told anything": (Tried(500, 60.0), 1, 0, Next("failed", 5.0)),
    "a year is a day": (Tried(429, 3e7), 1, 0, Next("failed", LONGEST_TOLD)),
    "who was not reached stays due": (NOBODY, 1, 0, Next("failed", 0.0)),
    "whatever its number": (NOBODY, 9, 34.9, Next("failed", 0.0)),
    "until it is as old as all waits together": (NOBODY, 1, 35.0, Next("dead", None)),
}


@pytest.mark.parametrize(("tried", "attempts", "age", "expected"), STEPS.values(), ids=STEPS)
def test_step(tried: Tried, attempts: int, age: float, expected: Next) -> None:
    assert after_try(tried, attempts, age, SHORT, lambda: 0.5) == expected


def test_the_usual_waits_are_twelve_attempts_in_52_hours() -> None:
    waits, attempts = [], 1
    while (step := after_try(Tried(500), attempts, 0, USUAL, lambda: 0.5)).after is not None:
        waits.append(step.after)
        attempts += 1
    assert attempts == 12
    assert round(sum(waits) / 3600) == 52


def test_without_waits_there_is_one_attempt() -> None:
    assert after_try(Tried(500), 1, 0, NEVER, lambda: 0.5) == Next("dead", None)


@given(st.floats(0.001, 1e6), st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_no_wait_is_further_off_than_the_jitter(wait: float, jitter: float, dice: float) -> None:
    found = jittered(wait, jitter, lambda: dice)
    assert wait * (1 - jitter) <= found * (1 + 1e-9)
    assert found <= wait * (1 + jitter) * (1 + 1e-9)


def flow(most: int = 8) -> Flow:
    return Flow(USUAL, most, lambda: 0.5)


def test_nobody_is_held_back_while_the_application_answers() -> None:
    found = flow()
    assert (found.room(0, 0), found.room(0, 3), found.room(0, 8), found.room(0, 9)) == (8, 5, 0, 0)
    found.answered(0)
    assert (found.room(0, 0), found.changes_at(0)) == (8, math.inf)


def test_one_probes_at_the_waits_and_at_most_half_a_minute_apart() -> None:
    found, now, waits = flow(), 0.0, []
    for _ in range(5):
        found.refused(now)
        assert found.room(now, 0) == 0
        waits.append(found.changes_at(now) - now)
        now = found.changes_at(now)
        assert found.room(now, 0) == 1
        assert found.room(now, 1) == 0
    assert waits == [5.0, BETWEEN_PROBES, BETWEEN_PROBES, BETWEEN_PROBES, BETWEEN_PROBES]


def test_those_that_were_refused_together_are_one_probe() -> None:
    found = flow()
    for _ in range(8):
        found.refused(0.0)
    assert found.changes_at(0.0) == 5.0


def test_when_a_probe_gets_through_the_others_follow_in_groups_that_double() -> None:
    found = flow()
    found.refused(0.0)
    assert found.room(5.0, 0) == 1
    rooms = []
    for number in range(4):
        found.answered(5.0 + number / 100)
        rooms.append(found.room(5.0 + number / 100, 0))
    assert rooms == [2, 4, 8, 8]
    assert found.changes_at(6.0) == math.inf


def test_a_group_follows_a_tenth_of_a_second_after_the_last_whatever_is_slow() -> None:
    found = flow()
    found.refused(0.0)
    found.answered(5.0)
    assert found.room(5.0, 2) == 0
    assert found.changes_at(5.0) == pytest.approx(5.1)
    assert found.room(5.11, 2) == 2
    assert found.room(5.5, 2) == 6


def test_until_the_first_has_an_answer_nobody_follows() -> None:
    found = flow()
    found.refused(0.0)
    assert found.room(300.0, 1) == 0


def test_a_refusal_on_the_way_back_stops_the_release_and_begins_anew() -> None:
    found = flow()
    found.refused(0.0)
    found.answered(5.0)
    found.refused(5.05)
    assert found.room(5.2, 0) == 0
    assert found.changes_at(5.2) == pytest.approx(10.05)


def test_new_settings_change_the_places_and_not_what_is_known() -> None:
    found = flow()
    found.refused(0.0)
    found.adopt(SHORT, 2)
    assert found.room(1.0, 0) == 0
    found.answered(5.0)
    assert found.room(5.0, 0) == 2


@given(st.lists(st.sampled_from(["answered", "refused", "hold"]), max_size=30), st.integers(1, 9))
def test_there_is_never_more_room_than_places_nor_less_than_none(happened: list[str], most: int) -> None:
    found, now = flow(most), 0.0
    for what in happened:
        now += 3.0
        if what == "hold":
            found.hold()
        else:
            (found.answered if what == "answered" else found.refused)(now)
        assert 0 <= found.room(now, 0) <= most
        assert found.changes_at(now) > now
