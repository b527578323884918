"""The normalised side in front of a fake or a scripted provider, with the pipeline that the program builds."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from proxy import integrations
from proxy.body import Body, Whole
from proxy.capabilities.chat import ChatSettings
from proxy.capabilities.front import Front
from proxy.capabilities.idempotency import Keys
from proxy.capabilities.inventory import InventorySettings
from proxy.capabilities.payments import PaymentSettings
from proxy.capabilities.sms import SmsSettings
from proxy.chain import stages_for
from proxy.edges.http1.pool import Resolver
from proxy.edges.secret_sources import Secrets
from proxy.errors import UpstreamFailure
from proxy.gateway import Gateway
from proxy.integrations.standing_behind import Mocks
from proxy.model import Call, Headers, Request
from proxy.parts import Parts
from proxy.pipeline import Handler, onion
from proxy.rules.callers import Callers, Hosts
from proxy.rules.retry import IdempotencySettings, RetrySettings
from proxy.timing import Alarms, Waits
from proxy.upstream import Snapshot, Upstream, UpstreamSettings, UpstreamState
from tests.support.attempts import Heard
from tests.support.provider import Line, Provider, clock

JSON: Headers = ((b"Content-Type", b"application/json"),)
CHARGE = {"amount": 1999, "currency": "eur", "source": "tok_visa"}
GOOD = {
    "payments/charge": CHARGE,
    "sms/send": {"to": "+15005550006", "text": "hello", "from": "+15005550006"},
    "chat/post": {"channel": "#alerts", "text": "disk full"},
    "inventory/get": {"sku": "SKU-1"},
    "inventory/reserve": {"sku": "SKU-2", "quantity": 2, "reference": "order-1"},
}
RESET = UpstreamFailure("upstream_reset", sent=True)
REFUSED = UpstreamFailure("connect_refused", sent=False)
PAID = json.dumps({"id": "pi_1", "status": "succeeded", "amount": 1999, "currency": "eur"}).encode()
UNKEYED = RetrySettings(idempotency=IdempotencySettings(header=None))
BEHIND: Mapping[str, tuple[str, Any, RetrySettings]] = {  # capability -> integration, settings, retry of its preset
    "payments": ("stripe", PaymentSettings(provider="stripe", upstream="stripe"), RetrySettings()),
    "sms": ("twilio", SmsSettings(provider="twilio", upstream="twilio", from_="+15005550006"), UNKEYED),
    "chat": ("slack", ChatSettings(provider="slack", upstream="slack"), UNKEYED),
    "inventory": ("soap", InventorySettings(provider="soap", upstream="soap", path="/svc"), UNKEYED),
}
MOCKS: Mapping[str, Any] = {
    "payments": PaymentSettings(provider="mock"),
    "sms": SmsSettings(provider="mock"),
    "chat": ChatSettings(provider="mock"),
    "inventory": InventorySettings(provider="mock"),
}


class Answered(NamedTuple):
    status: int
    headers: Mapping[str, str]
    json: Any

    @property
    def code(self) -> str:
        """The code of an error, "" for a success."""
        return self.json.get("code", "")


class Side:
    """`capability` through its provider's pipeline to `handler`: by default the fake. Without one: all four mocks."""

    def __init__(
        self, capability: str | None = None, *script: Line, callers: Callers | None = None, **settings: object
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.heard = Heard()
        self.provider = Provider(self.loop, script)
        self.alarms = Alarms(self.loop)
        upstreams: dict[bytes, Upstream] = {}
        chosen = MOCKS
        if capability is not None:
            name, own, retry = BEHIND[capability]
            handler = self.provider if script else integrations.fake(name, wall=clock(self.loop).wall)
            upstreams[name.encode()] = self._upstream(name, handler, {"retry": retry, **settings})
            chosen = {capability: own}
        mocks = Mocks()
        found = {name: mocks.capability(name, one, upstreams, self.alarms) for name, one in chosen.items()}
        front = Front(found, Keys(), now=self.loop.time, alarms=self.alarms, events=self.heard)
        snapshot = Snapshot(upstreams, Hosts([]), callers or Callers(), front)
        self._gateway = Gateway(snapshot, self.heard, self.loop.time)
        self._calls = 0

    async def __call__(self, operation: str, content: object = None, key: str | None = "k", **more: str) -> Answered:
        """`more`: further headers, `_` for `-`. `content` bytes: as it is."""
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        fields = {"Host": "127.0.0.1:8600", **({} if key is None else {"Idempotency-Key": key})}
        fields |= {name.replace("_", "-"): value for name, value in more.items() if name != "method"}
        self._calls += 1
        call = Call(f"call-{self._calls}", self.loop.time(), local="127.0.0.1", peer="127.0.0.1")
        headers = tuple((name.encode(), value.encode()) for name, value in fields.items())
        target = f"/_/{operation}".encode()
        request = Request(more.get("method", "POST"), target, headers, Body(Whole(raw), len(raw)), call)
        response = await self._gateway(request)
        body = b""
        while piece := await response.body.read():
            body += piece
        response.close()
        found = {name.decode(): value.decode() for name, value in response.headers}
        return Answered(response.status, found, json.loads(body))

    def _upstream(self, name: str, handler: Handler, more: Mapping[str, Any]) -> Upstream:
        times = clock(self.loop)
        settings = UpstreamSettings(name=name, url=f"https://{name}.example", integration=name, **more)
        state = UpstreamState(settings)
        parts = Parts(
            loop=self.loop,
            clock=times,
            dice=lambda: 0.5,
            alarms=self.alarms,
            waits=Waits(self.loop),
            events=self.heard,
            secrets=Secrets({}, {}, now=times.now, events=self.heard, learn=lambda _name, _value: None),
            resolver=Resolver(),
        )
        return Upstream(settings, state, onion(stages_for(settings, state, parts), handler))
