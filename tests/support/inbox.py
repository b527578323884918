"""An inbox on a store of a test, with a wall clock that the test can move, and events to put into it."""

import asyncio
from collections.abc import Sequence

from proxy.config.schema import InboxSettings
from proxy.edges.inbox_store import OpenInbox, open_inbox
from proxy.events import Events
from proxy.timing import Clock
from proxy.webhooks.inbox import Arrival, InboxUnavailable, Kept, Stored

NOON = 1_790_000_000.0


class Heard(Events):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, text: str) -> None:
        self.warnings.append(text)


class Box:
    """`async with Box(url) as inbox`; `box.wall` is what its clock says."""

    def __init__(self, url: str, **settings: object) -> None:
        self.url = url
        self.wall = NOON + 30 * 86_400  # late enough for whatever time a test speaks of
        self.heard = Heard()
        self._settings = InboxSettings(url=url, **{"min_free": 0, **settings})
        self._inbox: OpenInbox | None = None

    async def open(self) -> OpenInbox:
        clock = Clock(asyncio.get_running_loop().time, lambda: self.wall)
        self._inbox = await open_inbox(self._settings, clock=clock, report=self.heard)
        return self._inbox

    async def close(self) -> None:
        if self._inbox is not None:
            await self._inbox.close()

    async def __aenter__(self) -> OpenInbox:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Sender:
    """Makes events `e1`, `e2`… of one webhook, a second apart."""

    def __init__(self, webhook: str = "stripe") -> None:
        self._webhook = webhook
        self._number = 0

    def __call__(self, name: str | None = None, **about: object) -> Arrival:
        self._number += 1
        name = name or f"e{self._number}"
        at = NOON + self._number
        fields = {
            "id": f"{self._webhook}-{self._number:06d}",
            "webhook": self._webhook,
            "event_id": name,
            "type": "charge.paid",
            "method": "POST",
            "query": None,
            "headers": ((b"Content-Type", b"application/json"), (b"X-A", b"1")),
            "body": b'{"id":1}',
            "key_name": "stripe_key",
            "received_at": at,
            "state": "pending",
            "next_at": at,
            "dedupe_key": name,
            "digest": "d",
            **about,
        }
        return Arrival(**fields)

    def pulled(self, name: str | None = None, **about: object) -> Arrival:
        """One that waits to be pulled."""
        return self(name, **{"state": "waiting", "next_at": None, **about})


def ids(events: Sequence[Stored]) -> list[str | None]:
    """The provider's ids, in the order of the events."""
    return [one.arrival.event_id for one in events]


async def served_again(inbox: OpenInbox, event: Arrival) -> Kept:
    """The first answer that is no refusal, some seconds at most after the fault went away."""
    for _ in range(100):
        try:
            return await inbox.put(event)
        except InboxUnavailable:
            await asyncio.sleep(0.1)
    return await inbox.put(event)
