"""Whatever happens to an inbox, in any order: both stores say what plain lists would say."""

import asyncio
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.edges.inbox_store import OpenInbox
from proxy.webhooks.inbox import Stored
from tests.support.inbox import NOON, Box, Sender
from tests.support.inbox_model import WEEK, ModelInbox

NAMES, KEYS, WEBHOOKS = ("a", "b", "c"), (None, None, "k", "l\0"), ("w", "v")
WAYS = st.sampled_from(["push", "push", "pull"])
ids = st.integers(0, 8)
times = st.sampled_from([0.0, 1.0, 30.0, 90.0, WEEK])
STEPS = st.one_of(
    st.tuples(
        st.just("put"),
        st.sampled_from(WEBHOOKS),
        st.sampled_from([*NAMES, None, None]),
        st.sampled_from(KEYS),
        WAYS,
    ),
    st.tuples(st.just("sign"), st.sampled_from(NAMES), st.sampled_from(["n", "m"]), st.sampled_from(["d", "e"])),
    st.tuples(st.just("claim"), st.sampled_from(WEBHOOKS), st.integers(1, 4), WAYS),
    st.tuples(st.just("finish"), ids),
    st.tuples(st.just("fail"), ids, st.sampled_from([None, 0.0, 5.0, 60.0])),
    st.tuples(st.just("release"), ids, st.sampled_from([None, 0.0, 5.0, 60.0])),
    st.tuples(st.just("redeliver"), ids),
    st.tuples(st.just("purge")),
)


@given(st.lists(st.tuples(times, STEPS), max_size=25))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_store_says_what_plain_lists_would(fresh_url, script):
    asyncio.run(_play(fresh_url(), script))


async def _play(url: str, script: list[tuple[float, tuple[object, ...]]]) -> None:
    box = Box(url)
    async with box as inbox:
        play = _Play(inbox)
        for after, (what, *about) in script:
            play.wall += after
            box.wall = play.wall
            await getattr(play, what)(*about)
            await play.compare()
        await play.count()


class _Play:
    """One schedule, played on a store and on the model."""

    def __init__(self, inbox: OpenInbox) -> None:
        self.inbox, self.model, self.wall = inbox, ModelInbox(), NOON
        self._made = 0

    async def put(self, webhook: str, name: str | None, key: str | None, way: str) -> None:
        await self._put(webhook=webhook, dedupe_key=name, order_key=key, next_at=self.wall if way == "push" else None)

    async def sign(self, name: str, nonce: str, digest: str) -> None:
        await self._put(webhook="w", dedupe_key=name, nonce=nonce, digest=digest, next_at=self.wall)

    async def _put(self, **about: object) -> None:
        state = "waiting" if about["next_at"] is None else "pending"
        event = Sender()(id=str(self._made), received_at=self.wall, state=state, **about)
        self._made += 1
        assert await self.inbox.seen(event) is self.model.seen(event)
        assert await self.inbox.put(event) is self.model.put(event)

    async def claim(self, webhook: str, limit: int, way: str) -> None:
        pull = way == "pull"
        ask = self.inbox.lease if pull else self.inbox.claim
        claimed = await ask(webhook, limit, self.wall, self.wall + 60)
        assert _all(claimed) == _all(self.model.claim(webhook, limit, self.wall, self.wall + 60, pull=pull))
        due = await self.inbox.next_due(webhook)
        assert pull or len(claimed) == limit or due is None or due > self.wall

    async def finish(self, number: int) -> None:
        assert await self.inbox.finish(str(number), self.wall, 204) is self.model.finish(str(number), self.wall, 204)

    async def fail(self, number: int, wait: float | None) -> None:
        next_at = None if wait is None else self.wall + wait
        await self.inbox.fail(str(number), self.wall, next_at, 500, "no")
        self.model.fail(str(number), self.wall, next_at, 500, "no")

    async def release(self, number: int, wait: float | None) -> None:
        next_at = None if wait is None else self.wall + wait
        await self.inbox.release(str(number), self.wall, next_at, "refused")
        self.model.release(str(number), self.wall, next_at, "refused")

    async def redeliver(self, number: int) -> None:
        assert await self.inbox.redeliver(str(number), self.wall) is self.model.redeliver(str(number), self.wall)

    async def purge(self) -> None:
        before = (self.wall - 60, self.wall - 120, self.wall - WEEK, 1000)
        assert await self.inbox.purge(*before) == self.model.purge(*before)

    async def compare(self) -> None:
        page = await self.inbox.list(None, None, 100, None)
        assert _all(page.events, bodies=False) == _all(self.model.list(None, None), bodies=False)
        assert page.next is None
        for webhook in WEBHOOKS:
            await self._compare_due(webhook)

    async def count(self) -> None:
        stats = await self.inbox.stats()
        assert (stats.counts, stats.oldest) == (self.model.counts(), self.model.oldest())
        assert self.inbox.pending == sum(n for (_, state), n in stats.counts.items() if state in {"pending", "waiting"})

    async def _compare_due(self, webhook: str) -> None:
        due = await self.inbox.next_due(webhook)
        could = [event for event in self.model.events if self.model.could_claim(event, webhook, self.wall, pull=False)]
        assert not could or (due is not None and due <= self.wall), "somebody would sleep through an event"


def _all(events: list[Stored], *, bodies: bool = True) -> list[Stored]:
    """Without what a store does not give back with an event."""
    plain = [replace(one.arrival, dedupe_key=None, nonce=None, digest="", next_at=one.next_at) for one in events]
    return [
        replace(one, arrival=arrival if bodies else replace(arrival, body=b""))
        for one, arrival in zip(events, plain, strict=True)
    ]
