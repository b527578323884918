"""Undelivered events stand where their webhook wants them now: due for delivery, or waiting to be pulled.

The one thing a reader would get wrong: what an event waits for was written down when it came. A reload that takes
`deliver.url` away, or brings one, would otherwise leave it to somebody who does not come any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from proxy.events import Events
from proxy.timing import Clock
from proxy.units import Seconds
from proxy.webhooks.inbox import Inbox, InboxUnavailable

BATCH = 200  # events moved in one transaction, so that nobody who stores one waits long
PASSES: tuple[Seconds, ...] = (0.0, 5.0, 60.0)  # waits before each: what was under way at a reload ends in that time


class Routing:
    """`wake`: tells the delivery that events of a webhook may be due."""

    def __init__(
        self,
        inbox: Inbox,
        wake: Callable[[str], None],
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        events: Events,
    ) -> None:
        self._inbox = inbox
        self._wake = wake
        self._loop = loop
        self._clock = clock
        self._events = events
        self._delivers: Mapping[str, bool] | None = None
        self._task: asyncio.Task[None] | None = None

    def adopt(self, delivers: Mapping[str, bool]) -> None:
        """From now on these are the webhooks, each with whether it delivers."""
        if delivers == self._delivers:
            return
        self._delivers = dict(delivers)
        self.close()
        self._task = self._loop.create_task(self._route_all(self._delivers))

    def close(self) -> None:
        """Moves nothing more."""
        if self._task is not None:
            self._task.cancel()

    async def _route_all(self, delivers: Mapping[str, bool]) -> None:
        for wait in PASSES:
            await asyncio.sleep(wait)
            for webhook, delivered in delivers.items():
                try:
                    await self._route(webhook, pull=not delivered)
                except InboxUnavailable as error:
                    self._events.warned(f"webhooks.{webhook}: events that wait could not be looked through: {error}")
                except Exception as error:  # noqa: BLE001 - the events of one webhook must not keep those of others
                    self._events.bug("routing", error)

    async def _route(self, webhook: str, *, pull: bool) -> None:
        moved = BATCH
        while moved == BATCH:
            moved = await self._inbox.route(webhook, pull=pull, wall=self._clock.wall(), limit=BATCH)
            if moved and not pull:
                self._wake(webhook)
