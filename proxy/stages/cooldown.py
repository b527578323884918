"""Holds or refuses attempts while the provider said wait, and learns from its answers until when that is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from proxy.errors import Refusal
from proxy.events import Events
from proxy.model import Call, Request, Response
from proxy.pipeline import Handler
from proxy.rules.cooldown import Cooldown, CooldownSettings, Ticket
from proxy.stages.queue import Queue
from proxy.timing import Clock, Waits, too_late


class CooldownStage:
    """`key`: the part of the upstream that a request belongs to.

    Several stages may share one cooldown: after a reload the old one's calls wait in the same queues as the new one's.
    """

    __slots__ = ("_clock", "_cooldown", "_events", "_key", "_queue", "_settings", "_timers", "_upstream", "_waits")

    def __init__(  # noqa: PLR0913 - what a stage that waits is given
        self,
        upstream: str,
        settings: CooldownSettings,
        cooldown: Cooldown,
        *,
        key: Callable[[Request], bytes],
        clock: Clock,
        waits: Waits,
        events: Events,
    ) -> None:
        self._upstream = upstream
        self._settings = settings
        self._cooldown = cooldown
        self._key = key
        self._clock = clock
        self._waits = waits
        self._events = events
        self._queue = Queue(upstream, clock, events)
        # for each key with a queue, when somebody's turn is next (a handle's own `when()` is rounded by uvloop)
        self._timers: dict[bytes, tuple[float, asyncio.TimerHandle]] = {}

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        ticket = None
        if not self._cooldown.is_idle and self._settings.mode != "pass":
            ticket = await self._hold(request)
        try:
            response = await call_next(request)
        except BaseException:
            if ticket is not None:
                self._cooldown.leave(ticket, self._clock.now())
            raise
        if response.verdict.cools or not self._cooldown.is_idle:
            self._learn(request, response, ticket)
        return response

    async def _hold(self, request: Request) -> Ticket | None:
        """Returns when the attempt may go, with its ticket if it had to wait."""
        key, call, now = self._key(request), request.call, self._clock.now()
        if self._cooldown.is_free(key, now):
            waits = call.told_to_wait and self._settings.mode == "wait"
            return self._cooldown.lead(key, _nobody_to_tell) if waits else None
        ends = self._cooldown.ends(key, now)
        if self._settings.mode == "reject":
            if ends is None:
                return None
            raise self._refusal(call, key)
        patience = call.deadline if call.told_to_wait else min(now + self._settings.max_wait, call.deadline)
        signal: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        ticket = self._cooldown.join(key, patience, partial(_settle, signal))
        if ticket is None:
            raise self._refusal(call, key)
        call.decide(now, "cooldown", "Waits with others for the provider.")
        await self._wait(call, ticket, signal, now if ends is None else ends)
        return ticket

    async def _wait(self, call: Call, ticket: Ticket, signal: asyncio.Future[bool], ends: float) -> None:
        self._set_timer(ticket.key)
        try:
            with self._queue.holding(call):
                goes = await self._waits.wait(signal, ticket.limit, ends=ends)
        except BaseException:
            self._cooldown.leave(ticket, self._clock.now())
            raise
        if not goes:
            self._cooldown.leave(ticket, self._clock.now())
            if self._clock.now() >= call.deadline:
                raise too_late()
            raise self._refusal(call, ticket.key)

    def _learn(self, request: Request, response: Response, ticket: Ticket | None) -> None:
        key, now = self._key(request), self._clock.now()
        cooldown, verdict = self._cooldown, response.verdict
        if verdict.cools:
            told = cooldown.begin(key, verdict.told, now)
            if told != verdict.told:
                response.verdict = replace(verdict, told=told, guessed=True)
            request.call.told_to_wait = True
            request.call.decide(now, "cooldown", f"The provider asks to wait {told:.3f} s.")
            self._events.cooldown_began(self._upstream, max(cooldown.ends(key, now) or now, now) - now)
        if ticket is not None:
            cooldown.arrived(ticket, now)
        if not verdict.cools:
            cooldown.answered(key, now)
        self._set_timer(key)

    def _refusal(self, call: Call, key: bytes) -> Refusal:
        now = self._clock.now()
        ends = self._cooldown.ends(key, now)
        wait = 1.0 if ends is None else ends - now  # over, but those before it in the queue are not through
        detail = f"The provider of {self._upstream} asked to wait."
        call.decide(now, "cooldown", f"{detail} Refused with {wait:.3f} s to go.")
        return Refusal("cooldown", detail, retry_after=wait)

    def _set_timer(self, key: bytes) -> None:
        due = self._cooldown.due(key)
        if due is None:
            return  # a timer that is set comes in vain, and is not set again
        if key in self._timers:
            when, timer = self._timers[key]
            if when <= due:
                return
            timer.cancel()
        self._timers[key] = due, asyncio.get_running_loop().call_at(due, self._turn, key)

    def _turn(self, key: bytes) -> None:
        del self._timers[key]
        self._cooldown.turn(key, self._clock.now())
        self._set_timer(key)


def _nobody_to_tell(_goes: bool, /) -> None:  # noqa: FBT001 - the word of the rule
    pass


def _settle(signal: asyncio.Future[bool], goes: bool) -> None:  # noqa: FBT001 - the word of the rule
    if not signal.done():  # else its call leaves at this very moment
        signal.set_result(goes)
