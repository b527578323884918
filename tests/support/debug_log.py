"""A debug log in a folder of a test, with a wall clock that the test can move."""

import asyncio
from pathlib import Path
from typing import Self

from proxy.config.schema import DebugLogSettings
from proxy.edges.debug_reader import Wanted
from proxy.edges.debug_store import DebugStore
from proxy.events import Events
from proxy.model import Call
from proxy.rules.redaction import DebugSettings, Redactor
from proxy.stages.capture import Exchange, Taken
from proxy.timing import Clock

NOON = 1_790_000_000.0


class Heard(Events):
    def __init__(self) -> None:
        self.dropped: list[str] = []
        self.warnings: list[str] = []

    def debug_dropped(self, upstream: str) -> None:
        self.dropped.append(upstream)

    def warned(self, text: str) -> None:
        self.warnings.append(text)


class Place:
    """A store in a folder, with a wall clock that a test can move."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.path = folder / "logs" / "debug.db"
        self.wall = NOON
        self.heard = Heard()
        self.redactor = Redactor()
        loop = asyncio.get_running_loop()
        self.store = DebugStore(
            DebugLogSettings(enabled=True, path=str(self.path), **settings),
            self.redactor,
            clock=Clock(loop.time, lambda: self.wall),
            report=self.heard,
        )
        self.store.adopt("stripe", DebugSettings(raw=True))

    async def __aenter__(self) -> Self:
        await self.store.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()

    def end(
        self, id: str = "call-1", status: int = 200, outcome: str = "ok", *, body: bytes = b"", **about: object
    ) -> Call:
        """A call with as many attempts as it says, ends."""
        fields = {"upstream": "stripe", "method": "GET", "target": b"/v1?a=b", "attempts": 1, "sampled": True, **about}
        call = Call(id, asyncio.get_running_loop().time() - 2, **fields)
        for number in range(1, call.attempts + 1):
            self.store.attempts_of(call).append(exchange(number, body, status))
        self.store.call_ended(call, status, outcome, 2.0)
        return call

    async def ids(self, **wanted: object) -> list[object]:
        page = await self.store.requests(Wanted(**wanted))
        return [one["id"] for one in page["requests"]]


def exchange(number: int = 1, body: bytes = b"", status: int = 200, outcome: str = "ok") -> Exchange:
    sent, received = Taken(1 << 20), Taken(1 << 20)
    sent.add(body)
    received.add(body)
    return Exchange(
        number, 0.5, "POST", b"/v1?a=b", ((b"X-A", b"1"),), sent, received, 0.25, outcome, status, ((b"X-B", b"2"),)
    )
