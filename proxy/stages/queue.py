"""The calls of one upstream that wait at one stage: counted for the metrics, and each told how long it waited."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from proxy.events import Events
from proxy.model import Call
from proxy.timing import Clock


class Queue:
    """`with queue.holding(call):` around a wait, however that ends."""

    __slots__ = ("_clock", "_events", "_upstream")

    def __init__(self, upstream: str, clock: Clock, events: Events) -> None:
        self._upstream = upstream
        self._clock = clock
        self._events = events

    @contextmanager
    def holding(self, call: Call) -> Iterator[None]:
        """The call waits inside the block."""
        began = self._clock.now()
        self._events.queued(self._upstream, 1)
        try:
            yield
        finally:
            call.waited += self._clock.now() - began
            self._events.queued(self._upstream, -1)
