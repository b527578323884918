"""Whose turn it is: what any inbox promises about claims, leases, second tries and the order of events."""

import asyncio

import pytest

from tests.support.inbox import NOON, Box, Sender, ids

DAY = 86_400.0

pytestmark = pytest.mark.usefixtures("loops")


@pytest.fixture
def loops():
    """One kind is enough: the stores are threads."""
    return asyncio.new_event_loop


@pytest.fixture
def box(fresh_url, loops):
    return Box(fresh_url())


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
