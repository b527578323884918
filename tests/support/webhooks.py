"""A webhook listener without sockets: a receiver behind its server, a scripted application, ears on the events."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from proxy.body import Body, Stream, Whole
from proxy.config.schema import DeliverSettings, WebhookSettings
from proxy.edges.webhook_server import WebhookServer
from proxy.events import Events
from proxy.model import Call, Headers, Request, Response
from proxy.rules.credentials import Secret
from proxy.rules.signatures import VerifySettings
from proxy.timing import Alarms
from proxy.webhooks.forward import Forward
from proxy.webhooks.intake import Intake
from proxy.webhooks.receive import Receiver, Surroundings
from tests.support.provider import EPOCH, Line, Provider, answer, clock

SECRET = b"made-up-secret"
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
    """A webhook at `/in/plain`, delivered synchronously."""
    deliver = changes.pop("deliver", {})
    return WebhookSettings(
        name="plain",
        path="/in/plain",
        verify=verify,
        deliver=DeliverSettings(url="http://127.0.0.1:9/hooks", mode="sync", **deliver),
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
    bugs: list[BaseException] = field(default_factory=list)

    def webhook_ended(self, webhook: str, outcome: str, secret: str | None, detail: str) -> None:
        self.ended.append((outcome, secret))
        self.details.append(detail)

    def delivery_ended(self, webhook: str, outcome: str) -> None:
        self.deliveries.append(outcome)

    def bug(self, where: str, error: BaseException) -> None:
        self.bugs.append(error)


@dataclass
class Answer:
    status: int
    headers: Headers
    body: bytes


class Listening:
    """One webhook, its application and its secrets; `ask` sends a request and reads the answer to the end."""

    def __init__(
        self,
        webhook: WebhookSettings,
        script: Sequence[Line] = (),
        secrets: Mapping[str, bytes] | None = None,
        places: int = 9,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.application = Provider(loop, script or [lambda _: answer(200, b"taken")])
        self.ears = Ears()
        self.secrets = dict({"new": b"the-newer-one", "old": SECRET} if secrets is None else secrets)
        time, alarms = clock(loop), Alarms(loop)
        around = Surroundings(
            secret=self._secret, intake=Intake(time.now, alarms, places), events=self.ears, clock=time
        )
        assert webhook.deliver is not None
        forward = Forward(self.application, webhook.deliver, time.now, alarms)
        receivers = {webhook.path.encode(): Receiver(webhook, forward, around)}
        self.server = WebhookServer(receivers, self.ears)

    def _secret(self, name: str) -> Secret | None:
        value = self.secrets.get(name)
        return None if value is None else Secret(name, value)

    async def send(
        self, body: bytes | Stream = b"", headers: Headers = (), line: str = "POST /in/plain", length: int | None = None
    ) -> Response:
        """The answer, unread. A `Stream` as body is chunked unless a `length` is declared."""
        method, _, target = line.partition(" ")
        sent = Body(Whole(body), len(body)) if isinstance(body, bytes) else Body(body, length)
        call = Call(id="call", started=0.0)
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
