"""The inbox as plain lists in memory: what the stores are held against. Slow, obvious, without threads."""

from dataclasses import dataclass, replace

from proxy.webhooks.inbox import UNDELIVERED, Arrival, Kept, Stored

END = float("inf")
WEEK = 7 * 86_400.0


@dataclass
class Event:
    stored: Stored
    pull: bool
    claimed_until: float | None = None

    @property
    def id(self) -> str:
        return self.stored.arrival.id

    @property
    def key(self) -> tuple[str, str] | None:
        arrival = self.stored.arrival
        return None if arrival.order_key is None else (arrival.webhook, arrival.order_key)

    @property
    def undelivered(self) -> bool:
        return self.stored.state in UNDELIVERED

    def change(self, **what: object) -> None:
        self.stored = replace(self.stored, **what)


class ModelInbox:
    """The same methods, none of them async; events stand in the order in which they came."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.keys: dict[tuple[str, str], float] = {}
        self.nonces: dict[tuple[str, str], tuple[str, float]] = {}

    def put(self, arrival: Arrival) -> Kept:
        kept = self.remember(arrival)
        if kept is Kept.NEW:
            self.events.append(
                Event(Stored(arrival=arrival, state=arrival.state, next_at=arrival.next_at), arrival.next_at is None)
            )
        return kept

    def seen(self, arrival: Arrival) -> Kept:
        nonce = self.nonces.get((arrival.webhook, arrival.nonce or ""))
        if arrival.nonce is not None and nonce is not None and nonce[1] >= arrival.received_at - WEEK:
            return Kept.REPEAT if nonce[0] == arrival.digest else Kept.REPLAYED
        at = self.keys.get((arrival.webhook, arrival.dedupe_key or ""))
        known = arrival.dedupe_key is not None and at is not None and at >= arrival.received_at - WEEK
        return Kept.REPEAT if known else Kept.NEW

    def remember(self, arrival: Arrival) -> Kept:
        kept = self.seen(arrival)
        nonce = (arrival.webhook, arrival.nonce or "")
        if arrival.nonce is not None and (
            nonce not in self.nonces or self.nonces[nonce][1] < arrival.received_at - WEEK
        ):
            self.nonces[nonce] = (arrival.digest, arrival.received_at)
        if kept is Kept.NEW and arrival.dedupe_key is not None:
            self.keys[arrival.webhook, arrival.dedupe_key] = arrival.received_at
        return kept

    def claim(self, webhook: str, limit: int, wall: float, until: float, *, pull: bool = False) -> list[Stored]:
        for event in self.events:
            if event.stored.arrival.webhook == webhook and (event.claimed_until or wall + 1) <= wall:
                event.claimed_until = None
        found = [event for event in self.events if self.could_claim(event, webhook, wall, pull=pull)]
        if not pull:
            found.sort(key=lambda event: event.stored.next_at or 0.0)  # of equals the older one is first
        for event in found[:limit]:
            event.claimed_until = until
        return [event.stored for event in found[:limit]]

    def could_claim(self, event: Event, webhook: str, wall: float, *, pull: bool) -> bool:
        stored = event.stored
        if stored.arrival.webhook != webhook or not event.undelivered or event.pull is not pull or event.claimed_until:
            return False
        if not pull and (stored.next_at or 0.0) > wall:
            return False
        place = self.events.index(event)
        siblings = [
            (n, one) for n, one in enumerate(self.events) if event.key and one.key == event.key and one.undelivered
        ]
        return not any(n < place or one.claimed_until for n, one in siblings if one is not event)

    def finish(self, id: str, wall: float, status: int | None) -> bool:
        event = self._open(id)
        if event is None:
            return False
        event.claimed_until = None
        attempts = event.stored.attempts + 1
        event.change(
            state="delivered", attempts=attempts, next_at=None, last_status=status, last_error=None, done_at=wall
        )
        return True

    def fail(self, id: str, wall: float, next_at: float | None, status: int | None, error: str) -> None:
        event = self._open(id)
        if event is not None:
            event.change(attempts=event.stored.attempts + 1, last_status=status)
            self.release(id, wall, next_at, error)

    def release(self, id: str, wall: float, next_at: float | None, error: str) -> None:
        event = self._open(id)
        if event is None:
            return
        event.claimed_until = None
        if next_at is None:
            event.change(state="dead", next_at=None, last_error=error, done_at=wall)
        else:
            event.change(next_at=None if event.pull else next_at, last_error=error)

    def redeliver(self, id: str, wall: float) -> bool:
        event = self._find(id)
        if event is None:
            return False
        if event.claimed_until is None or not event.undelivered:
            event.change(
                state="waiting" if event.pull else "pending", next_at=None if event.pull else wall, done_at=None
            )
        return True

    def purge(self, delivered_before: float, dead_before: float, seen_before: float, limit: int) -> int:
        """Exact only where `limit` suffices for all."""
        before = {"delivered": delivered_before, "dead": dead_before}
        old = [event for event in self.events if (event.stored.done_at or END) < before.get(event.stored.state, 0.0)]
        keys = [key for key, at in self.keys.items() if at < seen_before]
        nonces = [nonce for nonce, (_, at) in self.nonces.items() if at < seen_before]
        self.events = [event for event in self.events if event not in old]
        for key in keys:
            del self.keys[key]
        for nonce in nonces:
            del self.nonces[nonce]
        return len(old) + len(keys) + len(nonces)

    def get(self, id: str) -> Stored | None:
        event = self._find(id)
        return None if event is None else event.stored

    def list(self, webhook: str | None, state: str | None) -> list[Stored]:
        return [
            event.stored
            for event in reversed(self.events)
            if webhook in {None, event.stored.arrival.webhook} and state in {None, event.stored.state}
        ]

    def counts(self) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for event in self.events:
            place = (event.stored.arrival.webhook, event.stored.state)
            found[place] = found.get(place, 0) + 1
        return found

    def oldest(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for event in self.events:
            if event.undelivered:
                found.setdefault(event.stored.arrival.webhook, event.stored.arrival.received_at)
        return found

    def _find(self, id: str) -> Event | None:
        return next((event for event in self.events if event.id == id), None)

    def _open(self, id: str) -> Event | None:
        event = self._find(id)
        return event if event is not None and event.undelivered else None
