"""Places, and who is next for one."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.concurrency import ConcurrencySettings, Gate, Waiter


class Door:
    """A gate and those who were admitted from its queue, by number."""

    def __init__(self, most: int, queue: int = 100) -> None:
        self.gate = Gate(ConcurrencySettings(max=most, queue=queue))
        self.admitted: list[int] = []
        self.waiters: list[Waiter] = []

    def join(self) -> Waiter | None:
        number = len(self.waiters)
        waiter = self.gate.join(lambda: self.admitted.append(number))
        if waiter is not None:
            self.waiters.append(waiter)
        return waiter


def test_there_are_as_many_places_as_max():
    gate = Door(2).gate
    assert [gate.enter() for _ in range(3)] == [True, True, False]
    assert gate.in_flight == 2


def test_a_place_that_comes_back_can_be_taken_again():
    gate = Door(1).gate
    gate.enter()
    gate.leave()
    assert (gate.in_flight, gate.enter()) == (0, True)


def test_who_waited_longest_is_next():
    door = Door(1)
    door.gate.enter()
    for _ in range(3):
        door.join()
    door.gate.leave()
    door.gate.leave()
    assert (door.admitted, door.gate.in_flight, door.gate.queued) == ([0, 1], 1, 1)


def test_nobody_overtakes_the_queue():
    door = Door(1)
    door.gate.enter()
    door.join()
    door.gate.leave()
    assert not door.gate.enter()
    assert door.admitted == [0]


def test_a_full_queue_takes_nobody():
    door = Door(1, queue=1)
    door.gate.enter()
    assert [door.join() is not None for _ in range(2)] == [True, False]


def test_without_a_queue_nobody_waits():
    door = Door(1, queue=0)
    door.gate.enter()
    assert door.join() is None


def test_one_that_gives_up_is_not_admitted():
    door = Door(1)
    door.gate.enter()
    first, _ = door.join(), door.join()
    door.gate.give_up(first)
    door.gate.leave()
    assert (door.admitted, door.gate.queued) == ([1], 0)


def test_one_that_gives_up_when_it_was_just_admitted_passes_its_place_on():
    door = Door(1)
    door.gate.enter()
    first, _ = door.join(), door.join()
    door.gate.leave()
    door.gate.give_up(first)
    assert (door.admitted, door.gate.in_flight) == ([0, 1], 1)


def test_more_places_after_a_reload_admit_those_who_wait():
    door = Door(1)
    door.gate.enter()
    for _ in range(3):
        door.join()
    door.gate.adopt(ConcurrencySettings(max=3))
    assert (door.admitted, door.gate.in_flight, door.gate.queued) == ([0, 1], 3, 1)


def test_fewer_places_after_a_reload_take_none_away():
    door = Door(3)
    for _ in range(3):
        door.gate.enter()
    door.join()
    door.gate.adopt(ConcurrencySettings(max=2))
    door.gate.leave()
    assert (door.admitted, door.gate.in_flight) == ([], 2)
    door.gate.leave()
    assert (door.admitted, door.gate.in_flight) == ([0], 2)


def test_a_smaller_queue_after_a_reload_keeps_those_in_it():
    door = Door(1)
    door.gate.enter()
    door.join()
    door.gate.adopt(ConcurrencySettings(max=1, queue=0))
    assert door.join() is None
    door.gate.leave()
    assert door.admitted == [0]


class Crowd:
    """Calls that come and go at a gate, counted by hand."""

    def __init__(self, most: int) -> None:
        self.door, self.most, self.inside = Door(most, queue=4), most, 0
        self.waiting: list[int] = []

    def come(self, _: int) -> None:
        if self.door.gate.enter():
            self.inside += 1
            assert not self.waiting, "overtook"
        elif self.door.join() is not None:
            self.waiting.append(len(self.door.waiters) - 1)

    def leave(self, _: int) -> None:
        if self.inside:
            self.inside -= 1
            self.door.gate.leave()

    def give_up(self, number: int) -> None:
        if self.waiting:
            self.door.gate.give_up(self.door.waiters[self.waiting.pop(number % len(self.waiting))])

    def reload(self, number: int) -> None:
        self.most = number + 1
        self.door.gate.adopt(ConcurrencySettings(max=self.most, queue=4))

    def check(self) -> None:
        while self.door.admitted:
            assert self.waiting.pop(0) == self.door.admitted.pop(0), "out of order"
            self.inside += 1
        gate = self.door.gate
        assert (gate.in_flight, gate.queued) == (self.inside, len(self.waiting))
        assert self.inside >= self.most or not self.waiting, "a free place, and somebody waits"


deeds = st.lists(st.tuples(st.sampled_from(["come", "come", "leave", "give_up", "reload"]), st.integers(0, 5)))


@given(st.integers(1, 4), deeds)
def test_whatever_happens_places_taken_are_places_given_back(most, schedule):
    crowd = Crowd(most)
    for deed, number in schedule:
        getattr(crowd, deed)(number)
        crowd.check()
    while crowd.inside:
        crowd.leave(0)
        crowd.check()
    assert (crowd.door.gate.in_flight, crowd.door.gate.queued) == (0, 0)
