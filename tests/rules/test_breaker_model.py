"""A random schedule of outcomes, times and reloads against a plain model of resilience.md, section 3."""

import math
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.model import Evidence
from proxy.rules.breaker import Breaker, BreakerSettings, Permit

WINDOW = 10.0  # buckets of one second; every time is a multiple of a quarter
LIFE = 30.0
EVIDENCE = {"good": Evidence.SUCCESS, "bad": Evidence.FAILURE, "nothing": Evidence.NEUTRAL}


@dataclass
class Model:
    """Keeps every outcome as (second, kind, slow, permit) and counts from the start each time."""

    rules: BreakerSettings
    state: str = "closed"
    generation: int = 0
    held: bool = False
    resumes: str = "closed"
    log: list[tuple[float, str, bool, int]] = field(default_factory=list)
    out: dict[int, float] = field(default_factory=dict)
    good_probes: int = 0
    opened: float = 0.0
    reopened: int = 0

    def move(self, to, now):
        self.state, self.generation, self.out, self.good_probes = to, self.generation + 1, {}, 0
        self.opened = now if to == "open" else self.opened
        if to == "closed":
            self.log, self.reopened = [], 0

    def admit(self, now, name):
        pause = self.rules.recovery_timeout * min(2**self.reopened, 10)
        if self.state == "open" and not self.held and now >= self.opened + max(self.rules.recovery_timeout, pause):
            self.move("half_open", now)
        if self.state == "half_open":
            self.out = {one: since for one, since in self.out.items() if now - since < LIFE}
            if len(self.out) < self.rules.probes:
                self.out[name] = now
                return True
        return self.state == "closed"

    def count(self, now, kind, slow, name):
        self.log.append((now // 1, kind, slow, name))
        if self.state == "half_open" and kind == "bad":
            self.reopened += 1
            self.move("open", now)
        elif self.state == "half_open":
            self.good_probes += 1
            if self.good_probes >= self.rules.probes:
                self.move("closed", now)
        elif not self.held and self.bad_enough(now):
            self.move("open", now)

    def bad_enough(self, now):
        row = 0
        while row < len(self.log) and self.log[-1 - row][1] == "bad":
            row += 1
        window = [one for one in self.log if one[0] > now // 1 - 10]
        past = window[: max(0, len(window) - row)]
        long = self.rules.failure_threshold
        if len(past) >= self.rules.min_requests:
            share = max(0.01, sum(one[1] == "bad" for one in past) / len(past))
            chance = 50 if share == 1 else math.ceil(math.log(1e6 * len(past)) / math.log(1 / share))
            long = max(long, min(50, chance))
        shares = (
            (sum(one[1] == "bad" for one in window), self.rules.failure_rate),
            (
                sum(one[2] for one in window),
                self.rules.slow_rate if self.rules.slow_after is not None else 2.0,
            ),
        )
        enough = len(window) >= self.rules.min_requests
        return row >= long or (enough and any(count / len(window) >= share for count, share in shares))


rules = st.builds(
    BreakerSettings,
    failure_threshold=st.integers(1, 6),
    recovery_timeout=st.sampled_from([0.5, 2.0, 8.0]),
    probes=st.integers(1, 3),
    failure_rate=st.sampled_from([0.25, 0.5, 0.75]),
    min_requests=st.integers(1, 12),
    window=st.just(WINDOW),
    slow_after=st.sampled_from([None, 1.0]),
    slow_rate=st.sampled_from([0.5, 1.0]),
)
step = st.one_of(
    st.tuples(st.just("begin"), st.just(0)),
    st.tuples(st.sampled_from(["good", "bad", "bad", "nothing", "broken", "gone", "slow"]), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.integers(1, 60).map(lambda quarters: quarters / 4)),
    st.tuples(st.just("burst"), st.text("gb", min_size=1, max_size=15)),
    st.tuples(st.just("reload"), rules),
    st.tuples(st.just("hold"), st.sampled_from(["open", "closed", None, None])),
)


class Pair:
    """The breaker and its model, told the same."""

    def __init__(self, rules: BreakerSettings):
        self.breaker, self.model, self.now = Breaker(rules, LIFE), Model(rules), 0.0
        self.permits: list[Permit] = []  # let through and not over; those that were refused are dropped
        self.over: set[int] = set()

    def play(self, kind, value):
        deeds = {"wait": self.wait, "reload": self.reload, "hold": self.hold, "burst": self.burst, "begin": self.begin}
        if kind in deeds:
            deeds[kind](value)
        elif self.permits:
            self.end(kind, len(self.permits) - 1 - value % len(self.permits))

    def wait(self, seconds):
        self.now += seconds

    def reload(self, rules):
        self.breaker.adopt(rules, LIFE)
        self.model.rules = rules

    def burst(self, signs):
        for sign in signs:
            if self.begin():
                self.end("good" if sign == "g" else "bad", len(self.permits) - 1)

    def begin(self, _=None):
        permit = self.breaker.admit(self.now)
        goes = self.model.admit(self.now, len(self.permits))
        assert (permit.wait is None) is goes
        if goes:
            self.permits.append(permit)
        return goes

    def end(self, kind, name):
        model = self.model
        permit = self.permits[name]
        current = permit.generation == model.generation
        if kind == "broken":
            self.breaker.broke_off(permit, self.now)
            was = [one for one in model.log if one[1] == "good" and one[3] == name]
            if current and was:
                model.log.remove(was[0])
                model.count(self.now, "bad", was[0][2], -1)
        elif name not in self.over:
            self.over.add(name)
            slow = kind == "slow"
            kind = "good" if slow else kind
            if kind == "gone":
                self.breaker.give_back(permit)
            else:
                self.breaker.report(permit, EVIDENCE[kind], self.now, 3.0 if slow else 0.5)
            counts = current and (permit.state == "closed" or name in model.out)
            model.out.pop(name, None)
            if counts and kind in {"good", "bad"}:
                model.count(self.now, kind, slow and model.rules.slow_after is not None, name)

    def hold(self, state):
        self.breaker.hold(state, self.now)
        model = self.model
        if state == "closed" or (state and model.state == "closed"):
            model.resumes = "closed"
        elif state and not model.held:
            model.resumes = "half_open"
        to = state or (model.resumes if model.held else model.state)
        model.held = bool(state)
        if to != model.state:
            model.move(to, self.now)


@settings(max_examples=400)
@given(rules, st.lists(step, max_size=60))
def test_the_breaker_does_what_the_page_says(rules, schedule):
    pair = Pair(rules)
    for kind, value in schedule:
        pair.play(kind, value)
        assert (pair.breaker.state, pair.breaker.generation) == (pair.model.state, pair.model.generation)


@given(st.integers(1, 4), st.lists(st.sampled_from(["begin", "begin", "good", "nothing", "gone", "wait"])))
def test_never_more_than_probes_go_through_while_half_open(probes, schedule):
    breaker = Breaker(BreakerSettings(failure_threshold=1, recovery_timeout=5.0, probes=probes), LIFE)
    breaker.report(breaker.admit(0.0), Evidence.FAILURE, 0.0)
    now, on_their_way = 5.0, []
    for deed in schedule:
        now += 7.0 if deed == "wait" else 0.0
        if deed == "begin" and (permit := breaker.admit(now)).wait is None:
            on_their_way.append(permit)
        elif deed == "gone" and on_their_way:
            breaker.give_back(on_their_way.pop())
        elif deed in EVIDENCE and on_their_way:
            breaker.report(on_their_way.pop(), EVIDENCE[deed], now)
        if breaker.state == "closed":
            return
        on_their_way = [permit for permit in on_their_way if now - permit.taken_at < LIFE]
        assert len(on_their_way) <= probes


@given(rules, st.lists(step, max_size=60), rules)
def test_a_reload_in_any_state_keeps_counts(rules, schedule, others):
    pair = Pair(rules)
    for kind, value in schedule:
        pair.play(kind, value)
    breaker = pair.breaker
    before = (breaker.state, breaker.generation, breaker.by_hand, breaker.counts(pair.now))
    breaker.adopt(others, LIFE)
    assert (breaker.state, breaker.generation, breaker.by_hand, breaker.counts(pair.now)) == before
