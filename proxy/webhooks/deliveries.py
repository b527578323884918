"""The deliveries of all webhooks: one task for each, the breakers of their targets, and the broom.

The one thing a reader would get wrong: a webhook that a reload took away keeps its events; they go on when it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from proxy.config.schema import InboxSettings, WebhookSettings
from proxy.rules.breaker import Breaker, BreakerSettings
from proxy.rules.delivery import BETWEEN_PROBES
from proxy.units import Seconds
from proxy.webhooks.deliver import Delivery, World
from proxy.webhooks.inbox import REMEMBERED, InboxUnavailable
from proxy.webhooks.keeping import Keeping
from proxy.webhooks.trying import Try

SWEEPING: Seconds = 60.0  # between two looks for what is too old
PROVING: Seconds = 5.0  # between two looks whether the store is well again
LEAVING: Seconds = 60.0  # for the deliveries of a webhook that is no longer configured
BATCH = 200  # events forgotten at once, so that nobody who stores one waits long
BREATH: Seconds = 0.1  # between two batches


class Wanted(NamedTuple):
    """A webhook that delivers. `target`: scheme, host and port of its application."""

    settings: WebhookSettings
    attempt: Try
    target: str


class Deliveries:
    """What runs behind the gateway. `adopt()` may be called at any time, `start()` once."""

    def __init__(self, keeping: Keeping, inbox: InboxSettings, world: World) -> None:
        self._keeping = keeping
        self._inbox = inbox
        self._world = world
        self._running: dict[str, Delivery] = {}
        self._breakers: dict[str, Breaker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def adopt(self, wanted: Mapping[str, Wanted], inbox: InboxSettings) -> None:
        """Delivers for these webhooks from now on."""
        self._inbox = inbox
        self._keeping.adopt(inbox)
        for name in self._running.keys() - wanted.keys():
            self._leave(name)
        self._breakers = {one.target: self._breaker(one) for one in wanted.values()}
        for name, one in wanted.items():
            breaker = self._breakers[one.target]
            if name in self._running:
                self._running[name].adopt(one.settings, one.attempt, breaker)
            else:
                self._running[name] = Delivery(one.settings, one.attempt, breaker, self._world)
                if self._sweeper is not None:
                    self._run(name)

    def start(self) -> None:
        """Begins to deliver."""
        self._sweeper = self._world.loop.create_task(self._sweep())
        for name in self._running:
            self._run(name)

    def wake(self, webhook: str) -> None:
        """An event of that webhook may be due."""
        if webhook in self._running:
            self._running[webhook].wake()

    async def drain(self, until: float) -> None:
        """Takes no more events; those in flight have until then (monotonic seconds)."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        ending = [self._end(one, self._tasks.get(name), until) for name, one in self._running.items()]
        await asyncio.gather(*ending, *self._leaving)

    async def _end(self, one: Delivery, task: asyncio.Task[None] | None, until: float) -> None:
        one.stop()
        if task is not None:
            _, late = await asyncio.wait({task}, timeout=max(0.0, until - self._world.clock.now()))
            for each in late:
                each.cancel()
        await one.drain(until)

    def _run(self, name: str) -> None:
        self._tasks[name] = self._world.loop.create_task(self._running[name].run())

    def _leave(self, name: str) -> None:
        """Stops for a webhook that is no longer configured; what is in flight ends in its own time."""
        until = self._world.clock.now() + LEAVING
        leaving = self._world.loop.create_task(self._end(self._running.pop(name), self._tasks.pop(name, None), until))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def _breaker(self, wanted: Wanted) -> Breaker:
        """The one of that target, with the rules of upstreams; a probe after as long as a first wait."""
        deliver = wanted.settings.deliver
        first = deliver.retry.waits[0] if deliver.retry.waits else BETWEEN_PROBES
        settings = BreakerSettings(recovery_timeout=min(first, BETWEEN_PROBES))
        found = self._breakers.get(wanted.target)
        if found is None:
            return Breaker(settings, deliver.timeout)
        found.adopt(settings, deliver.timeout)
        return found

    async def _sweep(self) -> None:
        """Forgets what is too old, in small batches, and finds out when a store that failed is well again."""
        swept = -SWEEPING
        while True:
            now = self._world.clock.now()
            if self._keeping.trouble is None and now - swept < SWEEPING:
                await asyncio.sleep(PROVING)
                continue
            try:
                gone = await self._forget()
            except InboxUnavailable:  # whoever wanted to store something said so already
                gone = 0
            except Exception as error:  # noqa: BLE001 - what fails once must not end the sweeping
                self._world.events.bug("the purge of the inbox", error)
                gone = 0
            swept = now if gone < BATCH else -SWEEPING
            await asyncio.sleep(PROVING if gone < BATCH else BREATH)

    async def _forget(self) -> int:
        wall, kept = self._world.clock.wall(), self._inbox.retention
        return await self._keeping.purge(wall - kept.delivered, wall - kept.dead, wall - REMEMBERED, BATCH)
