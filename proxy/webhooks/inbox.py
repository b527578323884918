"""The inbox as the gateway, the delivery and the admin API see it, whatever stores it.

The one thing a reader would get wrong: a claim is not a commit. A claimed event is pending again when its claim runs
out, so whoever delivers it twice told nobody a lie: delivery is at least once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, NamedTuple, Protocol

from proxy.model import Headers
from proxy.units import Seconds

State = Literal["pending", "waiting", "delivered", "dead"]  # as the API says them; a claimed event keeps its word
UNDELIVERED: tuple[State, ...] = ("pending", "waiting")
STATES: tuple[State, ...] = (*UNDELIVERED, "delivered", "dead")
REMEMBERED: Seconds = 7 * 86400.0  # how long a repeat is known for one


class InboxUnavailable(Exception):
    """The store cannot be written or read now: locked, full, read-only, gone. The text is for the log."""


class Kept(Enum):
    """What `put()` and `seen()` found. REPLAYED: the same nonce under another body."""

    NEW = "new"
    REPEAT = "repeat"
    REPLAYED = "replayed"


@dataclass(slots=True, kw_only=True)  # not frozen, which would make each of them three times as dear; never changed
class Arrival:
    """A proven event as it is stored. Times are Unix seconds.

    `dedupe_key`: what makes a repeat, None where `dedupe: off`. `nonce`: a signed value that names one request, None
    where the scheme has none; it is remembered with `digest`, that of the body. `next_at`: when it is first due, None
    for `waiting`. `order_key`: events of one webhook with the same key are delivered one after the other.
    """

    id: str  # UUIDv7, ours
    webhook: str
    event_id: str
    type: str | None
    method: str
    query: bytes | None  # None: not even a question mark
    headers: Headers
    body: bytes
    key_name: str  # the secret that it was signed by
    received_at: float
    state: State
    next_at: float | None = None
    dedupe_key: str | None = None
    nonce: str | None = None
    digest: str = ""
    order_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An event in the inbox with what became of it. `attempts`: deliveries that reached the application, so far."""

    arrival: Arrival
    state: State
    attempts: int = 0
    next_at: float | None = None
    last_status: int | None = None
    last_error: str | None = None
    done_at: float | None = None


class Page(NamedTuple):
    """Events without their bodies' content, newest first; `next`: what `after` takes to go on, None at the end."""

    events: Sequence[Stored]
    next: str | None


class Stats(NamedTuple):
    """`counts`: (webhook, state) to events. `oldest`: webhook to `received_at` of its oldest undelivered event."""

    counts: Mapping[tuple[str, State], int]
    oldest: Mapping[str, float]


class Inbox(Protocol):
    """Every method raises `InboxUnavailable`, at the latest after 5 s: no sender waits longer for the store.

    `wall`: Unix seconds now. What returns has been committed.
    """

    def put(self, arrival: Arrival) -> Awaitable[Kept]:
        """Stores a new event and remembers it for 7 days, in one transaction; a repeat or a replay stores nothing."""

    async def seen(self, arrival: Arrival) -> Kept:
        """What `put()` would find, without storing: for `deliver.mode: sync`, before the application is asked."""

    async def remember(self, arrival: Arrival) -> None:
        """Remembers the event's key and nonce without storing it: for `sync`, after the application's 2xx."""

    async def claim(self, webhook: str, limit: int, wall: float, until: float) -> Sequence[Stored]:
        """Due pending events, oldest first, held until `until`. Of one order key only the oldest undelivered one."""

    async def lease(self, webhook: str, limit: int, wall: float, until: float) -> Sequence[Stored]:
        """The same for events that are `waiting` to be pulled; a lease that runs out makes them `waiting` again."""

    async def finish(self, id: str, wall: float, status: int | None) -> bool:
        """`delivered` by one more attempt; False if there is no undelivered event of that id."""

    async def fail(self, id: str, wall: float, next_at: float | None, status: int | None, error: str) -> None:
        """One more attempt failed; due again at `next_at`, `dead` where that is None."""

    async def release(self, id: str, wall: float, next_at: float | None, error: str) -> None:
        """The application was not reached, which is no attempt; due again at `next_at`, `dead` where that is None."""

    async def next_due(self, webhook: str) -> float | None:
        """When the earliest pending event of the webhook is due or its claim runs out; None: there is none."""

    async def get(self, id: str) -> Stored | None:
        """One event with its body."""

    async def list(self, webhook: str | None, state: State | None, limit: int, after: str | None) -> Page:
        """A page of the inbox."""

    async def redeliver(self, id: str, wall: float) -> bool:
        """Makes an event pending at once (`waiting` where it was for pull), attempts kept; False: there is none."""

    async def route(self, webhook: str, *, pull: bool, wall: float, limit: int) -> int:
        """At most `limit` undelivered events that wait for the other way: now for pull, or due; how many there were."""

    async def purge(self, delivered_before: float, dead_before: float, seen_before: float, limit: int) -> int:
        """Forgets at most `limit` old events and old keys; how many went."""

    async def stats(self) -> Stats:
        """Counts for metrics, the overview and `inbox.max_pending`."""

    async def close(self) -> None:
        """Ends what is queued and lets go of the store."""
