"""The inbox as the gateway uses it: failures in a row are counted, and there is a word for when no room is left.

The one thing a reader would get wrong: three failures in a row make the program unready, and then nobody sends it what
would prove it well. So the purge, which writes too, goes on and tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from proxy.config.schema import InboxSettings
from proxy.units import Seconds
from proxy.webhooks.inbox import Arrival, Inbox, InboxUnavailable, Kept, Stats

STALE: Seconds = 1.0  # a count that is older is asked for anew
FAILURES = 3  # in a row, after which the program is not ready
LEAST_TOLD = 5  # seconds of Retry-After
MOST_TOLD = 60
A_SECOND_LONGER = 1_000  # events that wait, for each second more

Answer = TypeVar("Answer")
NOTHING = Stats({}, {})


class OpenInbox(Inbox, Protocol):
    """An inbox that counts what it holds."""

    @property
    def pending(self) -> int:
        """Undelivered events, without asking the store."""


class Keeping:
    """One program's way into its inbox. Every method raises `InboxUnavailable`, those of counts apart."""

    def __init__(self, inbox: OpenInbox, settings: InboxSettings, now: Callable[[], float]) -> None:
        self.inbox = inbox
        self.stats = NOTHING
        self._most = settings.max_pending
        self._now = now
        self._looked_at = float("-inf")
        self._failures = 0  # in a row
        self._why = ""

    def adopt(self, settings: InboxSettings) -> None:
        """Goes on under new settings; where the inbox is does not change."""
        self._most = settings.max_pending

    def put(self, arrival: Arrival) -> Awaitable[Kept]:
        """Stores it; what returns has been committed."""
        return self._counted(self.inbox.put(arrival))

    async def seen(self, arrival: Arrival) -> Kept:
        """What `put()` would find."""
        return await self._counted(self.inbox.seen(arrival))

    async def remember(self, arrival: Arrival) -> None:
        """Remembers without storing."""
        await self._counted(self.inbox.remember(arrival))

    @property
    def full(self) -> bool:
        """`inbox.max_pending` is reached."""
        return self.inbox.pending >= self._most

    @property
    def told_wait(self) -> int:
        """Seconds of Retry-After: five, and more the more there is waiting."""
        return min(LEAST_TOLD + self.inbox.pending // A_SECOND_LONGER, MOST_TOLD)

    @property
    def trouble(self) -> str | None:
        """Why the program is not ready; None: it is."""
        return None if self._failures < FAILURES else f"inbox: {self._why}"

    async def look(self, *, force: bool = False) -> Stats:
        """The counts, not older than a second; the last ones where the store says nothing."""
        if force or self._now() - self._looked_at >= STALE:
            self._looked_at = self._now()
            try:
                self.stats = await self._counted(self.inbox.stats(), counts=False)
            except InboxUnavailable:
                return self.stats
        return self.stats

    async def purge(self, delivered_before: float, dead_before: float, seen_before: float, limit: int) -> int:
        """A batch of what is too old; as a write it also tells when the store is well again."""
        return await self._counted(self.inbox.purge(delivered_before, dead_before, seen_before, limit))

    async def _counted(self, work: Awaitable[Answer], *, counts: bool = True) -> Answer:
        try:
            answer = await work
        except InboxUnavailable as error:
            raise self._failed(str(error), counts=counts) from None
        self._failures = 0 if counts else self._failures
        return answer

    def _failed(self, why: str, *, counts: bool) -> InboxUnavailable:
        self._failures += counts
        self._why = why
        return InboxUnavailable(why)
