"""How much the inbox's thread does in one transaction, on a store that only counts them."""

import asyncio
import threading
import time

import pytest

from proxy.edges.inbox_backend import Reports
from proxy.edges.inbox_worker import BATCH, PATIENCE, Worker
from proxy.webhooks.inbox import InboxUnavailable
from tests.support.inbox import Sender

pytestmark = pytest.mark.usefixtures("loops")


@pytest.fixture
def loops():
    """One kind is enough: what is tested is a thread."""
    return asyncio.new_event_loop


class Store:
    """A backend and its connection. `transactions`: the steps of each; `door`: a commit waits until it is open."""

    skip = ""

    def __init__(self):
        self.transactions = []
        self.door = threading.Event()
        self.door.set()
        self.inside = threading.Event()

    def connect(self):
        return self

    def fault(self, error):
        return None

    def full(self):
        return None

    def begin(self):
        self.transactions.append([])

    def commit(self):
        self.inside.set()
        assert self.door.wait(10)

    def rollback(self):
        pass

    def close(self):
        pass

    def cut(self):
        self.door.set()

    def insert(self, sql, rows):
        if "INTO events" in sql:
            self.transactions[-1] += [row[0] for row in rows]  # their ids
        return len(rows)

    def step(self, name):
        """Work that only says that it was done."""
        return lambda work: work.database.transactions[-1].append(name)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def arrival():
    """Makes an event of that id."""
    make = Sender()
    return lambda name: make(name, id=name)


def worker(store):
    return Worker("inbox", store, Reports(lambda _: None, lambda _: None, lambda _: None))


async def test_what_turn_after_turn_brings_is_one_transaction(store):
    inbox, asked = worker(store), []
    for number in range(5):
        asked.append(asyncio.ensure_future(inbox.do(store.step(number))))
        await asyncio.sleep(0)
    await asyncio.gather(*asked)
    await inbox.close()
    assert store.transactions == [[0, 1, 2, 3, 4]]


async def test_one_that_comes_alone_waits_for_no_other(store):
    inbox = worker(store)
    for number in range(3):
        await inbox.do(store.step(number))
    await inbox.close()
    assert store.transactions == [[0], [1], [2]]


async def test_senders_who_were_just_answered_are_waited_for_when_one_of_them_comes_again(store, arrival):
    inbox = worker(store)
    await asyncio.gather(*(inbox.store(arrival(f"{number}")) for number in range(3)))
    asked = []
    for number in range(3, 6):
        asked.append(inbox.store(arrival(f"{number}")))
        for _ in range(5):  # turns that bring nothing
            await asyncio.sleep(0)
    await asyncio.gather(*asked)
    await inbox.close()
    assert store.transactions == [["0", "1", "2"], ["3", "4", "5"]]


async def test_senders_who_do_not_come_again_are_not_waited_for_for_long(store, arrival):
    inbox = worker(store)
    await asyncio.gather(*(inbox.store(arrival(f"{number}")) for number in range(3)))
    asked = time.perf_counter()
    await inbox.store(arrival("3"))
    assert time.perf_counter() - asked < PATIENCE / 2
    for number in range(4, 6):
        await inbox.store(arrival(f"{number}"))
    await inbox.close()
    assert store.transactions == [["0", "1", "2"], ["3"], ["4"], ["5"]]


async def test_nobody_is_waited_for_after_what_no_sender_asked_for(store):
    inbox = worker(store)
    await asyncio.gather(*(inbox.do(store.step(number)) for number in range(3)))
    asked = []
    for number in range(3, 5):
        asked.append(asyncio.ensure_future(inbox.do(store.step(number))))
        for _ in range(10):
            await asyncio.sleep(0)
    await asyncio.gather(*asked)
    await inbox.close()
    assert store.transactions == [[0, 1, 2], [3], [4]]


async def test_what_comes_during_a_commit_is_the_next_transaction(store):
    inbox = worker(store)
    store.door.clear()
    asked = [asyncio.ensure_future(inbox.do(store.step(0)))]
    await asyncio.to_thread(store.inside.wait, 10)
    for number in range(1, 4):
        asked.append(asyncio.ensure_future(inbox.do(store.step(number))))
        await asyncio.sleep(0.01)
    assert store.transactions == [[0]]
    store.door.set()
    await asyncio.gather(*asked)
    await inbox.close()
    assert store.transactions == [[0], [1, 2, 3]]


async def test_more_than_a_batch_is_done_in_two(store):
    inbox = worker(store)
    await asyncio.gather(*(inbox.do(store.step(number)) for number in range(BATCH + 1)))
    await inbox.close()
    assert [len(steps) for steps in store.transactions] == [BATCH, 1]


async def test_what_nobody_waits_for_any_more_is_left_out_and_the_rest_is_done(store):
    inbox = worker(store)
    store.door.clear()
    first = asyncio.ensure_future(inbox.do(store.step("first")))
    await asyncio.to_thread(store.inside.wait, 10)
    gone = [asyncio.ensure_future(inbox.do(store.step("gone"))) for _ in range(BATCH)]
    last = asyncio.ensure_future(inbox.do(store.step("last")))
    await asyncio.sleep(0)
    for one in gone:
        one.cancel()
    await asyncio.wait(gone)
    store.door.set()
    await asyncio.gather(first, last)
    await inbox.close()
    assert store.transactions == [["first"], ["last"]]


async def test_what_is_queued_at_the_end_is_still_done_and_nothing_after_it(store):
    inbox = worker(store)
    asked = [asyncio.ensure_future(inbox.do(store.step(number))) for number in range(3)]
    await asyncio.sleep(0)
    await inbox.close()
    await asyncio.gather(*asked)
    assert store.transactions == [[0, 1, 2]]
    with pytest.raises(InboxUnavailable, match="closed"):
        await inbox.do(store.step("late"))


async def test_a_commit_that_stands_still_is_cut_though_nothing_more_comes(store):
    inbox = worker(store)
    first = asyncio.ensure_future(inbox.do(lambda _: time.sleep(0.2)))
    await asyncio.sleep(0.05)
    stuck = asyncio.ensure_future(inbox.do(lambda _: store.door.clear()))  # begun only after the first is done
    await first
    with pytest.raises(InboxUnavailable, match="did not answer"):
        await stuck
    assert await asyncio.to_thread(store.door.wait, 3)
    await inbox.close()
