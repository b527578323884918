"""What an inbox promises, whichever store it is on."""

import asyncio
import time
from dataclasses import replace

import pytest

from proxy.webhooks.inbox import InboxUnavailable, Kept
from tests.support.inbox import NOON, Box, Sender

DAY, WEEK = 86_400.0, 7 * 86_400.0

pytestmark = pytest.mark.usefixtures("loops")


@pytest.fixture
def loops():
    """One kind is enough: the stores are threads."""
    return asyncio.new_event_loop


@pytest.fixture
def box(fresh_url, loops):
    return Box(fresh_url())


@pytest.fixture
def event():
    return Sender()


def ids(events):
    return [one.arrival.event_id for one in events]


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


async def test_the_longest_due_are_claimed_first_and_once(box, event):
    async with box as inbox:
        for name, at in (("late", 9.0), ("early", 1.0), ("middle", 5.0), ("future", 99.0)):
            await inbox.put(event(name, next_at=NOON + at))
        await inbox.put(Sender("twilio")("other"))
        assert ids(await inbox.claim("stripe", 2, NOON + 10, NOON + 70)) == ["early", "middle"]
        assert ids(await inbox.claim("stripe", 9, NOON + 10, NOON + 70)) == ["late"]
        assert await inbox.claim("stripe", 9, NOON + 10, NOON + 70) == []


async def test_a_claimed_event_keeps_its_word_and_its_body(box, event):
    async with box as inbox:
        await inbox.put(event("a"))
        (claimed,) = await inbox.claim("stripe", 9, NOON + 10, NOON + 70)
        assert (claimed.state, claimed.arrival.body) == ("pending", b'{"id":1}')
        assert ids((await inbox.list("stripe", "pending", 9, None)).events) == ["a"]
        assert (await inbox.stats()).counts == {("stripe", "pending"): 1}


async def test_a_claim_that_runs_out_makes_the_event_due_again(box, event):
    async with box as inbox:
        await inbox.put(event("a"))
        await inbox.claim("stripe", 9, NOON + 10, NOON + 70)
        assert await inbox.next_due("stripe") == NOON + 70
        assert await inbox.claim("stripe", 9, NOON + 69, NOON + 129) == []
        assert ids(await inbox.claim("stripe", 9, NOON + 70, NOON + 130)) == ["a"]


async def test_an_attempt_that_failed_counts_and_waits(box, event):
    async with box as inbox:
        await inbox.put(one := event("a"))
        await inbox.claim("stripe", 9, NOON + 10, NOON + 70)
        await inbox.fail(one.id, NOON + 11, NOON + 16, 503, "the application said 503")
        found = await inbox.get(one.id)
        assert found is not None
        assert (found.state, found.attempts, found.next_at) == ("pending", 1, NOON + 16)
        assert (found.last_status, found.last_error) == (503, "the application said 503")
        assert await inbox.next_due("stripe") == NOON + 16
        assert await inbox.claim("stripe", 9, NOON + 15, NOON + 75) == []
        assert ids(await inbox.claim("stripe", 9, NOON + 16, NOON + 76)) == ["a"]


async def test_an_application_that_was_not_reached_is_no_attempt(box, event):
    async with box as inbox:
        await inbox.put(one := event("a"))
        await inbox.fail(one.id, NOON + 10, NOON + 11, 500, "no")
        await inbox.release(one.id, NOON + 12, NOON + 42, "connection refused")
        found = await inbox.get(one.id)
    assert found is not None
    assert (found.attempts, found.next_at, found.last_status, found.last_error) == (
        1,
        NOON + 42,
        500,
        "connection refused",
    )


@pytest.mark.parametrize("counts", [True, False], ids=["fail", "release"])
async def test_without_another_time_the_event_is_dead(box, event, counts):
    async with box as inbox:
        await inbox.put(one := event("a"))
        if counts:
            await inbox.fail(one.id, NOON + 10, None, 410, "gone")
        else:
            await inbox.release(one.id, NOON + 10, None, "refused for too long")
        found = await inbox.get(one.id)
        assert found is not None
        assert (found.state, found.attempts, found.next_at, found.done_at) == ("dead", int(counts), None, NOON + 10)
        assert await inbox.claim("stripe", 9, NOON + DAY, NOON + DAY + 60) == []
        assert inbox.pending == 0


async def test_a_delivered_event_is_done_once(box, event):
    async with box as inbox:
        await inbox.put(one := event("a"))
        assert await inbox.finish(one.id, NOON + 10, 204)
        assert not await inbox.finish(one.id, NOON + 11, 204)
        assert not await inbox.finish("nobody", NOON + 11, 204)
        await inbox.fail(one.id, NOON + 12, NOON + 13, 500, "too late")
        found = await inbox.get(one.id)
    assert found is not None
    assert (found.state, found.attempts, found.last_status, found.done_at) == ("delivered", 1, 204, NOON + 10)


async def test_a_dead_letter_is_due_again_with_its_attempts(box, event):
    async with box as inbox:
        await inbox.put(one := event("a"))
        await inbox.fail(one.id, NOON + 10, None, 500, "no")
        assert await inbox.redeliver(one.id, NOON + 100)
        found = await inbox.get(one.id)
        assert found is not None
        assert (found.state, found.attempts, found.next_at, found.done_at) == ("pending", 1, NOON + 100, None)
        assert ids(await inbox.claim("stripe", 9, NOON + 100, NOON + 160)) == ["a"]
        assert await inbox.redeliver(one.id, NOON + 101), "it is being delivered"
        assert await inbox.claim("stripe", 9, NOON + 102, NOON + 160) == []
        assert not await inbox.redeliver("nobody", NOON)


async def test_an_event_that_waits_to_be_pulled_is_leased_in_the_order_it_came(box, event):
    async with box as inbox:
        for name in ("a", "b", "c"):
            await inbox.put(event.pulled(name))
        assert await inbox.claim("stripe", 9, NOON + DAY, NOON + DAY) == []
        assert await inbox.next_due("stripe") is None
        leased = await inbox.lease("stripe", 2, NOON + 10, NOON + 70)
        assert (ids(leased), leased[0].state) == (["a", "b"], "waiting")
        assert ids(await inbox.lease("stripe", 9, NOON + 11, NOON + 71)) == ["c"]
        assert await inbox.finish(leased[0].arrival.id, NOON + 12, None)
        assert ids(await inbox.lease("stripe", 9, NOON + 70, NOON + 130)) == ["b"]
        assert (await inbox.stats()).counts == {("stripe", "waiting"): 2, ("stripe", "delivered"): 1}
        assert await inbox.redeliver(leased[0].arrival.id, NOON + 71)
        assert ids((await inbox.list("stripe", "waiting", 9, None)).events) == ["c", "b", "a"]


async def test_events_that_waited_for_delivery_wait_to_be_pulled_where_nothing_delivers_any_more(box, event):
    async with box as inbox:
        for one in (event("due"), event("out"), event("other", webhook="twilio")):
            await inbox.put(one)
        await inbox.finish((await inbox.claim("stripe", 1, NOON + 60, NOON + 99))[0].arrival.id, NOON + 60, 200)
        out = await inbox.claim("stripe", 1, NOON + 60, NOON + 99)
        await inbox.put(event("later", next_at=NOON + 9_999))
        assert await inbox.route("stripe", pull=True, wall=NOON + 61, limit=10) == 2
        assert await inbox.route("stripe", pull=True, wall=NOON + 61, limit=10) == 0
        assert ids(await inbox.lease("stripe", 9, NOON + 62, NOON + 99)) == ["later"]
        await inbox.fail(out[0].arrival.id, NOON + 63, NOON + 70, 500, "said 500")  # it was in flight
        assert ids(await inbox.lease("stripe", 9, NOON + 64, NOON + 99)) == ["out"]
        assert ids(await inbox.claim("twilio", 9, NOON + 64, NOON + 99)) == ["other"]
        counts = (await inbox.stats()).counts
    assert counts == {("stripe", "delivered"): 1, ("stripe", "waiting"): 2, ("twilio", "pending"): 1}


async def test_events_that_waited_to_be_pulled_are_due_where_they_are_delivered_now(box, event):
    async with box as inbox:
        for name in "abc":
            await inbox.put(event(name, state="waiting", next_at=None))
        assert await inbox.route("stripe", pull=False, wall=NOON + 60, limit=2) == 2
        assert await inbox.route("stripe", pull=False, wall=NOON + 60, limit=2) == 1
        assert ids(await inbox.claim("stripe", 9, NOON + 60, NOON + 99)) == ["a", "b", "c"]
        assert (await inbox.stats()).counts == {("stripe", "pending"): 3}


async def test_events_of_one_order_key_go_one_after_the_other(box, event):
    async with box as inbox:
        for name, key in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("free", None), ("a3", "a")):
            await inbox.put(event(name, order_key=key))
        claimed = await inbox.claim("stripe", 9, NOON + 10, NOON + 70)
        assert ids(claimed) == ["a1", "b1", "free"]
        assert await inbox.claim("stripe", 9, NOON + 10, NOON + 70) == []
        assert await inbox.next_due("stripe") == NOON + 70, "nothing is due before a claim ends"
        await inbox.fail(claimed[0].arrival.id, NOON + 11, NOON + 16, 500, "no")
        assert await inbox.claim("stripe", 9, NOON + 12, NOON + 72) == [], "a failing event holds back its key"
        assert ids(await inbox.claim("stripe", 9, NOON + 16, NOON + 76)) == ["a1"]
        await inbox.finish(claimed[0].arrival.id, NOON + 17, 200)
        (second,) = await inbox.claim("stripe", 9, NOON + 18, NOON + 78)
        assert ids([second]) == ["a2"]
        await inbox.fail(second.arrival.id, NOON + 19, None, 410, "gone")
        assert ids(await inbox.claim("stripe", 9, NOON + 20, NOON + 80)) == ["a3"], "a dead letter holds back nobody"


async def test_an_older_event_that_is_due_again_waits_for_the_one_of_its_key_that_is_out(box, event):
    async with box as inbox:
        await inbox.put(old := event("old", order_key="k"))
        await inbox.put(event("new", order_key="k"))
        await inbox.fail(old.id, NOON + 10, None, 410, "gone")
        (out,) = await inbox.claim("stripe", 9, NOON + 11, NOON + 71)
        assert await inbox.redeliver(old.id, NOON + 12)
        assert await inbox.claim("stripe", 9, NOON + 13, NOON + 73) == []
        assert await inbox.next_due("stripe") == NOON + 71, "nobody asks again and again"
        assert await inbox.finish(out.arrival.id, NOON + 14, 200)
        assert ids(await inbox.claim("stripe", 9, NOON + 15, NOON + 75)) == ["old"]


async def test_many_events_of_one_key_hide_no_other_event(box, event):
    async with box as inbox:
        held = [event(order_key="stuck", next_at=NOON, received_at=NOON) for _ in range(1_200)]
        await asyncio.gather(*(inbox.put(one) for one in held))
        await inbox.put(event("free", next_at=NOON + 1, received_at=NOON))
        claimed = [name for _ in range(3) for name in ids(await inbox.claim("stripe", 8, NOON + 10, NOON + 70))]
    assert claimed == ["e1", "free"]


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
