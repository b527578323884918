"""Bodies of webhook requests, read whole: so many at a time, so large, and not slower than a modem.

The one thing a reader would get wrong: the pace is an average over all after the first 5 s, so a burst earns a pause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from proxy.body import Body
from proxy.errors import Refusal
from proxy.timing import Alarms
from proxy.units import Seconds

PLACES = 512  # bodies in memory at once, of all webhooks together
LONGEST: Seconds = 30.0  # for a whole body
GRACE: Seconds = 5.0  # before the pace counts
PACE = 1024  # bytes a second


class Full(Exception):
    """Every place is taken."""


class Intake:
    """The places, shared by all webhooks of a listener, and the reading."""

    def __init__(self, now: Callable[[], float], alarms: Alarms, places: int = PLACES) -> None:
        self._now = now
        self._alarms = alarms
        self._free = places

    @contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place while the block has a body in memory. Raises `Full`."""
        if self._free <= 0:
            raise Full
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def read(self, body: Body | None, most: int) -> bytes:
        """The whole body. Raises `Refusal`: `request_too_large` over `most` bytes, `request_timeout`, `bad_request`."""
        if body is None:
            return b""
        if body.length is not None and body.length > most:  # before a byte is read
            raise Refusal("request_too_large", f"Content-Length is over the {most} bytes of max_body")
        body.admit(keep=0, most=most)
        try:
            return await self._read(body)
        except TimeoutError:
            raise Refusal("request_timeout", f"the body was slower than {PACE} bytes/s or {LONGEST:g} s") from None

    async def _read(self, body: Body) -> bytes:
        stream, started, size = body.open(), self._now(), 0
        pieces = []
        with self._alarms.at(started + GRACE) as alarm:
            while piece := await stream.read():
                pieces.append(piece)
                size += len(piece)
                alarm.move(started + min(GRACE + size / PACE, LONGEST))
        return b"".join(pieces)
