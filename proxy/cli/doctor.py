"""`doctor`: does what a call needs hold right now? Secrets, ports, names, TLS, credentials, the clock; and what to fix.

The one thing a reader would get wrong: this asks the providers. Nothing but the manifests' harmless probes, and a
read of a SOAP service's WSDL, is sent with a credential; where there is none, a bare HEAD shows that the way is open.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple

from proxy import app
from proxy.cli.control import is_healthy
from proxy.cli.descriptions import outside
from proxy.cli.terminal import DONE, FAILED, WRONG
from proxy.config.complaints import Complaints, ConfigurationError
from proxy.config.load import load
from proxy.config.manifest import Presets, Probe
from proxy.config.schema import SecretSource, Settings
from proxy.config.sources import Unreadable, reading
from proxy.edges.http1.pool import Resolver
from proxy.edges.secret_sources import Secrets
from proxy.edges.sockets import listening_socket, unbind
from proxy.errors import ProxyError
from proxy.events import Events
from proxy.model import Call, Request, Response
from proxy.parts import Parts
from proxy.pipeline import Handler
from proxy.rules.credentials import TOKEN, Template
from proxy.timing import Alarms, Clock, Waits
from proxy.upstream import UpstreamSettings

PATIENCE = 10.0  # seconds for one upstream
SKEW = 30.0  # seconds that our clock may be off
_FIXES = {  # code of a failure -> what to do
    "dns_error": "check the host in url, and this machine's resolver",
    "connect_refused": "check the port in url; is the service running, does a firewall reject?",
    "connect_timeout": "nothing answers there: check url, routes and firewalls",
    "tls_error": "check tls.ca and tls.server_name, the certificate's dates and this machine's clock",
    "egress_denied": "the name leads to an address that is not public; list it under egress.allow if it is meant",
    "secret_unavailable": "see the secrets above; an access token needs its endpoint too",
    "upstream_timeout": "it took the request and said nothing: is it well?",
    "deadline_exceeded": "no answer in time: is it well?",
    "out_of_scope": "the probe is outside scope; nothing to fix if that is meant",
}


class Finding(NamedTuple):
    """One thing that was looked at. `fix`: what to do, "" where all is well."""

    subject: str
    said: str
    fix: str = ""


class _Heard(Events):
    """Remembers why a secret or token could not be had."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def secret_failed(self, secret: str, reason: str, source: str = "") -> None:  # noqa: ARG002 - its check names it
        self.reasons[secret] = reason


def doctor(path: Path, *, json_output: bool = False) -> int:
    """Prints what was found and what to fix. Returns 0 where all is well, 1 where not, 2 for a wrong configuration."""
    try:
        settings = load(path, os.environ)
    except ConfigurationError as error:
        print(error)
        return WRONG
    found = asyncio.run(examined(settings, running=is_healthy(path)))
    if json_output:
        print(json.dumps([{**one._asdict(), "ok": not one.fix} for one in found], indent=2))
    else:
        print("\n".join(_lines(found)))
    return FAILED if any(one.fix for one in found) else DONE


async def examined(settings: Settings, *, running: bool) -> list[Finding]:
    """Everything there is to find. `running`: the program serves this configuration, so that the ports are its own."""
    found = [Finding("configuration", f"{settings.path} has no errors")]
    found += [Finding("configuration", str(doubt), "see above") for doubt in settings.doubts]
    found += [_secret(name, source) for name, source in settings.secrets.items()]
    found += await _ports(settings, running=running)
    heard = _Heard()
    parts = _parts(settings, heard)
    for upstream in settings.upstreams.values():
        found += await Examination(upstream, parts, heard, _service_paths(settings, upstream)).findings()
    for tokens in parts.tokens.values():
        tokens.close()
    for transport in parts.building.values():
        transport.retire()
    parts.resolver.close()
    return found


class Examination:
    """One upstream."""

    def __init__(self, settings: UpstreamSettings, parts: Parts, heard: _Heard, services: Sequence[str] = ()) -> None:
        self._settings = settings
        self._services = services
        self._parts = parts
        self._heard = heard
        manifest = Presets(Complaints()).manifest(settings.integration or "")
        self._probe = manifest.probe if manifest is not None else None
        self._subject = f"upstream {settings.name}"

    async def findings(self) -> list[Finding]:
        """What came of asking it."""
        settings = self._settings
        if settings.mode == "mock":
            return [Finding(self._subject, "mock: answered by the built-in fake, nothing leaves the machine")]
        try:
            response = await self._asked()
        except ProxyError as error:
            own = {*settings.secret_names, f"{settings.name} {TOKEN}"}
            reason = "; ".join(f"{name}: {why}" for name, why in self._heard.reasons.items() if name in own)
            said = f"{error.code}: {error.detail}" + (f" ({reason})" if reason else "")
            return [Finding(self._subject, said, _FIXES.get(error.code, "see docs/errors.md for this code"))]
        wall = self._parts.clock.wall()
        response.close()
        return [self._answered(response), *_clock(self._subject, response, wall), *await self._described()]

    async def _described(self) -> list[Finding]:
        """What is wrong with the addresses that the service publishes."""
        try:
            found = await outside(self._settings, self._services, self._fetched)
        except ProxyError:
            return []  # the way to it was looked at before
        return [Finding(self._subject, said, fix) for said, fix in found]

    async def _fetched(self, target: bytes) -> Response:
        """An answer as the provider gave it, its URLs as they stand there."""
        bare = replace(self._settings, retry=replace(self._settings.retry, attempts=1), rewrite=None)
        return await self._in_time(
            app.upstream(bare, self._parts).handle, Request("GET", target, (), None, self._call())
        )

    async def _asked(self) -> Response:
        call = self._call()
        if self._probe is None:
            bare = app.core(self._settings, self._parts)
            return await self._in_time(bare, Request("HEAD", b"/", (), None, call))
        once = replace(self._settings, retry=replace(self._settings.retry, attempts=1))
        handle = app.upstream(once, self._parts).handle
        return await self._in_time(handle, self._request(self._probe, call))

    def _call(self) -> Call:
        now = self._parts.clock.now()
        return Call("doctor", now, deadline=now + PATIENCE, upstream=self._settings.name)

    def _request(self, probe: Probe, call: Call) -> Request:
        method, _, target = probe.request.partition(" ")
        filled = Template(target).fill(self._parts.secrets.read)
        return Request(method, filled, (), None, call)

    async def _in_time(self, handle: Handler, request: Request) -> Response:
        try:
            with self._parts.alarms.at(request.call.deadline):
                return await handle(request)
        except TimeoutError:
            raise ProxyError("deadline_exceeded", "No answer in time.") from None

    def _answered(self, response: Response) -> Finding:
        probe = self._probe
        if probe is None:
            return Finding(
                self._subject, f"reached: HEAD / is answered {response.status}; no probe proves its credential"
            )
        said = f"{probe.request} is answered {response.status}"
        if response.status in probe.ok:
            return Finding(self._subject, f"reached, and it takes our credential: {said}")
        names = ", ".join(self._settings.secret_names)
        refused = response.status in (401, 403)
        return Finding(
            self._subject, said, f"it refuses the credential: check {names}" if refused else "look at its status"
        )


def _service_paths(settings: Settings, upstream: UpstreamSettings) -> list[str]:
    """Where the configuration says that a service of this upstream is."""
    inventory = settings.capabilities.inventory
    return [inventory.path] if inventory is not None and inventory.upstream == upstream.name else []


def _clock(subject: str, response: Response, wall: float) -> Iterator[Finding]:
    """What the answer's `Date` says about our clock."""
    for name, value in response.headers:
        if name.lower() == b"date":
            try:
                ahead = wall - parsedate_to_datetime(value.decode("latin-1")).timestamp()
            except ValueError:
                return
            if abs(ahead) > SKEW:
                where = "ahead of" if ahead > 0 else "behind"
                fix = "set this machine's clock (NTP): signatures and tokens depend on it"
                yield Finding("clock", f"{abs(ahead):.0f} s {where} what {subject} says", fix)


def _secret(name: str, source: SecretSource) -> Finding:
    place = f"variable {source.env}" if source.env is not None else f"file {source.file}"
    try:
        reading(source, os.environ)
    except Unreadable as error:
        return Finding(f"secret {name}", f"{error.reason} ({place})", f"give {place} a value")
    return Finding(f"secret {name}", f"there ({place})")


async def _ports(settings: Settings, *, running: bool) -> list[Finding]:
    said = {f"listen.{name}": getattr(settings.listen, name) for name in ("proxy", "webhooks", "admin")}
    said |= {f"upstreams.{one.name}.listen": one.listen for one in settings.upstreams.values() if one.listen}
    if running:
        return [Finding(name, f"{where}: the program is running") for name, where in said.items()]
    found = []
    for name, where in said.items():
        try:
            unbind(*await listening_socket(asyncio.get_running_loop(), where))
            found.append(Finding(name, f"{where} is free"))
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else f"{where} is no address"
            found.append(Finding(name, str(why), "another program has it: stop that, or give another address"))
    return found


def _parts(settings: Settings, heard: _Heard) -> Parts:
    loop = asyncio.get_running_loop()
    clock, alarms = Clock(loop.time, time.time), Alarms(loop)  # noqa: TID251 - a program of its own, for a moment
    return Parts(
        loop=loop,
        clock=clock,
        dice=lambda: 0.5,  # nothing is repeated
        alarms=alarms,
        waits=Waits(loop),
        events=heard,
        secrets=Secrets(settings.secrets, os.environ, now=clock.now, events=heard, learn=lambda _name, _value: None),
        resolver=Resolver(),
    )


def _lines(found: list[Finding]) -> Iterator[str]:
    for one in found:
        yield f"{'ok ' if not one.fix else 'BAD'}  {one.subject}: {one.said}"
        if one.fix:
            yield f"       fix: {one.fix}"
    bad = sum(bool(one.fix) for one in found)
    yield "all is well" if not bad else f"{bad} to fix"
