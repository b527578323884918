"""One webhook's deliveries: takes due events from the inbox, posts them, and writes down what came of it.

The one thing a reader would get wrong: what is in flight is only claimed. When this process dies the claims run out
and somebody delivers those events again; so nothing here has to be undone for an event to survive.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proxy.config.schema import WebhookSettings
from proxy.events import Events
from proxy.rules.breaker import Breaker
from proxy.rules.delivery import Flow, after_try
from proxy.timing import LEAST, Clock, Dice
from proxy.units import Seconds
from proxy.webhooks.inbox import Inbox, InboxUnavailable, Stored
from proxy.webhooks.trying import Attempt, Try

SHORTEST: Seconds = 0.1  # before writing down is tried again
PAUSE: Seconds = 1.0  # after a look at the inbox that failed
SOON: Seconds = 0.25  # until another look at events that are due and that nobody may have yet
LONGEST_PAUSE: Seconds = 10.0  # between two looks, in case somebody else changed the inbox
RECORDING: Seconds = 10.0  # of a claim, beyond `deliver.timeout`, for writing down what came of it
OVERDUE = 100  # events that are looked through at once for those that are too old


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the deliveries of all webhooks share."""

    inbox: Inbox
    loop: asyncio.AbstractEventLoop
    clock: Clock
    dice: Dice
    events: Events


class Delivery:
    """The deliveries of one webhook, from `run()` to `drain()`. They outlive a reload: `adopt()`."""

    def __init__(self, settings: WebhookSettings, attempt: Try, breaker: Breaker, world: World) -> None:
        self._world = world
        self._name = settings.name
        self._flow = Flow(settings.deliver.retry, settings.deliver.concurrency, world.dice)
        self._awake = asyncio.Event()
        self._on_their_way: set[asyncio.Task[None]] = set()
        self._draining = False
        self.adopt(settings, attempt, breaker)

    def adopt(self, settings: WebhookSettings, attempt: Try, breaker: Breaker) -> None:
        """Goes on under new settings; what is in flight ends as it began."""
        deliver = settings.deliver
        self._waits = deliver.retry
        self._hold = deliver.timeout + RECORDING
        self._try = attempt
        self._breaker = breaker
        self._flow.adopt(deliver.retry, deliver.concurrency)
        self.wake()

    def wake(self) -> None:
        """Something may be due now."""
        self._awake.set()

    async def run(self) -> None:
        """Delivers until `stop()`."""
        while not self._draining:
            try:
                pause = await self._round()
            except InboxUnavailable as error:
                self._world.events.warned(f"webhooks.{self._name}: the inbox gives no events: {error}")
                pause = PAUSE
            except Exception as error:  # noqa: BLE001 - what fails once must not end the deliveries
                self._world.events.bug("deliveries", error)
                pause = PAUSE
            await self._sleep(min(pause, LONGEST_PAUSE))

    def stop(self) -> None:
        """Takes no more events, as soon as those that are being claimed have come."""
        self._draining = True
        self.wake()

    async def drain(self, until: float) -> None:
        """After `run()` has ended: events in flight have until then (monotonic seconds), and are let go."""
        if self._on_their_way:
            left = max(0.0, until - self._world.clock.now())
            _, late = await asyncio.wait(self._on_their_way, timeout=left)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _round(self) -> float:
        """Starts what may go now. Returns seconds until the next look, unless something wakes us."""
        now = self._world.clock.now()
        room = self._room(now)
        if room <= 0:
            return self._next_room(now) - now
        wall = self._world.clock.wall()
        claimed = await self._world.inbox.claim(self._name, room, wall, wall + self._hold)
        for stored in claimed[:room]:
            self._start(stored)
        if len(claimed) >= room:
            return self._next_room(now) - now
        due = await self._world.inbox.next_due(self._name)
        if due is None:
            return math.inf
        ahead = due - self._world.clock.wall()
        return ahead if ahead > 0 else SOON

    def _room(self, now: float) -> int:
        if self._draining or not self._breaker.allows(now):
            return 0
        return self._flow.room(now, len(self._on_their_way))

    def _next_room(self, now: float) -> float:
        wait = self._breaker.wait(now)
        return max(self._flow.changes_at(now), now + wait) if wait else self._flow.changes_at(now)

    def _start(self, stored: Stored) -> None:
        task = self._world.loop.create_task(self._deliver(stored))
        self._on_their_way.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._on_their_way.discard(task)
        self.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._world.events.bug("a delivery", error)

    async def _deliver(self, stored: Stored) -> None:
        """One try. Whatever happens, the event is finished, due again, or its claim runs out."""
        clock = self._world.clock
        permit = self._breaker.admit(clock.now())
        if self._draining or permit.wait is not None or self._flow.room(clock.now(), len(self._on_their_way) - 1) < 1:
            self._breaker.give_back(permit)  # it was claimed before the last one was refused
            await self._let_go(stored, "held back: the application was not reached")
            return
        try:
            attempt = await self._try(stored, stored.attempts + 1)
        except BaseException:  # cancelled by the end of the grace
            self._breaker.give_back(permit)
            await self._let_go(stored, "shutting down")
            raise
        before = self._breaker.state
        self._breaker.report(permit, attempt.evidence, clock.now())
        if self._breaker.state == "open" and before != "open":
            self._flow.hold()
        await self._conclude(stored, attempt)

    async def _conclude(self, stored: Stored, attempt: Attempt) -> None:
        clock, inbox, event = self._world.clock, self._world.inbox, stored.arrival.id
        wall = clock.wall()
        attempts, age = stored.attempts + 1, wall - stored.arrival.received_at
        step = after_try(attempt.tried, attempts, age, self._waits, self._world.dice)
        status, reached = attempt.tried.status, attempt.tried.reached
        next_at = None if step.after is None else wall + step.after
        if status is not None:
            self._flow.answered(clock.now())
        elif not reached:
            self._flow.refused(clock.now())
            next_at = None if next_at is None else _still_due(stored, wall)
        if step.outcome == "delivered":
            await self._written(lambda: inbox.finish(event, wall, status))
        elif reached:
            await self._written(lambda: inbox.fail(event, wall, next_at, status, attempt.detail))
        else:
            await self._written(lambda: inbox.release(event, wall, next_at, attempt.detail))
            if next_at is None:
                await self._bury_the_overdue(attempt.detail)
        self._world.events.delivery_ended(
            self._name, step.outcome, event=event, attempt=attempts if reached else 0, detail=attempt.detail
        )

    async def _bury_the_overdue(self, detail: str) -> None:
        """The application is still not there, and one event was too old to wait on: so may be others, without a try."""
        clock, inbox = self._world.clock, self._world.inbox
        wall = clock.wall()
        oldest = wall - sum(self._waits.waits)
        for stored in await inbox.claim(self._name, OVERDUE, wall, wall + self._hold):
            dead = stored.arrival.received_at <= oldest
            await inbox.release(stored.arrival.id, wall, None if dead else _still_due(stored, wall), detail)
            if dead:
                self._world.events.delivery_ended(self._name, "dead", event=stored.arrival.id, attempt=0, detail=detail)

    async def _let_go(self, stored: Stored, why: str) -> None:
        wall = self._world.clock.wall()
        await self._written(lambda: self._world.inbox.release(stored.arrival.id, wall, _still_due(stored, wall), why))

    async def _written(self, write: Callable[[], Awaitable[object]]) -> None:
        """Writes it down as long as the claim lasts; the event is delivered once more where even that is too short."""
        until, pause = self._world.clock.now() + RECORDING, SHORTEST
        while True:
            try:
                await write()
            except InboxUnavailable as error:
                if self._draining or self._world.clock.now() + pause > until:
                    self._world.events.warned(f"webhooks.{self._name}: a delivery was not written down: {error}")
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE)
            else:
                return

    async def _sleep(self, pause: float) -> None:
        """Returns after `pause` seconds, or when something woke us."""
        timer = self._world.loop.call_later(max(pause, LEAST), self._awake.set)
        try:
            await self._awake.wait()
        finally:
            timer.cancel()
        self._awake.clear()


def _still_due(stored: Stored, wall: float) -> float:
    """Since when it is due, so that it keeps its place in the row."""
    return wall if stored.next_at is None else stored.next_at
