"""The breaker's rule, sentence by sentence."""

import pytest

from proxy.model import Evidence
from proxy.rules.breaker import CLOSED, HALF_OPEN, NEXT, OPEN, Breaker, BreakerSettings, Permit, longest_by_chance

GOOD, BAD, NOTHING = Evidence.SUCCESS, Evidence.FAILURE, Evidence.NEUTRAL
TWO = BreakerSettings(failure_threshold=2, recovery_timeout=60.0)
LIFE = 100.0  # seconds of a permit


class Story:
    """Plays "second what, …" against a breaker; an attempt's number (`success#2`) lets it end later than it began."""

    def __init__(self, settings: BreakerSettings, life: float = LIFE) -> None:
        self.breaker = Breaker(settings, life)
        self.permits: dict[str, Permit] = {}

    def play(self, story: str) -> None:
        for line in story.split(", "):
            second, what = line.split()
            self._step(float(second), *what.partition("#")[::2])

    def _step(self, now: float, what: str, name: str) -> None:
        breaker = self.breaker
        if what == "begin":
            self.permits[name] = breaker.admit(now)
        elif what == "broken":
            breaker.broke_off(self.permits[name], now)
        elif what == "gone":
            breaker.give_back(self.permits[name])
        elif what in {"hold-open", "hold-closed", "auto"}:
            breaker.hold({"hold-open": "open", "hold-closed": "closed"}.get(what), now)
        else:
            permit = self.permits[name] if name in self.permits else breaker.admit(now)
            self.permits[name] = permit
            evidence = {"success": GOOD, "slow": GOOD, "failure": BAD, "neutral": NOTHING}[what]
            breaker.report(permit, evidence, now, took=9.0 if what == "slow" else 0.1)


STORIES = {  # second and what happens, …; then the state; the threshold is two failures
    "two failures in a row open it": ("0 failure, 1 failure", OPEN),
    "one failure does not": ("0 failure", CLOSED),
    "a success between them starts the count again": ("0 failure, 1 success, 2 failure", CLOSED),
    "a neutral outcome neither counts": ("0 failure, 1 neutral", CLOSED),
    "nor breaks the row": ("0 failure, 1 neutral, 2 failure", OPEN),
    "no time is too long for a row": ("0 failure, 900 failure", OPEN),
    "no timer moves an open breaker": ("0 failure, 1 failure, 61 gone#", OPEN),
    "a probe is let through after the recovery timeout": ("0 failure, 1 failure, 61 begin#1", HALF_OPEN),
    "not before": ("0 failure, 1 failure, 60.9 begin#1", OPEN),
    "a probe that succeeds closes it": ("0 failure, 1 failure, 61 success#1", CLOSED),
    "closing clears all counts": ("0 failure, 1 failure, 61 success#1, 62 failure", CLOSED),
    "a probe that fails opens it again": ("0 failure, 1 failure, 61 failure#1", OPEN),
    "a neutral probe decides nothing": ("0 failure, 1 failure, 61 neutral#1", HALF_OPEN),
    "a neutral probe gives its place back": ("0 failure, 1 failure, 61 neutral#1, 62 success#2", CLOSED),
    "a probe whose caller went away decides nothing": ("0 failure, 1 failure, 61 begin#1, 62 gone#1", HALF_OPEN),
    "and gives its place back": ("0 failure, 1 failure, 61 begin#1, 62 gone#1, 63 success#2", CLOSED),
    "a probe as old as a call may get is taken back": (
        "0 failure, 1 failure, 61 begin#1, 161 success#2",
        CLOSED,
    ),
    "a younger one is not": ("0 failure, 1 failure, 61 begin#1, 160 success#2", HALF_OPEN),
    "a probe that was taken back is no evidence": (
        "0 failure, 1 failure, 61 begin#1, 161 begin#2, 162 success#1",
        HALF_OPEN,
    ),
    "a slow failure from before it closed again cannot open it": (
        "0 begin#old, 0 failure, 1 failure, 61 success#1, 62 failure, 63 failure#old",
        CLOSED,
    ),
    "nor can it decide for a probe": ("0 begin#old, 0 failure, 1 failure, 61 begin#1, 63 failure#old", HALF_OPEN),
    "nor can an old success close it": ("0 begin#old, 0 failure, 1 failure, 61 begin#1, 63 success#old", HALF_OPEN),
    "a refusal by the breaker is no evidence for it": (
        "0 failure, 1 failure, 2 success#1, 3 failure#2, 61 success#3",
        CLOSED,
    ),
    "a refusal while half-open is none either": ("0 failure, 1 failure, 61 begin#1, 61 success#2", HALF_OPEN),
    "a body that breaks off is a failure": ("0 success#1, 1 success#2, 2 broken#1, 3 broken#2", OPEN),
    "the row that its success broke is taken up again": ("0 failure, 1 success#1, 2 broken#1", OPEN),
    "failures since that success are of that row": ("0 success#1, 1 failure, 2 broken#1", OPEN),
    "a success that stands still breaks it": ("0 failure, 1 success#1, 2 success#2, 3 broken#1", CLOSED),
    "also when it came first": ("0 failure, 1 success#1, 2 success#2, 3 broken#2", CLOSED),
    "a body breaks off once": ("0 success#1, 1 broken#1, 2 broken#1", CLOSED),
    "unless the generation changed": (
        "0 success#1, 1 failure, 2 failure, 62 success#2, 63 failure, 64 broken#1",
        CLOSED,
    ),
    "a failed answer that also breaks off counts once": ("0 failure#1, 1 broken#1", CLOSED),
    "a neutral answer that breaks off counts not at all": ("0 neutral#1, 0 neutral#2, 1 broken#1, 1 broken#2", CLOSED),
    "held open it refuses": ("0 hold-open, 99 begin#1", OPEN),
    "held open no time lets a probe through": ("0 failure, 1 failure, 2 hold-open, 9999 begin#1", OPEN),
    "held closed nothing opens it": ("0 hold-closed, 1 failure, 2 failure, 3 failure", CLOSED),
    "let go, what was held closed opens by itself": ("0 hold-closed, 1 auto, 2 failure, 3 failure", OPEN),
    "let go, what was held open is as closed as before": ("0 hold-open, 1 auto", CLOSED),
    "let go, what had opened by itself tries a probe": (
        "0 failure, 1 failure, 2 hold-open, 3 auto, 4 begin#1",
        HALF_OPEN,
    ),
    "held open twice is held open once": ("0 hold-open, 1 hold-open, 2 auto", CLOSED),
    "held closed after that, it stays closed": (
        "0 failure, 1 failure, 2 hold-open, 3 hold-closed, 4 auto",
        CLOSED,
    ),
    "held closed first, it is closed when let go": ("0 hold-closed, 1 hold-open, 2 auto", CLOSED),
    "letting go of nothing changes nothing": ("0 failure, 1 auto, 2 failure", OPEN),
    "what began before it was held is no evidence": ("0 begin#1, 1 hold-open, 2 auto, 3 failure, 4 failure#1", CLOSED),
}


@pytest.mark.parametrize(("story", "state"), STORIES.values(), ids=STORIES)
def test_story(story: str, state: str):
    told = Story(TWO)
    told.play(story)
    assert told.breaker.state == state


def test_the_table_knows_every_change_of_state_and_no_other():
    assert {(state, to) for (state, _), to in NEXT.items()} == {
        (CLOSED, OPEN),
        (OPEN, HALF_OPEN),
        (HALF_OPEN, CLOSED),
        (HALF_OPEN, OPEN),
    }


def test_the_generation_is_raised_at_each_change_of_state_and_only_then():
    story = Story(TWO)
    seen = []
    for line in ("0 failure", "1 failure", "2 begin", "61 begin#1", "62 success#1", "63 success", "64 hold-open"):
        story.play(line)
        seen.append((story.breaker.generation, story.breaker.state))
    assert seen == [(0, CLOSED), (1, OPEN), (1, OPEN), (2, HALF_OPEN), (3, CLOSED), (3, CLOSED), (4, OPEN)]


WAITS = {  # what happened; when somebody asks; whole seconds until the next probe, None: go
    "a closed one lets everybody through": ("0 failure", 1.0, None),
    "an open one says in how many whole seconds it will be tried": ("0 failure, 1 failure", 24.5, 37.0),
    "which is at least one": ("0 failure, 1 failure", 60.99, 1.0),
    "and nothing once they are over": ("0 failure, 1 failure", 61.0, None),
    "whole seconds stay what they are in floats": ("0 failure, 6.4 failure", 6.4, 60.0),
    "a half-open one with its probe on its way says one second": ("0 failure, 1 failure, 61 begin#1", 62.0, 1.0),
    "a half-open one without a probe on its way lets it go": ("0 failure, 1 failure, 61 neutral#1", 62.0, None),
    "half-open it forgets a probe that got too old": ("0 failure, 1 failure, 61 begin#1", 161.0, None),
    "nobody knows how long an operator holds it": ("0 hold-open", 999.0, 60.0),
    "held closed it lets everybody through": ("0 failure, 1 failure, 2 hold-closed", 3.0, None),
}


@pytest.mark.parametrize(("story", "now", "wait"), WAITS.values(), ids=WAITS)
def test_wait(story: str, now: float, wait: float | None):
    breaker = (told := Story(TWO)).breaker
    told.play(story)
    before = (breaker.state, breaker.generation)
    assert breaker.wait(now) == wait
    assert breaker.allows(now) is (wait is None)
    assert (breaker.state, breaker.generation) == before, "asking changed something"
    assert breaker.admit(now).wait == wait


@pytest.mark.parametrize(
    ("recovery", "pauses"),
    [
        (1.0, [1, 2, 4, 8, 10, 10]),  # at most ten times the recovery timeout
        (60.0, [60, 120, 240, 480, 600, 600]),
        (100.0, [100, 200, 400, 600, 600]),  # at most ten minutes
        (900.0, [900, 900]),  # but never less than was asked for
    ],
)
def test_each_probe_that_fails_doubles_the_pause_up_to_a_limit(recovery: float, pauses: list[float]):
    breaker = Breaker(BreakerSettings(failure_threshold=1, recovery_timeout=recovery), LIFE)
    now = 0.0
    for pause in pauses:
        breaker.report(breaker.admit(now), BAD, now)
        assert breaker.wait(now) == pause
        now += pause


def test_closing_resets_the_pause():
    breaker = Breaker(BreakerSettings(failure_threshold=1, recovery_timeout=10.0), LIFE)
    for now, evidence in ((0.0, BAD), (10.0, BAD), (30.0, GOOD), (31.0, BAD)):
        breaker.report(breaker.admit(now), evidence, now)
    assert breaker.wait(31.0) == 10.0


def test_a_hand_is_seen_on_it():
    breaker = Breaker(TWO, LIFE)
    seen = []
    for state in ("open", "closed", None):
        breaker.hold(state, 0.0)
        seen.append((breaker.by_hand, breaker.state))
    assert seen == [(True, OPEN), (True, CLOSED), (False, CLOSED)]


def _probing(probes: int) -> Breaker:
    settings = BreakerSettings(failure_threshold=1, recovery_timeout=1.0, probes=probes)
    breaker = Breaker(settings, LIFE)
    breaker.report(breaker.admit(0.0), BAD, 0.0)
    return breaker


def test_several_probes_go_at_a_time_and_the_next_waits():
    breaker = _probing(3)
    assert [breaker.admit(1.0).wait for _ in range(5)] == [None, None, None, 1.0, 1.0]


def test_as_many_successes_as_probes_close_it():
    breaker = _probing(3)
    states = []
    for _ in range(3):
        breaker.report(breaker.admit(1.0), GOOD, 1.0)
        states.append(breaker.state)
    assert states == [HALF_OPEN, HALF_OPEN, CLOSED]


def test_successes_of_an_earlier_time_half_open_do_not_count():
    breaker = _probing(2)
    for now, evidence in ((1.0, GOOD), (1.0, BAD), (3.0, GOOD)):
        breaker.report(breaker.admit(now), evidence, now)
    assert breaker.state == HALF_OPEN


def test_one_failed_probe_opens_it_whatever_the_others_said():
    breaker = _probing(3)
    first, second = breaker.admit(1.0), breaker.admit(1.0)
    breaker.report(first, GOOD, 1.0)
    breaker.report(second, BAD, 1.0)
    assert breaker.state == OPEN


def test_a_probe_whose_body_breaks_off_opens_it_while_others_are_out():
    breaker = _probing(2)
    first = breaker.admit(1.0)
    breaker.report(first, GOOD, 1.0)
    breaker.broke_off(first, 2.0)
    assert breaker.state == OPEN


def test_a_probe_whose_body_breaks_off_after_it_closed_changes_nothing():
    breaker = _probing(1)
    first = breaker.admit(1.0)
    breaker.report(first, GOOD, 1.0)
    breaker.broke_off(first, 2.0)
    assert breaker.state == CLOSED


CHANCE = {  # outcomes and failures before the row; the row that chance does not explain
    "n = 30 000, p = 10 %": (30_000, 3_000, 11),
    "a past without failure counts as one percent": (30_000, 0, 6),
    "little traffic needs less": (100, 0, 4),
    "half of it failed": (100, 50, 27),
    "never more than fifty": (30_000, 27_000, 50),
    "all of it failed": (100, 100, 50),
}


@pytest.mark.parametrize(("outcomes", "failures", "row"), CHANCE.values(), ids=CHANCE)
def test_longest_by_chance(outcomes: int, failures: int, row: int):
    assert longest_by_chance(outcomes, failures) == row
