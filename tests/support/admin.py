"""A program as the admin listener sees it, and raw bytes to and from the listener."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

from proxy.edges.admin_server import AdminServer, History
from proxy.edges.debug_reader import Wanted
from proxy.edges.metrics import Gauge, Metrics
from proxy.edges.webhook_desk import WebhookDesk
from proxy.rules.callers import Hosts
from proxy.timing import Alarms, Clock

TOKEN = b"operator-token-1"


class Log:
    """A debug log that remembers what it was asked."""

    def __init__(self) -> None:
        self.wanted: list[Wanted] = []

    async def requests(self, wanted: Wanted) -> dict[str, object]:
        self.wanted.append(wanted)
        return {"requests": [{"id": "c-1"}], "next": None}

    async def request(self, id: str) -> dict[str, object] | None:
        return {"id": id, "decisions": []} if id == "c-1" else None


class Scripted:
    """A program with one upstream, whose answers a test can set."""

    def __init__(self) -> None:
        self.hosts = Hosts(["stripe"])
        self.loopback = True
        self.history: History | None = Log()
        self.webhooks: WebhookDesk | None = None
        self.given_token: bytes | None = TOKEN
        self.reasons: list[str] = []
        self.complaints: list[str] = []
        self.done: list[str] = []
        self.bugs: list[BaseException] = []
        self.breaker_is_on = True
        self._metrics = Metrics(lambda: [Gauge("in_flight", ("stripe",), 2)])

    def token(self) -> bytes | None:
        return self.given_token

    def unready(self) -> list[str]:
        return self.reasons

    def scrape(self, accept: str) -> tuple[str, bytes]:
        return self._metrics.render(accept)

    def unsafe(self) -> list[str]:
        return ["raw capture in live"]

    def upstreams(self) -> list[dict[str, object]]:
        return [{"name": "stripe"}]

    def upstream(self, name: str) -> dict[str, object] | None:
        if name == "broken":
            raise ValueError("quoting something")
        return {"name": name} if name == "stripe" else None

    def set_breaker(self, name: str, state: str) -> bool:
        self.done.append(f"{name} {state}")
        return self.breaker_is_on

    def set_faults(self, name: str, faults: object, length: object) -> list[str]:
        self.done.append(f"{name} {faults} {length}")
        return self.complaints

    def reload(self) -> list[str]:
        self.done.append("reload")
        return self.complaints

    def bug(self, where: str, error: BaseException) -> None:
        self.bugs.append(error)


class Reply:
    """Version, status, fields by lower-case name, and body of one answer."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *rest = head.decode("latin-1").split("\r\n")
        self.version, status, *_ = first.split(" ")
        self.status = int(status)
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        self.body = body

    @property
    def json(self) -> dict[str, object]:
        return json.loads(self.body)


class Admin:
    """A listener on a free port."""

    def __init__(self, address: str = "127.0.0.1:0") -> None:
        loop = asyncio.get_running_loop()
        self.program = Scripted()
        self.server = AdminServer(self.program, alarms=Alarms(loop), clock=Clock(loop.time, loop.time))
        self.address = address
        self.bound = ""

    async def __aenter__(self) -> Self:
        self.bound = await self.server.start(self.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.bound.startswith("unix:"):
            return await asyncio.open_unix_connection(self.bound.removeprefix("unix:"))
        host, _, port = self.bound.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port))

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection that is closed behind the block, however it ends."""
        reader, writer = await self.connect()
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def raw(self, request: bytes, *, head: bool = False) -> Reply | None:
        """The first answer to these bytes; None: the connection was closed without one."""
        async with self.connected() as (reader, writer):
            writer.write(request)
            return await reply(reader, head=head)

    async def get(self, target: str, *fields: str, method: str = "GET") -> Reply | None:
        """A request with `Host: localhost`, unless `fields` have one."""
        own = fields if any(field.lower().startswith("host:") for field in fields) else ("Host: localhost", *fields)
        lines = "\r\n".join([f"{method} {target} HTTP/1.1", *own])
        return await self.raw(lines.encode() + b"\r\n\r\n", head=method == "HEAD")

    async def post(self, target: str, body: object, *fields: str, token: bytes | None = TOKEN) -> Reply | None:
        """JSON with the operator's token; bytes are sent as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        bearer = [f"Authorization: Bearer {token.decode()}"] if token is not None else []
        typed = (
            []
            if any(field.lower().startswith("content-type") for field in fields)
            else ["Content-Type: application/json"]
        )
        head = [
            f"POST {target} HTTP/1.1",
            "Host: localhost",
            f"Content-Length: {len(content)}",
            *typed,
            *bearer,
            *fields,
        ]
        return await self.raw("\r\n".join(head).encode() + b"\r\n\r\n" + content)


async def reply(reader: asyncio.StreamReader, *, head: bool = False) -> Reply | None:
    """The next answer on a connection; None: it was closed instead."""
    try:
        lines = (await reader.readuntil(b"\r\n\r\n"))[:-4]
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    answer = Reply(lines, b"")
    if not head:
        answer.body = await reader.readexactly(int(answer.headers.get("content-length", "0")))
    return answer
