"""Any schedule of arrivals, heads, losses and new waits: nobody is lost, goes twice, goes early or overtakes."""

import math
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.rules.cooldown import Cooldown, CooldownSettings, Ticket

KEY = b""


@dataclass
class World:
    cooldown: Cooldown = field(default_factory=lambda: Cooldown(CooldownSettings(queue=10_000)))
    now: float = 0.0
    until: float = -math.inf  # by our own count
    alone: int | None = None  # went first, its head not in
    tickets: dict[int, Ticket] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    flying: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)

    def arrive(self, _: int) -> None:
        if self.cooldown.is_free(KEY, self.now):
            assert not self.waiting
            assert self.now >= self.until
            return
        number = len(self.tickets)
        ticket = self.cooldown.join(KEY, math.inf, lambda _: self.go(number))
        assert ticket is not None
        self.tickets[number] = ticket
        self.waiting.append(number)

    def go(self, number: int) -> None:
        assert number not in self.told, "released twice"
        assert self.now >= self.until, "released before the wait was over"
        assert self.waiting[0] == number, "overtook"
        assert self.alone is None, "went before the first one's head was in"
        self.told.append(number)
        self.waiting.remove(number)
        self.flying.append(number)
        if self.fresh:
            self.alone, self.fresh = number, False

    fresh: bool = True  # the next one to go is the first since a wait

    def end(self, which: int, deed: str) -> None:
        if self.flying:
            number = self.flying.pop(which % len(self.flying))
            if number == self.alone:
                self.alone, self.fresh = None, deed == "lost"
            ticket = self.tickets[number]
            (self.cooldown.arrived if deed == "head" else self.cooldown.leave)(ticket, self.now)

    def head(self, which: int) -> None:
        self.end(which, "head")

    def lost(self, which: int) -> None:
        self.end(which, "lost")

    def again(self, seconds: int) -> None:
        """Some answer asks for a wait."""
        self.alone, self.fresh = None, True
        self.until = max(self.until, self.now + seconds)
        assert self.cooldown.begin(KEY, float(seconds), self.now) == seconds

    def leave(self, which: int) -> None:
        if self.waiting:
            number = self.waiting.pop(which % len(self.waiting))
            self.cooldown.leave(self.tickets[number], self.now)

    def wait(self, seconds: int) -> None:
        """As the stage does: a turn whenever one is due."""
        end = self.now + seconds
        while (due := self.cooldown.due(KEY)) is not None and due <= end:
            self.now = max(self.now, due)
            before = len(self.told)
            self.cooldown.turn(KEY, self.now)
            assert len(self.told) > before, "a turn that was due let nobody go"
        self.now = end


deeds = st.tuples(st.sampled_from(["arrive"] * 4 + ["head", "lost", "again", "leave", "wait"]), st.integers(0, 9))


@settings(max_examples=300)
@given(st.lists(deeds, max_size=80))
def test_whatever_happens_all_who_stay_go_once_in_order_and_never_early(schedule):
    world = World()
    world.again(5)
    for deed, number in schedule:
        getattr(world, deed)(number)
        assert world.cooldown.waiting == len(world.waiting)
    world.wait(10)
    while world.waiting or world.flying:  # from here on the provider is well: nobody may be left behind
        before = len(world.told)
        while world.flying:
            world.head(0)
        world.wait(10)
        assert len(world.told) > before or not world.waiting
    assert world.cooldown.is_free(KEY, world.now)


@given(st.lists(st.tuples(st.floats(0, 9), st.none() | st.floats(0, 99)), min_size=1))
def test_no_wait_is_shorter_than_told_and_the_end_never_moves_back(answers):
    cooldown, now, latest = Cooldown(CooldownSettings()), 0.0, 0.0
    for pause, told in answers:
        now += pause
        wait = cooldown.begin(KEY, told, now)
        assert wait == told if told is not None else 1 <= wait <= 30
        latest = max(latest, now + wait)
        assert (cooldown.ends(KEY, now) or now) == max(latest, now)
