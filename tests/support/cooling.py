"""A cooldown's stage around a scripted provider, whose answers are judged as the judge would."""

import asyncio

import pytest

from proxy.errors import Refusal
from proxy.events import Events
from proxy.model import Call, Request, Response
from proxy.rules.cooldown import Cooldown, CooldownSettings
from proxy.rules.outcome import verdict_for
from proxy.stages.cooldown import CooldownStage
from proxy.timing import Waits
from tests.support.provider import Provider, answer, clock

STATUSES = frozenset({429, 503})


class Heard(Events):
    def __init__(self) -> None:
        self.queue = 0
        self.longest_queue = 0
        self.cooldowns: list[tuple[str, float]] = []

    def queued(self, upstream: str, change: int) -> None:
        self.queue += change
        self.longest_queue = max(self.longest_queue, self.queue)

    def cooldown_began(self, upstream: str, seconds: float) -> None:
        self.cooldowns.append((upstream, seconds))


class Setting:
    """All that one upstream's cooldown has."""

    def __init__(self, *script, settings: CooldownSettings | None = None, **changes) -> None:
        self.loop = asyncio.get_running_loop()
        self.events = Heard()
        self.settings = settings or CooldownSettings(**changes)
        self.cooldown = Cooldown(self.settings)
        self.waits = Waits(self.loop)
        self.stage = self.another_stage(self.settings)
        self.provider = Provider(self.loop, script)

    def another_stage(self, settings: CooldownSettings) -> CooldownStage:
        return CooldownStage(
            "stripe",
            settings,
            self.cooldown,
            key=lambda request: request.target if settings.scope == "path" else b"",
            clock=clock(self.loop),
            waits=self.waits,
            events=self.events,
        )

    async def attempt(self, call: Call | None = None, target: bytes = b"/", stage: CooldownStage | None = None):
        call = call or Call(id="1", started=self.loop.time())
        return await (stage or self.stage)(Request("GET", target, (), None, call), self.provider)

    def start(self, *args, **named) -> asyncio.Task[Response]:
        return self.loop.create_task(self.attempt(*args, **named))


def wait(told: float | None, status: int = 429):
    def line(_: Request) -> Response:
        response = answer(status)
        response.verdict = verdict_for(status, told=told, statuses=STATUSES)
        return response

    return line


def fine(_: Request) -> Response:
    return answer()


async def refused(attempt) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await attempt
    return caught.value
