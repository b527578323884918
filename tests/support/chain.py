"""One upstream's whole pipeline, as the program builds it, around a scripted provider."""

import asyncio

from proxy.chain import stages_for
from proxy.edges.http1.pool import Resolver
from proxy.edges.secret_sources import Secrets
from proxy.errors import ClientGone, ProxyError
from proxy.model import Call, Headers, Request, Response
from proxy.parts import Parts
from proxy.pipeline import onion
from proxy.timing import Alarms, Waits
from proxy.upstream import UpstreamSettings, UpstreamState
from tests.support.attempts import Heard
from tests.support.provider import Line, Provider, clock


class Chain:
    """`settings`: those of the upstream, its name and url apart. Dice always show one half."""

    def __init__(self, *script: Line, **settings: object) -> None:
        self.loop = asyncio.get_running_loop()
        self.heard = Heard()
        self.provider = Provider(self.loop, script)
        self.calls: list[Call] = []
        self.settings = UpstreamSettings(name="stripe", url="https://api.stripe.com", **settings)
        self.state = UpstreamState(self.settings)
        times, alarms = clock(self.loop), Alarms(self.loop)
        parts = Parts(
            loop=self.loop,
            clock=times,
            dice=lambda: 0.5,
            alarms=alarms,
            waits=Waits(self.loop),
            events=self.heard,
            secrets=Secrets({}, {}, now=times.now, events=self.heard, learn=lambda _name, _value: None),
            resolver=Resolver(),
        )
        self.stages = stages_for(self.settings, self.state, parts)
        self._handler = onion(self.stages, self.provider)

    async def __call__(
        self, method: str = "GET", target: bytes = b"/v1/charges", headers: Headers = (), **notes: bytes
    ) -> Response:
        """One call to the end of its answer's body."""
        call = Call(
            f"call-{len(self.calls)}",
            self.loop.time(),
            notes={name.replace("_", "-").encode(): value for name, value in notes.items()},
        )
        self.calls.append(call)
        response = await self._handler(Request(method, target, headers, None, call))
        try:
            while await response.body.read():
                pass
        except ProxyError as failure:
            response.close(failure)
            raise
        except asyncio.CancelledError:
            response.close(ClientGone())
            raise
        response.close()
        return response

    def start(self, method: str = "GET", target: bytes = b"/v1/charges") -> asyncio.Task[Response]:
        """A call that runs beside others."""
        return self.loop.create_task(self(method, target))
