"""An inbox in memory: the model of what a store does, for tests of those who use one."""

from collections.abc import Sequence
from dataclasses import replace

from proxy.webhooks.inbox import UNDELIVERED, Arrival, InboxUnavailable, Kept, Page, State, Stats, Stored


class MemoryInbox:
    """`broken`: why the store cannot be used, None while it can."""

    def __init__(self) -> None:
        self.events: dict[str, Stored] = {}
        self.claims: dict[str, float] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self.nonces: dict[tuple[str, str], str] = {}
        self.broken: str | None = None
        self.closed = False

    @property
    def pending(self) -> int:
        return sum(one.state in UNDELIVERED for one in self.events.values())

    async def put(self, arrival: Arrival) -> Kept:
        await self._work()
        found = self._found(arrival)
        if found is Kept.NEW:
            self._remember(arrival)
            self.events[arrival.id] = Stored(arrival=arrival, state=arrival.state, next_at=arrival.next_at)
        return found

    async def seen(self, arrival: Arrival) -> Kept:
        await self._work()
        return self._found(arrival)

    async def remember(self, arrival: Arrival) -> None:
        await self._work()
        self._remember(arrival)

    async def claim(self, webhook: str, limit: int, wall: float, until: float) -> Sequence[Stored]:
        await self._work()
        return self._taken(webhook, "pending", limit, wall, until)

    async def lease(self, webhook: str, limit: int, wall: float, until: float) -> Sequence[Stored]:
        await self._work()
        return self._taken(webhook, "waiting", limit, wall, until)

    async def finish(self, id: str, wall: float, status: int | None) -> bool:
        await self._work()
        stored = self.events.get(id)
        if stored is None or stored.state not in UNDELIVERED:
            return False
        self._put(
            replace(stored, state="delivered", attempts=stored.attempts + 1, last_status=status, done_at=wall), None
        )
        return True

    async def fail(self, id: str, wall: float, next_at: float | None, status: int | None, error: str) -> None:
        await self._work()
        stored = self.events[id]
        self._put(
            replace(stored, attempts=stored.attempts + 1, last_status=status, last_error=error, done_at=wall), next_at
        )

    async def release(self, id: str, wall: float, next_at: float | None, error: str) -> None:
        await self._work()
        self._put(replace(self.events[id], last_error=error, done_at=wall), next_at)

    async def next_due(self, webhook: str) -> float | None:
        await self._work()
        due = [
            self.claims.get(name, one.next_at or 0.0)
            for name, one in self.events.items()
            if one.arrival.webhook == webhook and one.state == "pending" and not self._held(name, one)
        ]
        return min(due, default=None)

    async def get(self, id: str) -> Stored | None:
        await self._work()
        return self.events.get(id)

    async def list(self, webhook: str | None, state: State | None, limit: int, after: str | None) -> Page:
        await self._work()
        found = [
            one
            for name, one in sorted(self.events.items(), reverse=True)
            if webhook in (None, one.arrival.webhook) and state in (None, one.state) and (after is None or name < after)
        ]
        return Page(found[:limit], found[limit - 1].arrival.id if len(found) > limit else None)

    async def redeliver(self, id: str, wall: float) -> bool:
        await self._work()
        stored = self.events.get(id)
        if stored is None:
            return False
        self.claims.pop(id, None)
        self.events[id] = replace(stored, state=stored.arrival.state, next_at=wall, done_at=None)
        return True

    async def route(self, webhook: str, *, pull: bool, wall: float, limit: int) -> int:
        await self._work()
        new: State = "waiting" if pull else "pending"
        wrong = [
            name
            for name, one in sorted(self.events.items())
            if one.arrival.webhook == webhook and one.state in UNDELIVERED and one.state != new
        ][:limit]
        for name in wrong:
            self.events[name] = replace(self.events[name], state=new, next_at=None if pull else wall)
        return len(wrong)

    async def purge(self, delivered_before: float, dead_before: float, seen_before: float, limit: int) -> int:
        await self._work()
        before = {"delivered": delivered_before, "dead": dead_before}
        old = [name for name, one in self.events.items() if (one.done_at or 0.0) < before.get(one.state, 0.0)][:limit]
        for name in old:
            del self.events[name]
        return len(old)

    async def stats(self) -> Stats:
        await self._work()
        counts: dict[tuple[str, State], int] = {}
        oldest: dict[str, float] = {}
        for one in self.events.values():
            name = one.arrival.webhook
            counts[name, one.state] = counts.get((name, one.state), 0) + 1
            if one.state in UNDELIVERED:
                oldest[name] = min(oldest.get(name, one.arrival.received_at), one.arrival.received_at)
        return Stats(counts, oldest)

    async def close(self) -> None:
        self.closed = True

    async def _work(self) -> None:
        if self.broken is not None:
            raise InboxUnavailable(self.broken)

    def _found(self, arrival: Arrival) -> Kept:
        key, nonce = (arrival.webhook, arrival.dedupe_key or ""), (arrival.webhook, arrival.nonce or "")
        if arrival.nonce is not None and nonce in self.nonces:
            return Kept.REPEAT if self.nonces[nonce] == arrival.digest else Kept.REPLAYED
        return Kept.REPEAT if arrival.dedupe_key is not None and key in self.keys else Kept.NEW

    def _remember(self, arrival: Arrival) -> None:
        if arrival.dedupe_key is not None:
            self.keys[arrival.webhook, arrival.dedupe_key] = arrival.id
        if arrival.nonce is not None:
            self.nonces[arrival.webhook, arrival.nonce] = arrival.digest

    def _taken(self, webhook: str, state: State, limit: int, wall: float, until: float) -> Sequence[Stored]:
        taken = []
        for name, one in sorted(self.events.items(), key=_age):
            if one.arrival.webhook != webhook or one.state != state or self._held(name, one):
                continue
            if self.claims.get(name, one.next_at or 0.0) <= wall and len(taken) < limit:
                self.claims[name] = until
                taken.append(one)
        return taken

    def _held(self, name: str, one: Stored) -> bool:
        """An older event of its order key is not delivered yet."""
        key = one.arrival.order_key
        before = [other for other in self.events if other < name]
        return key is not None and any(
            self.events[other].arrival.order_key == key and self.events[other].state in UNDELIVERED for other in before
        )

    def _put(self, stored: Stored, next_at: float | None) -> None:
        self.claims.pop(stored.arrival.id, None)
        if next_at is not None:
            stored = replace(stored, done_at=None)
        dead = next_at is None and stored.state != "delivered"
        self.events[stored.arrival.id] = replace(stored, state="dead" if dead else stored.state, next_at=next_at)


def _age(item: tuple[str, Stored]) -> tuple[float, str]:
    return item[1].next_at or 0.0, item[0]
