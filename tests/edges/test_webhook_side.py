"""The webhook side of a program, with its real parts, through a day that passes at once."""

import asyncio
import os

import pytest

from proxy.config.load import load
from proxy.edges.http1.pool import Resolver
from proxy.edges.secret_sources import Secrets
from proxy.events import Events
from proxy.parts import Parts
from proxy.rules.redaction import Redactor
from proxy.timing import Alarms, Clock, Waits
from proxy.webhook_side import WebhookSide

pytestmark = pytest.mark.usefixtures("loops")
CONFIG = """\
version: 1
inbox: {{url: "sqlite:{folder}/inbox.db"}}
secrets: {{new: {{env: NEW}}, old: {{env: OLD}}}}
webhooks: {{stripe: {{integration: stripe, path: {path}, verify: {{secrets: {secrets}}}}}}}
"""
HOUR, DAY = 3_600.0, 86_400.0


class Day:
    """A webhook side whose monotonic clock says `now`, and `matches` of its secrets."""

    def __init__(self, folder):
        self.now = 0.0
        self.matches = {("stripe", "old"): 7.0}
        self._folder = folder
        loop = asyncio.get_running_loop()
        clock, alarms, events = Clock(lambda: self.now, lambda: 1e9 + self.now), Alarms(loop), Events()
        settings = self._settings("[new, old]")
        environ = {"NEW": "whsec_new", "OLD": "whsec_old"}
        parts = Parts(
            loop=loop,
            clock=clock,
            dice=lambda: 0.5,
            alarms=alarms,
            waits=Waits(loop),
            events=events,
            secrets=Secrets(settings.secrets, environ, now=clock.now, events=events, learn=lambda *_: None),
            resolver=Resolver(),
        )
        self._side = WebhookSide(settings, parts, redactor=Redactor())

    async def __aenter__(self):
        await self._side.start()
        return self

    async def __aexit__(self, *_):
        await self._side.drain(self.now)
        await self._side.close()

    def _settings(self, secrets, path="/stripe"):
        (self._folder / "config.yaml").write_text(CONFIG.format(folder=self._folder, secrets=secrets, path=path))
        return load(self._folder / "config.yaml", os.environ)

    def reload(self, secrets, path="/stripe"):
        self._side.use(self._settings(secrets, path))

    def pass_by(self, seconds, **matches):
        self.now += seconds
        self.matches.update({("stripe", name): count for name, count in matches.items()})
        self._side.look_at_secrets(self.matches)

    async def spare(self):
        [webhook] = (await self._side.desk.webhooks())["webhooks"]
        return webhook["spare_secrets"]


async def test_it_says_when_the_old_secret_can_go(tmp_path):
    async with Day(tmp_path) as day:
        day.pass_by(0)
        day.pass_by(HOUR, new=1)
        assert await day.spare() == []
        day.pass_by(DAY, new=2)
        assert await day.spare() == ["old"]
        day.pass_by(HOUR, old=8)
        assert await day.spare() == []


async def test_a_secret_that_a_reload_took_out_is_not_spoken_of(tmp_path):
    async with Day(tmp_path) as day:
        day.pass_by(0)
        day.pass_by(DAY, new=2)
        assert await day.spare() == ["old"]
        day.reload("[new]")
        assert await day.spare() == []
        day.pass_by(1.0)
        day.reload("[new, old]")
        day.pass_by(1.0, new=3)
        assert await day.spare() == []


@pytest.mark.parametrize(("path", "told"), [("/stripe", ["old"]), ("/elsewhere", [])])
async def test_what_senders_did_at_another_address_is_forgotten(tmp_path, path, told):
    async with Day(tmp_path) as day:
        day.pass_by(0)
        day.pass_by(DAY, new=2)
        day.reload("[new, old]", path)
        day.pass_by(HOUR)
        assert await day.spare() == told
