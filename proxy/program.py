"""The running program: listeners, the loop that looks after things each second, reload, drain.

The one thing a reader would get wrong: a reload that fails at any point has changed nothing; the swap is one step.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from proxy import app
from proxy.chain import faults_of
from proxy.config.complaints import ConfigurationError
from proxy.config.load import load
from proxy.config.schema import Settings
from proxy.edges.admin_server import AdminServer
from proxy.edges.debug_store import DebugStore
from proxy.edges.http1.listener import PROXY, WEBHOOKS, Limits, Listener
from proxy.edges.http1.pool import Resolver
from proxy.edges.http1.service import Refuse
from proxy.edges.log_install import install
from proxy.edges.log_lines import Lines
from proxy.edges.logs import Logs
from proxy.edges.metrics import Gauge, Metrics
from proxy.edges.overview import Overview
from proxy.edges.secret_sources import Secrets
from proxy.events import Events, Fanout
from proxy.gateway import Gateway
from proxy.model import Call
from proxy.parts import Parts
from proxy.pipeline import Handler
from proxy.rules.faults import Faults, FaultSettings
from proxy.rules.redaction import Redactor
from proxy.rules.request_id import Ids
from proxy.timing import Alarms, Clock, Waits
from proxy.upstream import Snapshot
from proxy.webhook_side import WebhookSide
from proxy.webhooks.own_events import OwnEvents

TICK = 1.0  # seconds between two looks at secrets, idle connections and the configuration file


class Program:
    """One configuration being served: `start()`, then `stop()`, and `reload()` in between."""

    draining = False

    def __init__(self, settings: Settings, environ: Mapping[str, str], output: int) -> None:
        """`output`: the file descriptor that log lines go to."""
        loop = asyncio.get_running_loop()
        clock, alarms, redactor = Clock(now=loop.time, wall=time.time), Alarms(loop), Redactor()
        self.settings = settings
        self.bound: dict[str, str] = {}
        self._environ = environ
        self.loaded = clock.wall()
        self._logs = Logs(settings.log, Lines(output), redactor.text, clock.wall)
        metrics = self._metrics = Metrics(self._gauges)
        hearing: list[Events] = [metrics, self._logs]
        self._store = None
        if settings.debug_log.enabled:
            self._store = DebugStore(settings.debug_log, redactor, clock=clock, report=Fanout(hearing))
            hearing.append(self._store)
        self.events = Fanout(hearing)
        self._quiet = install(self._logs, loop)
        self.parts = Parts(
            loop=loop,
            clock=clock,
            dice=random.random,
            alarms=alarms,
            waits=Waits(loop),
            events=self.events,
            secrets=Secrets(settings.secrets, environ, now=clock.now, events=self.events, learn=redactor.learn),
            resolver=Resolver(),
            store=self._store,
        )
        self._new_id = Ids(clock.wall, os.urandom)
        self._webhooks = WebhookSide(settings, self.parts, redactor=redactor)
        self._own_events = self._fakes_sender()
        self.gateway = Gateway(app.snapshot(settings, self.parts), self.events, clock.now)
        self.parts.transports = self.parts.building
        self._listeners: dict[str, Listener] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._stamp = _stamp(settings.path)
        self._secrets_seen = self.parts.secrets.version
        self._overview = Overview(self, clock=clock, secrets=self.parts.secrets, metrics=metrics, events=self.events)
        self._overview.history = self._store
        self._overview.side = self._webhooks
        self._admin = AdminServer(self._overview, alarms=alarms, clock=clock)

    @property
    def snapshot(self) -> Snapshot:
        """What the gateway serves now."""
        return self.gateway.snapshot

    async def start(self) -> None:
        """Opens inbox and listeners; `bound` says where. Raises `InboxUnavailable`, `OSError` for a taken address."""
        if self._store is not None:
            await self._store.start()
        await self._webhooks.start()
        listen = self.settings.listen
        await self._listen("proxy", listen.proxy, self.gateway, PROXY, self.gateway.refuse)
        for one in self.settings.upstreams.values():
            if one.listen is not None:
                direct = self.gateway.direct(one.name)
                await self._listen(f"upstreams.{one.name}", one.listen, direct, PROXY, self.gateway.refuse)
        await self._listen("webhooks", listen.webhooks, self._webhooks.server, WEBHOOKS, self._webhooks.server.refuse)
        self.bound["admin"] = await self._admin.start(listen.admin)
        self._warn()
        mocked = (one.integration or "" for one in self.settings.upstreams.values() if one.mode == "mock")
        for line in self._own_events.unsigned(mocked):
            self.events.warned(line)
        self._ticking = self.parts.loop.create_task(self._tick())

    async def stop(self) -> None:
        """Accepts no more, gives calls in flight their grace, and ends what is left then."""
        self.draining = True
        until = self.parts.clock.now() + self.settings.shutdown_grace
        self.parts.waits.drain(until)
        listeners = (listener.close(until) for listener in self._listeners.values())
        await asyncio.gather(*listeners, self._webhooks.drain(until))
        if self._ticking is not None:
            self._ticking.cancel()
        for tokens in self.parts.tokens.values():
            tokens.close()
        self._own_events.close()
        for transport in self.parts.transports.values():
            transport.retire()
        await self._admin.close()
        await self._webhooks.close()
        self.parts.resolver.close()
        if self._store is not None:
            await self._store.close()
        self._quiet()

    def reload(self) -> list[str]:
        """Reads the configuration again and serves it. Returns what is wrong with it; then nothing has changed."""
        self._stamp = _stamp(self.settings.path)
        try:
            settings = load(self.settings.path, self._environ)
        except ConfigurationError as error:
            wrong = [str(complaint) for complaint in error.complaints]
            self.events.reloaded(ok=False, detail="; ".join(wrong))
            return wrong
        wrong = _fixed(self.settings, settings)
        if wrong:
            self.events.reloaded(ok=False, detail="; ".join(wrong))
            return wrong
        self.parts.secrets.adopt(settings.secrets)
        self._use(settings)
        self.events.reloaded(ok=True)
        return []

    def set_faults(self, upstream: str, faults: Sequence[FaultSettings], seconds: float) -> None:
        """For so many seconds in place of the configuration's; none: those are in force again."""
        self.parts.faults.pop(upstream, None)
        if faults:
            self.parts.faults[upstream] = Faults(faults, self.parts.clock.now() + seconds)
            listed = ", ".join(map(str, faults))
            self.events.warned(f"upstreams.{upstream} makes faults on purpose for {seconds:g} s: {listed}")
        self._rebuild(upstream)

    def faults(self, upstream: str) -> Faults:
        """Those in force."""
        return faults_of(self.settings.upstreams[upstream], self.parts)

    def _rebuild(self, upstream: str) -> None:
        """One upstream anew, beside the others as they are."""
        if upstream in self.settings.upstreams:
            made = app.upstream(self.settings.upstreams[upstream], self.parts)
            upstreams = {**self.snapshot.upstreams, upstream.encode(): made}
            self.gateway.snapshot = replace(self.snapshot, upstreams=upstreams)

    def _use(self, settings: Settings) -> None:
        """Builds all anew beside what serves, and swaps."""
        parts = self.parts
        parts.building = {}
        snapshot = app.snapshot(settings, parts)
        self._webhooks.use(settings)
        self.settings, self.gateway.snapshot = settings, snapshot
        self.loaded = parts.clock.wall()
        self._logs.adopt(settings.log)
        self._warn()
        for key in parts.transports.keys() - parts.building.keys():
            parts.transports[key].retire()
        parts.transports = parts.building
        for name in parts.tokens.keys() - settings.upstreams.keys():
            parts.tokens.pop(name).close()
        parts.registry.keep_only(settings.upstreams, parts.clock.now(), settings.shutdown_grace)

    def _fakes_sender(self) -> OwnEvents:
        """Who sends to our own webhooks what the providers behind fakes would send."""
        parts = self.parts
        sender = OwnEvents(
            self._webhooks.server,
            lambda: self.settings.webhooks,
            secret=parts.secrets.get,
            new_call=self._new_call,
            clock=parts.clock,
            events=parts.events,
        )
        parts.teller = sender.teller
        return sender

    def _warn(self) -> None:
        for line in self.settings.unsafe:
            self.events.warned(line)

    def _gauges(self) -> Iterable[Gauge]:
        return self._overview.gauges()

    async def _listen(self, name: str, address: str, handler: Handler, limits: Limits, refuse: Refuse) -> None:
        listener = Listener(
            handler,
            limits=limits,
            refuse=refuse,
            new_call=self._new_call,
            clock=self.parts.clock,
            alarms=self.parts.alarms,
            bug=self.events.bug,
        )
        self._listeners[name] = listener
        self.bound[name] = await listener.start(address)

    def _new_call(self) -> Call:
        return Call(self._new_id(), self.parts.loop.time())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                self._look_after()
            except Exception as error:  # noqa: BLE001 - what fails once must not end the looking
                self.events.bug("the look at secrets, connections and the configuration", error)

    def _look_after(self) -> None:
        now = self.parts.clock.now()
        for transport in self.parts.transports.values():
            transport.sweep(now)
        for name in [name for name, faults in self.parts.faults.items() if faults.until <= now]:
            self.set_faults(name, (), 0)
        self.parts.secrets.poll()
        self._webhooks.look_at_secrets(self._metrics.key_matches)
        for tokens in self.parts.tokens.values():
            tokens.poll()
        if self.parts.secrets.version != self._secrets_seen:
            self._secrets_seen = self.parts.secrets.version
            admitted = app.callers(self.settings.callers, self.parts.secrets)
            self.gateway.snapshot = replace(self.gateway.snapshot, callers=admitted)
        if _stamp(self.settings.path) != self._stamp:
            self.reload()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None while it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _fixed(old: Settings, new: Settings) -> list[str]:
    """Settings that a reload cannot change, one line each."""
    wrong = []
    if new.listen != old.listen:
        wrong.append("listen: sockets are opened at start; restart to change them")
    olds = {name: one.listen for name, one in old.upstreams.items() if one.listen}
    news = {name: one.listen for name, one in new.upstreams.items() if one.listen}
    wrong += [
        f"upstreams.{name}.listen: sockets are opened at start; restart to change them"
        for name in sorted(olds.keys() | news.keys())
        if olds.get(name) != news.get(name)
    ]
    if new.debug_log != old.debug_log:
        wrong.append("debug_log: the file is opened at start; restart to change it")
    if (new.inbox.url, new.inbox.min_free) != (old.inbox.url, old.inbox.min_free):
        wrong.append("inbox: url and min_free are used when it is opened; restart to change them")
    return wrong
