"""What an inbox promises, whichever store it is on."""

import asyncio
import time
from dataclasses import replace

import pytest

from proxy.webhooks.inbox import InboxUnavailable, Kept
from tests.support.inbox import NOON, Box, Sender, ids

DAY, WEEK = 86_400.0, 7 * 86_400.0

pytestmark = pytest.mark.usefixtures("loops")


@pytest.fixture
def loops():
    """One kind is enough: the stores are threads."""
    return asyncio.new_event_loop


@pytest.fixture
def box(fresh_url, loops):
    return Box(fresh_url())


async def test_an_event_comes_back_byte_for_byte(box, event):
    odd = event(
        headers=((b"X-A", b"\xff\x80"), (b"x-a", b""), (b"X-A", b"1")),
        body=bytes(range(256)),
        query=b"a=%00&a",
        type='nul \0, half a pair \ud800, back\\slash, "é"',
        order_key="k\0",
    )
    async with box as inbox:
        assert await inbox.put(odd) is Kept.NEW
        found = await inbox.get(odd.id)
    assert found is not None
    assert found.arrival == replace(odd, dedupe_key=None, digest="")
    assert (found.state, found.attempts, found.last_status, found.done_at) == ("pending", 0, None, None)


HEADERS = {
    "none": (),
    "one without a value": ((b"X-A", b""),),
    "an end of line in a value": ((b"X-A", b"1"), (b"X-B", b"2\n3")),
    "a name that is empty": ((b"", b"1"),),
    "both that are empty": ((b"", b""),),
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
async def test_headers_come_back_as_they_were(box, event, headers):
    async with box as inbox:
        await inbox.put(one := event(headers=headers))
        found = await inbox.get(one.id)
    assert found is not None
    assert found.arrival.headers == headers


async def test_no_query_and_an_empty_one_are_told_apart_and_so_are_bodies(box, event):
    none, empty = event(query=None, body=b""), event(query=b"", type=None)
    async with box as inbox:
        await inbox.put(none)
        await inbox.put(empty)
        found = [await inbox.get(one.id) for one in (none, empty)]
    assert [(one.arrival.query, one.arrival.body, one.arrival.type) for one in found if one] == [
        (None, b"", "charge.paid"),
        (b"", b'{"id":1}', None),
    ]


async def test_what_was_stored_is_there_after_a_restart(box, event):
    async with box as inbox:
        await inbox.put(event("a"))
    async with box as inbox:
        assert await inbox.put(event("a")) is Kept.REPEAT
        assert ids((await inbox.list(None, None, 10, None)).events) == ["a"]
        assert inbox.pending == 1


REPEATS = {
    "the same event": ({}, {}, Kept.REPEAT),
    "the same name at another webhook": ({}, {"webhook": "twilio"}, Kept.NEW),
    "within seven days": ({}, {"received_at": NOON + WEEK - 1}, Kept.REPEAT),
    "after seven days": ({}, {"received_at": NOON + WEEK + 60}, Kept.NEW),
    "before the first, by a clock set back": ({}, {"received_at": NOON - DAY}, Kept.REPEAT),
    "dedupe is off": ({"dedupe_key": None}, {"dedupe_key": None}, Kept.NEW),
    "a key too long for an index, again": ({"dedupe_key": "k" * 9000}, {"dedupe_key": "k" * 9000}, Kept.REPEAT),
    "a key that differs from it at its end": ({"dedupe_key": "k" * 9000}, {"dedupe_key": "k" * 8999 + "l"}, Kept.NEW),
    "a nonce again with the same body": (
        {"dedupe_key": None, "nonce": "n"},
        {"dedupe_key": None, "nonce": "n"},
        Kept.REPEAT,
    ),
    "a nonce again with another body": ({"nonce": "n"}, {"nonce": "n", "digest": "other"}, Kept.REPLAYED),
    "another body under a new name": (
        {"nonce": "n"},
        {"nonce": "n", "digest": "other", "dedupe_key": "new"},
        Kept.REPLAYED,
    ),
    "a nonce again after seven days": (
        {"nonce": "n"},
        {"nonce": "n", "digest": "other", "dedupe_key": "new", "received_at": NOON + WEEK + 60},
        Kept.NEW,
    ),
}


@pytest.mark.parametrize(("first", "second", "kept"), REPEATS.values(), ids=REPEATS)
async def test_repeat(box, event, first, second, kept):
    async with box as inbox:
        assert await inbox.put(event("a", **first)) is Kept.NEW
        again = event("a", **second)
        assert await inbox.seen(again) is kept
        assert await inbox.put(again) is kept
        assert (await inbox.get(again.id) is not None) is (kept is Kept.NEW)


async def test_a_nonce_that_came_with_a_repeat_is_remembered_too(box, event):
    async with box as inbox:
        await inbox.put(event("a"))
        assert await inbox.put(event("a", nonce="caught", digest="first")) is Kept.REPEAT
        assert await inbox.put(event("b", nonce="caught", digest="forged")) is Kept.REPLAYED


async def test_what_is_remembered_without_being_stored_is_a_repeat_from_then_on(box, event):
    one = event("a", nonce="n")
    async with box as inbox:
        assert await inbox.seen(one) is Kept.NEW
        assert await inbox.seen(one) is Kept.NEW, "to look changes nothing"
        await inbox.remember(one)
        await inbox.remember(one)
        assert await inbox.seen(one) is Kept.REPEAT
        assert await inbox.seen(replace(one, digest="other")) is Kept.REPLAYED
        assert (await inbox.stats()).counts == {}


async def test_of_many_repeats_at_once_one_is_new(box, event):
    async with box as inbox:
        found = await asyncio.gather(*(inbox.put(event("a")) for _ in range(300)))
        assert found.count(Kept.NEW) == 1
        assert found.count(Kept.REPEAT) == 299
        assert inbox.pending == 1


async def test_in_a_burst_of_many_the_repeats_are_told_from_the_new_ones(box, event):
    many = [event(f"e{number % 70}") for number in range(100)]
    async with box as inbox:
        found = await asyncio.gather(*(inbox.put(one) for one in many))
        assert found == [Kept.NEW] * 70 + [Kept.REPEAT] * 30
        assert inbox.pending == 70


async def test_a_page_goes_on_where_the_one_before_ended(box, event):
    async with box as inbox:
        for number in range(5):
            await inbox.put(event(f"e{number}"))
        await inbox.put(Sender("twilio")("t"))
        first = await inbox.list("stripe", None, 2, None)
        second = await inbox.list("stripe", None, 2, first.next)
        third = await inbox.list("stripe", None, 2, second.next)
        everything = await inbox.list(None, None, 99, None)
        odd = await inbox.list(None, None, 99, "' OR 1 --")
    assert [ids(page.events) for page in (first, second, third)] == [["e4", "e3"], ["e2", "e1"], ["e0"]]
    assert third.next is None
    assert ids(everything.events) == ["t", "e4", "e3", "e2", "e1", "e0"]
    assert {one.arrival.body for one in everything.events} == {b""}
    assert odd == ((), None)


async def test_stats_tell_counts_and_the_oldest_undelivered(box, event):
    async with box as inbox:
        done, dead, due, waits = event("a"), event("b"), event("c"), event.pulled("d")
        for one in (done, dead, due, waits):
            await inbox.put(one)
        await inbox.finish(done.id, NOON, 200)
        await inbox.fail(dead.id, NOON, None, 500, "no")
        stats = await inbox.stats()
        assert inbox.pending == 2
    states = ("pending", "waiting", "delivered", "dead")
    assert stats.counts == {("stripe", state): 1 for state in states}
    assert stats.oldest == {"stripe": due.received_at}


async def test_purge_forgets_what_is_old_and_no_more_than_it_may(box, event):
    async with box as inbox:
        for number in range(6):
            await inbox.put(one := event(f"e{number}"))
            if number < 5:
                await inbox.finish(one.id, NOON + number * DAY, 200)
        week_later = (NOON + 3 * DAY, NOON, NOON)
        assert await inbox.purge(*week_later, 2) == 2
        assert await inbox.purge(*week_later, 2) == 1
        assert await inbox.purge(*week_later, 2) == 0
        assert ids((await inbox.list(None, None, 9, None)).events) == ["e5", "e4", "e3"]
        assert (await inbox.stats()).counts == {("stripe", "delivered"): 2, ("stripe", "pending"): 1}
        assert await inbox.put(event("e0")) is Kept.REPEAT, "its key outlives the event"
        assert await inbox.purge(0, 0, NOON + DAY, 99) == 6
        assert await inbox.put(event("e0")) is Kept.NEW


async def test_a_clock_set_back_an_hour_keeps_every_wait(box, event):
    async with box as inbox:
        due, later, busy = event("due", next_at=NOON), event("later"), event("busy", next_at=NOON - 1)
        for one in (due, later, busy):
            await inbox.put(one)
        assert ids(await inbox.claim("stripe", 1, NOON, NOON + 60)) == ["busy"]
        await inbox.fail(later.id, NOON + 2, NOON + 32, 500, "no")
        back = box.wall = NOON - 3600
        assert await inbox.next_due("stripe") == back, "whoever sleeps until then must look again"
        assert ids(await inbox.claim("stripe", 9, back, back + 60)) == ["due"]
        assert ids(await inbox.claim("stripe", 9, back + 31, back + 91)) == ["later"]
        assert sorted(ids(await inbox.claim("stripe", 9, back + 61, back + 121))) == ["busy", "due"]


async def test_events_that_are_not_due_yet_do_not_slow_a_claim_down(box):
    event = Sender()
    waiting = [
        event(body=b"{}", next_at=NOON + DAY, received_at=NOON, order_key=f"k{number % 50}") for number in range(2_000)
    ]
    async with box as inbox:
        await inbox.put(event("first", next_at=NOON))
        await asyncio.gather(*(inbox.put(one) for one in waiting))
        began = time.perf_counter()
        for _ in range(20):
            assert len(await inbox.claim("stripe", 8, NOON + 10, NOON + 10)) <= 1
            await inbox.stats()
        assert time.perf_counter() - began < 10


async def test_a_closed_inbox_says_so(box, event):
    async with box as inbox:
        await inbox.put(event())
    with pytest.raises(InboxUnavailable, match="closed"):
        await inbox.put(event())


async def test_who_stops_waiting_leaves_the_others_alone(box, event):
    async with box as inbox:
        gone = asyncio.ensure_future(inbox.put(event("gone")))
        stays = asyncio.ensure_future(inbox.put(event("stays")))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays is Kept.NEW
        assert await inbox.put(event("stays")) is Kept.REPEAT
