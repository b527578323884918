"""Who may wait for the end of a cooldown, and in which order those who waited go on."""

import math

from proxy.rules.cooldown import Cooldown, CooldownSettings, Ticket

KEY = b""


class Queue:
    """A cooldown of 30 s from second 0, and the calls that wait for its end, by number."""

    def __init__(self, calls: int = 0, room: int = 100) -> None:
        self.cooldown = Cooldown(CooldownSettings(queue=room))
        self.cooldown.begin(KEY, 30.0, 0.0)
        self.gone: list[int] = []
        self.dropped: list[int] = []
        self.tickets: dict[int, Ticket] = {}
        for _ in range(calls):
            self.join()

    def join(self, limit: float = math.inf) -> Ticket | None:
        number = len(self.tickets) + 1
        ticket = self.cooldown.join(KEY, limit, lambda goes: (self.gone if goes else self.dropped).append(number))
        if ticket is not None:
            self.tickets[number] = ticket
        return ticket

    def turn(self, now: float) -> list[int]:
        """Who has gone so far."""
        self.cooldown.turn(KEY, now)
        return self.gone

    def head(self, number: int, now: float) -> list[int]:
        self.cooldown.arrived(self.tickets[number], now)
        return self.gone

    def leave(self, number: int, now: float) -> list[int]:
        self.cooldown.leave(self.tickets[number], now)
        return self.gone


def test_a_call_whose_limit_is_before_the_end_does_not_wait():
    queue = Queue()
    assert queue.join(limit=29.9) is None
    assert queue.join(limit=30.0) is not None


def test_the_queue_has_as_much_room_as_was_said():
    queue = Queue(calls=2, room=3)
    assert [queue.join() is not None for _ in range(2)] == [True, False]
    queue.leave(1, 1.0)
    assert queue.join() is not None
    assert queue.cooldown.waiting == 3


def test_more_room_after_a_reload_counts_at_once_and_the_queue_stays():
    queue = Queue(calls=1, room=1)
    queue.cooldown.adopt(CooldownSettings(queue=2))
    assert queue.join() is not None
    assert queue.turn(30.0) == [1]


def test_nobody_goes_before_the_end():
    queue = Queue(calls=3)
    assert queue.turn(29.999) == []
    assert queue.cooldown.due(KEY) == 30.0


def test_at_the_end_one_goes_first():
    queue = Queue(calls=3)
    assert queue.turn(30.0) == [1]


def test_until_its_head_is_in_nobody_else_goes():
    queue = Queue(calls=3)
    queue.turn(30.0)
    assert queue.turn(99.0) == [1]
    assert queue.cooldown.due(KEY) is None
    assert not queue.cooldown.is_free(KEY, 99.0)


def test_nobody_overtakes_it_even_when_nobody_else_waits():
    queue = Queue(calls=1)
    queue.turn(30.0)
    assert not queue.cooldown.is_free(KEY, 31.0)
    queue.head(1, 32.0)
    assert queue.cooldown.is_free(KEY, 32.0)


def test_its_head_lets_two_go():
    queue = Queue(calls=9)
    queue.turn(30.0)
    assert queue.head(1, 30.05) == [1, 2, 3]


def test_each_head_lets_a_group_twice_as_large_go():
    queue = Queue(calls=20)
    queue.turn(30.0)
    queue.head(1, 30.05)
    assert queue.head(3, 30.06) == list(range(1, 8))
    assert queue.head(2, 30.07) == list(range(1, 16))
    assert queue.head(9, 30.08) == list(range(1, 21))


def test_without_a_head_a_group_goes_every_tenth_of_a_second():
    queue = Queue(calls=9)
    queue.turn(30.0)
    queue.head(1, 30.5)
    assert queue.cooldown.due(KEY) == 30.6
    assert queue.turn(30.59) == [1, 2, 3]
    assert queue.turn(30.6) == [1, 2, 3, 4, 5, 6, 7]
    assert queue.turn(30.71) == list(range(1, 10))


def test_a_call_that_comes_during_the_release_goes_last():
    queue = Queue(calls=4)
    queue.turn(30.0)
    queue.head(1, 30.5)
    assert not queue.cooldown.is_free(KEY, 30.5)
    queue.join()
    assert queue.turn(30.6) == [1, 2, 3, 4, 5]


def test_once_the_queue_is_empty_everybody_is_free():
    queue = Queue(calls=3)
    queue.turn(30.0)
    queue.head(1, 30.5)
    assert queue.cooldown.is_free(KEY, 30.5)


def test_a_new_wait_stops_the_release_and_it_begins_again_with_one():
    queue = Queue(calls=9)
    queue.turn(30.0)
    queue.head(1, 30.1)
    queue.cooldown.begin(KEY, 10.0, 30.15)
    queue.head(2, 30.16)
    queue.head(3, 30.17)
    assert queue.turn(40.1) == [1, 2, 3]
    assert queue.turn(40.15) == [1, 2, 3, 4]
    assert queue.head(4, 40.2) == [1, 2, 3, 4, 5, 6]


def test_a_new_wait_for_the_first_one_lets_the_second_go_first_at_its_end():
    queue = Queue(calls=3)
    queue.turn(30.0)
    queue.cooldown.begin(KEY, 5.0, 30.1)
    queue.head(1, 30.1)
    assert queue.turn(35.0) == [1]
    assert queue.turn(35.1) == [1, 2]


def test_a_first_one_from_before_a_new_wait_holds_nobody_up_after_it():
    queue = Queue(calls=3)
    queue.turn(30.0)
    queue.cooldown.begin(KEY, 5.0, 31.0)  # another call's answer
    assert queue.turn(36.0) == [1, 2]
    assert queue.head(1, 36.1) == [1, 2]
    assert queue.leave(1, 36.2) == [1, 2]
    assert queue.head(2, 36.3) == [1, 2, 3]


def test_a_new_wait_of_no_length_still_lets_only_one_go():
    queue = Queue(calls=4)
    queue.turn(30.0)
    queue.head(1, 30.1)
    queue.cooldown.begin(KEY, 0.0, 30.2)
    assert queue.turn(30.2) == [1, 2, 3, 4]
    queue = Queue(calls=9)
    queue.turn(30.0)
    queue.cooldown.begin(KEY, 0.0, 30.2)
    assert queue.turn(30.2) == [1, 2]


def test_if_the_first_ends_without_a_head_the_next_goes_alone():
    queue = Queue(calls=4)
    queue.turn(30.0)
    assert queue.leave(1, 31.0) == [1, 2]
    assert queue.turn(40.0) == [1, 2]
    assert queue.head(2, 41.0) == [1, 2, 3, 4]


def test_one_of_a_group_that_ends_without_a_head_changes_nothing():
    queue = Queue(calls=9)
    queue.turn(30.0)
    queue.head(1, 30.5)
    assert queue.leave(2, 30.51) == [1, 2, 3]
    assert queue.turn(30.6) == [1, 2, 3, 4, 5, 6, 7]


def test_a_call_that_leaves_the_queue_leaves_no_trace():
    queue = Queue(calls=4)
    queue.leave(1, 1.0)
    queue.leave(3, 2.0)
    assert queue.cooldown.waiting == 2
    queue.turn(30.0)
    assert queue.head(2, 30.1) == [2, 4]


def test_a_new_wait_beyond_a_calls_limit_tells_it_at_once():
    queue = Queue()
    for limit in (60.0, 35.0, 34.9, 90.0):
        queue.join(limit)
    queue.cooldown.begin(KEY, 34.0, 1.0)
    assert queue.dropped == [3]
    queue.cooldown.begin(KEY, 80.0, 2.0)
    assert queue.dropped == [3, 1, 2]
    assert queue.cooldown.waiting == 1
    assert queue.turn(82.0) == [4]
