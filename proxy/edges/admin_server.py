"""The admin listener: what it needs from the program, and its life.

The one thing a reader would get wrong: its HTTP library takes longer to load than the rest of the program, so it is
loaded when this listener starts, in a thread; the listeners of the data path are up before that.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Protocol

from proxy.edges.debug_reader import Wanted
from proxy.rules.callers import Hosts
from proxy.timing import Alarms, Clock


class History(Protocol):
    """The debug log as it can be asked for. Raises `Unreadable`."""

    async def requests(self, wanted: Wanted) -> dict[str, object]:
        """A page of calls, in the shape of the contract."""

    async def request(self, id: str) -> dict[str, object] | None:
        """One call; None: it is not there."""


class Program(Protocol):
    """All that the admin listener asks of the running program, and tells it."""

    @property
    def hosts(self) -> Hosts:
        """The names accepted in `Host`."""

    @property
    def loopback(self) -> bool:
        """Only this machine can connect: reading needs no token."""

    @property
    def history(self) -> History | None:
        """None: the debug log is off."""

    def token(self) -> bytes | None:
        """What `admin.token` names; None: no such setting; b"": it cannot be read, and nothing matches it."""

    def unready(self) -> list[str]:
        """Why `/readyz` says no, one line each; empty: ready."""

    def scrape(self, accept: str) -> tuple[str, bytes]:
        """Content type and text of the metrics."""

    def unsafe(self) -> list[str]:
        """What is allowed and should be known, one line each."""

    def upstreams(self) -> list[dict[str, object]]:
        """Each upstream: settings in force, breaker, cooldown, counts."""

    def upstream(self, name: str) -> dict[str, object] | None:
        """One of them; None: no such upstream."""

    def set_breaker(self, name: str, state: str) -> bool:
        """`open` and `closed` hold until `auto`. False: no such upstream, or its breaker is switched off."""

    def set_faults(self, name: str, faults: object, length: object) -> list[str]:
        """Faults for a while, as JSON has them; an empty list ends them. What is wrong with them, empty: in force."""

    def reload(self) -> list[str]:
        """Reads the configuration anew. What is wrong with it; empty: it is in force."""

    def bug(self, where: str, error: BaseException) -> None:
        """Something that should not be possible happened."""


class Running(Protocol):
    """A listener that was started."""

    bound: str

    async def close(self) -> None:
        """Ends all connections; requests in progress get two seconds."""


class AdminServer:
    """`/healthz`, `/readyz`, `/metrics`, the dashboard and `/api` on one address."""

    def __init__(self, program: Program, *, alarms: Alarms, clock: Clock) -> None:
        self._program = program
        self._alarms = alarms
        self._clock = clock
        self._running: Running | None = None

    async def start(self, address: str) -> str:
        """Listens on `host:port`, `[v6]:port` or `unix:/path`, and says what was bound in the same spelling.

        Raises `OSError` where the address cannot be had, `RuntimeError` where the library's own parser is missing.
        """
        loop = asyncio.get_running_loop()
        library = await loop.run_in_executor(None, importlib.import_module, "proxy.edges.admin_http")
        running: Running = await library.listen(address, self._program, self._alarms, self._clock)
        self._running = running
        return running.bound

    async def close(self) -> None:
        """Stops listening. Does nothing before `start`."""
        if self._running is not None:
            await self._running.close()
            self._running = None
