"""Holds a place from before an attempt until its answer is over."""

from __future__ import annotations

import asyncio

from proxy.errors import ProxyError, Refusal
from proxy.events import Events
from proxy.model import Call, Request, Response
from proxy.pipeline import Handler
from proxy.rules.concurrency import ConcurrencySettings, Gate
from proxy.stages.queue import Queue
from proxy.timing import Clock, Waits, too_late


class ConcurrencyStage:
    """Without a free place a call waits for at most `max_wait`, then it is refused with `concurrency_full`."""

    __slots__ = ("_clock", "_gate", "_queue", "_settings", "_upstream", "_waits")

    def __init__(
        self,
        upstream: str,
        settings: ConcurrencySettings,
        gate: Gate,
        *,
        clock: Clock,
        waits: Waits,
        events: Events,
    ) -> None:
        self._upstream = upstream
        self._settings = settings
        self._gate = gate
        self._clock = clock
        self._waits = waits
        self._queue = Queue(upstream, clock, events)

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        if not self._gate.enter():
            await self._wait(request.call)
        try:
            response = await call_next(request)
        except BaseException:
            self._gate.leave()
            raise
        response.on_close(self._closed)
        return response

    def _closed(self, failure: ProxyError | None) -> None:  # noqa: ARG002 - a closer is told
        self._gate.leave()

    async def _wait(self, call: Call) -> None:
        """Returns with a place."""
        began = self._clock.now()
        admitted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiter = self._gate.join(lambda: _settle(admitted))
        if waiter is None:
            raise self._refusal(call, "and so is its queue")
        try:
            limit = min(began + self._settings.max_wait, call.deadline)
            with self._queue.holding(call):
                in_time = await self._waits.wait(admitted, limit, ends=began)
        except BaseException:
            self._gate.give_up(waiter)
            raise
        if not in_time:
            self._gate.give_up(waiter)
            if self._clock.now() >= call.deadline:
                raise too_late()
            raise self._refusal(call, "and none came free in time")

    def _refusal(self, call: Call, why: str) -> Refusal:
        detail = f"Every place for calls to {self._upstream} is taken, {why}."
        call.decide(self._clock.now(), "concurrency", detail)
        return Refusal("concurrency_full", detail, retry_after=1.0)


def _settle(admitted: asyncio.Future[bool]) -> None:
    if not admitted.done():  # else its call just gave up, and gives the place to the next
        admitted.set_result(True)
