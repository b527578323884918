"""A webhook listener without sockets: a receiver behind its server, a scripted application, ears on the events."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from proxy.body import Body, Stream, Whole
from proxy.config.schema import DeliverSettings, InboxSettings, WebhookSettings
from proxy.edges.webhook_server import WebhookServer
from proxy.events import Events
from proxy.model import Call, Headers, Request, Response
from proxy.rules.credentials import Secret
from proxy.rules.signatures import VerifySettings
from proxy.timing import Alarms
from proxy.webhooks.accept import Acceptance, Ways
from proxy.webhooks.deliver import World
from proxy.webhooks.deliveries import Deliveries, Wanted
from proxy.webhooks.fetching import Fetched, FetchFailed
from proxy.webhooks.forward import Forward
from proxy.webhooks.intake import Intake
from proxy.webhooks.keeping import Keeping
from proxy.webhooks.outgoing import Writer
from proxy.webhooks.receive import Receiver, Surroundings
from proxy.webhooks.refused import RefusedRequests
from proxy.webhooks.trying import Try
from tests.support.memory_inbox import MemoryInbox
from tests.support.provider import EPOCH, Line, Provider, answer, clock

SECRET = b"made-up-secret"
INBOX = InboxSettings()
PLAIN = VerifySettings(
    scheme="hmac",
    signature=("header:X-Sig",),
    signed="{timestamp}.{body}",
    timestamp="header:X-Time",
    tolerance=300.0,
    id=("json:/id",),
    type=("header:X-Type",),
    secrets=("new", "old"),
)


def settings(verify: VerifySettings = PLAIN, **changes: Any) -> WebhookSettings:
    """A webhook at `/in/plain`, delivered synchronously unless `deliver` says otherwise."""
    deliver = {"url": "http://127.0.0.1:9/hooks", "mode": "sync", **changes.pop("deliver", {})}
    return WebhookSettings(
        name="plain",
        path="/in/plain",
        verify=verify,
        deliver=DeliverSettings(**deliver),
        **changes,
    )


def signed(body: bytes, *, age: float = 0.0, secret: bytes = SECRET) -> Headers:
    """The fields with which a sender proves `body` under `PLAIN`."""
    time = b"%d" % (EPOCH - age)
    mac = hmac.new(secret, b"%b.%b" % (time, body), hashlib.sha256).hexdigest()
    return ((b"X-Time", time), (b"X-Sig", mac.encode()))


@dataclass
class Ears(Events):
    """What the listener told about webhooks: outcome and secret of each request, outcome of each delivery."""

    ended: list[tuple[str, str | None]] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    delivered: list[tuple[str, int, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    bugs: list[BaseException] = field(default_factory=list)

    def webhook_ended(self, webhook: str, outcome: str, secret: str | None, detail: str) -> None:
        self.ended.append((outcome, secret))
        self.details.append(detail)

    def delivery_ended(self, webhook: str, outcome: str, *, event: str, attempt: int, detail: str) -> None:
        self.deliveries.append(outcome)
        self.delivered.append((outcome, attempt, detail))

    def warned(self, text: str) -> None:
        self.warnings.append(text)

    def bug(self, where: str, error: BaseException) -> None:
        self.bugs.append(error)


@dataclass
class Answer:
    status: int
    headers: Headers
    body: bytes


class Listening:
    """One webhook, its application, its secrets and its inbox; `ask` sends a request and reads the answer to the end.

    Nothing is delivered from the inbox until `start()`.
    """

    def __init__(
        self,
        webhook: WebhookSettings,
        script: Sequence[Line] = (),
        secrets: Mapping[str, bytes] | None = None,
        places: int = 9,
        fetched: Mapping[str, Fetched | FetchFailed] | None = None,
        inbox: InboxSettings = INBOX,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.application = Provider(loop, script or [lambda _: answer(200, b"taken")])
        self.ears = Ears()
        self.secrets = dict({"new": b"the-newer-one", "old": SECRET} if secrets is None else secrets)
        self.fetched = dict(fetched or {})
        self.asked: list[str] = []  # the addresses that were fetched
        time, alarms = clock(loop), Alarms(loop)
        self.inbox = MemoryInbox()
        self.keeping = Keeping(self.inbox, inbox, time.now)
        self.refused = RefusedRequests()
        self._ids = count(1)
        around = Surroundings(
            secret=self._secret,
            intake=Intake(time.now, alarms, places),
            keeping=self.keeping,
            refused=self.refused,
            events=self.ears,
            clock=time,
            fetch=self._fetch,
        )
        writer = Writer(webhook, self._secret, time.wall)
        asks = webhook.deliver.url is not None and webhook.deliver.mode != "stored"
        world = World(inbox=self.inbox, loop=loop, clock=time, dice=lambda: 0.5, events=self.ears)
        self.deliveries = Deliveries(self.keeping, inbox, world)
        attempt = Try(self.application, writer, webhook.deliver.timeout, clock=time, alarms=alarms, events=self.ears)
        self.deliveries.adopt({webhook.name: Wanted(webhook, attempt, "http://127.0.0.1:9")}, inbox)
        ways = Ways(
            keeping=self.keeping,
            forward=Forward(self.application, writer, webhook.deliver, time.now, alarms) if asks else None,
            wake=lambda: self.deliveries.wake(webhook.name),
            events=self.ears,
        )
        receivers = {webhook.path.encode(): Receiver(webhook, Acceptance(webhook, ways), around)}
        self.server = WebhookServer(receivers, self.ears)

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        """Delivers inside the block."""
        self.deliveries.start()
        try:
            yield
        finally:
            await self.deliveries.drain(asyncio.get_running_loop().time())

    def states(self) -> list[str]:
        """Of all events, oldest first."""
        return [one.state for _, one in sorted(self.inbox.events.items())]

    def _secret(self, name: str) -> Secret | None:
        value = self.secrets.get(name)
        return None if value is None else Secret(name, value)

    async def _fetch(self, url: str) -> Fetched:
        self.asked.append(url)
        found = self.fetched.get(url, FetchFailed("connect_refused"))
        if isinstance(found, FetchFailed):
            raise found
        return found

    async def send(
        self, body: bytes | Stream = b"", headers: Headers = (), line: str = "POST /in/plain", length: int | None = None
    ) -> Response:
        """The answer, unread. A `Stream` as body is chunked unless a `length` is declared."""
        method, _, target = line.partition(" ")
        sent = Body(Whole(body), len(body)) if isinstance(body, bytes) else Body(body, length)
        call = Call(id=f"event-{next(self._ids):03d}", started=0.0)
        return await self.server(Request(method, target.encode(), headers, sent if body else None, call))

    async def ask(
        self, body: bytes | Stream = b"", headers: Headers = (), line: str = "POST /in/plain", length: int | None = None
    ) -> Answer:
        return await read(await self.send(body, headers, line, length))


async def read(response: Response) -> Answer:
    pieces = []
    try:
        while piece := await response.body.read():
            pieces.append(piece)
    finally:
        response.close()
    return Answer(response.status, response.headers, b"".join(pieces))


@dataclass
class Drip:
    """A body that arrives piece by piece, with seconds of silence before each."""

    pieces: list[tuple[float, bytes]]
    ready: bool = False

    async def read(self) -> bytes:
        if not self.pieces:
            return b""
        silence, piece = self.pieces.pop(0)
        await asyncio.sleep(silence)
        return piece


def verify(**changes: Any) -> VerifySettings:
    """`PLAIN` with some keys changed."""
    return replace(PLAIN, **changes)
