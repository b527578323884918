"""The running program as operators see it: what `/metrics`, `/readyz` and `/api` say of it, and the breaker by hand.

The one thing a reader would get wrong: settings are shown as the configuration writes them, secrets by name; no value
of a secret is ever within reach here, but for the token that a request is compared with.
"""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

from proxy.config.addresses import address
from proxy.config.complaints import ConfigurationError
from proxy.config.display import rows
from proxy.config.faults import asked_for
from proxy.config.schema import Settings
from proxy.edges.debug_store import DebugStore
from proxy.edges.metrics import Gauge, Metrics
from proxy.edges.process import released
from proxy.edges.secret_sources import Secrets
from proxy.edges.webhook_desk import WebhookDesk
from proxy.events import Events
from proxy.rules.callers import Hosts
from proxy.rules.faults import Faults, FaultSettings
from proxy.timing import Clock
from proxy.upstream import Snapshot, Upstream

STATES = ("closed", "open", "half_open")
Shown = dict[str, dict[str, str]]  # a setting: its value, and where that is from
HELD: Mapping[str, Literal["open", "closed"] | None] = {"open": "open", "closed": "closed", "auto": None}


class Served(Protocol):
    """What of the program changes while it runs. `loaded`: Unix seconds of the last good reading."""

    settings: Settings
    draining: bool
    loaded: float

    @property
    def snapshot(self) -> Snapshot:
        """What the gateway serves now."""

    def reload(self) -> list[str]:
        """What is wrong with the configuration; empty: it is in force."""

    def set_faults(self, upstream: str, faults: Sequence[FaultSettings], seconds: float) -> None:
        """For so many seconds in place of the configuration's; none: those are in force again."""

    def faults(self, upstream: str) -> Faults:
        """Those in force."""


class Side(Protocol):
    """The webhooks of the program."""

    @property
    def desk(self) -> WebhookDesk | None:
        """None: no webhook is configured."""

    @property
    def trouble(self) -> str | None:
        """Why the program is not ready; None: it is."""


class Overview:
    """What the admin listener asks of the program, and tells it."""

    def __init__(self, served: Served, *, clock: Clock, secrets: Secrets, metrics: Metrics, events: Events) -> None:
        self.history: DebugStore | None = None
        self.side: Side | None = None
        self.reload = served.reload
        self.bug = events.bug
        self.scrape = metrics.render
        self._waiting = metrics.waiting
        self._served = served
        self._clock = clock
        self._secrets = secrets
        self._events = events
        self._written_out: Settings | None = None  # whose values `_settings` holds
        self._settings: dict[str, Shown] = {}

    @property
    def hosts(self) -> Hosts:
        """The names accepted in `Host`."""
        return self._served.snapshot.hosts

    @property
    def loopback(self) -> bool:
        """Only this machine can connect: reading needs no token."""
        return address(self._served.settings.listen.admin).loopback

    @property
    def webhooks(self) -> WebhookDesk | None:
        """None: no webhook is configured."""
        return None if self.side is None else self.side.desk

    def token(self) -> bytes | None:
        """What `admin.token` names; None: no such setting; b"": it cannot be read, and nothing matches it."""
        name = self._served.settings.admin_token
        if name is None:
            return None
        secret = self._secrets.get(name)
        return b"" if secret is None else secret.reveal()

    def unready(self) -> list[str]:
        """Why `/readyz` says no, one line each; empty: ready."""
        if self._served.draining:
            return ["shutting down"]
        status = self._secrets.status()
        trouble = None if self.side is None else self.side.trouble
        missing = [
            f"upstreams.{upstream.name}: the secret {name} is {status[name].error or 'not available'}"
            for upstream in self._served.snapshot.upstreams.values()
            if upstream.settings.mode == "live"
            for name in upstream.settings.secret_names
            if name in status and not status[name].available
        ]
        return missing if trouble is None else [*missing, trouble]

    def unsafe(self) -> list[str]:
        """What is allowed and should be known, one line each."""
        return list(self._served.settings.unsafe)

    def upstreams(self) -> list[dict[str, object]]:
        """Each upstream: settings in force, breaker, cooldown, the provider's limits as told last, counts."""
        return [self._described(upstream) for upstream in self._served.snapshot.upstreams.values()]

    def upstream(self, name: str) -> dict[str, object] | None:
        """One of them; None: no such upstream."""
        upstream = self._served.snapshot.upstreams.get(name.encode())
        return None if upstream is None else self._described(upstream)

    def set_breaker(self, name: str, state: str) -> bool:
        """`open` and `closed` hold until `auto`. False: no such upstream, or its breaker is switched off."""
        upstream = self._served.snapshot.upstreams.get(name.encode())
        if upstream is None or upstream.settings.breaker is None:
            return False
        breaker = upstream.state.breaker
        before = breaker.state
        breaker.hold(HELD[state], self._clock.now())
        if breaker.state != before:
            self._events.breaker_moved(name, breaker.state, by_hand=True)
        return True

    def set_faults(self, name: str, faults: object, length: object) -> list[str]:
        """Faults for a while, as JSON has them; an empty list ends them. What is wrong with them, empty: in force."""
        try:
            found, seconds = asked_for(faults, length)
        except ConfigurationError as error:
            return [str(complaint) for complaint in error.complaints]
        self._served.set_faults(name, found, seconds)
        return []

    def gauges(self) -> Iterator[Gauge]:
        """What is true now, one row a value."""
        now, wall = self._clock.now(), self._clock.wall()
        for upstream in self._served.snapshot.upstreams.values():
            name, state = upstream.name, upstream.state
            for one in STATES:
                yield Gauge("breaker_state", (name, one), float(one == state.breaker.state))
            ends = state.cooldown.latest(now)
            yield Gauge("cooldown_until_timestamp_seconds", (name,), 0.0 if ends is None else wall + ends - now)
            yield Gauge("in_flight", (name,), float(state.gate.in_flight))
            yield Gauge("queued", (name,), float(self._waiting[name]))
        for name, status in self._secrets.status().items():
            if status.age_seconds is not None:
                yield Gauge("secret_age_seconds", (name,), status.age_seconds)
        if self.webhooks is not None:
            yield from self.webhooks.gauges()
        yield Gauge("config_loaded_timestamp_seconds", (), self._served.loaded)
        yield Gauge("build_info", (released(), platform.python_version()), 1.0)

    def _settings_of(self, name: str) -> Shown:
        """Written out once for each configuration: of many upstreams it takes as long as many calls."""
        settings = self._served.settings
        if self._written_out is not settings:
            self._written_out, self._settings = settings, _by_upstream(settings)
        return self._settings.get(name, {})

    def _described(self, upstream: Upstream) -> dict[str, object]:
        now, state, settings = self._clock.now(), upstream.state, self._served.settings
        ends = state.cooldown.latest(now)
        return {
            "name": upstream.name,
            "mode": upstream.settings.mode,
            "integration": upstream.settings.integration,
            "settings": self._settings_of(upstream.name),
            "breaker": _breaker(upstream, now),
            "cooldown": {"seconds_left": None if ends is None else ends - now},
            "limits": state.standing.rows(upstream.settings.limits, self._clock.wall()),
            "counts": {
                "in_flight": state.gate.in_flight,
                "queued": self._waiting[upstream.name],
                "retry_budget": round(state.budget.left(now), 3),
            },
            "faults": _faults(self._served.faults(upstream.name), now),
            "unsafe": [line for line in settings.unsafe if re.match(rf"upstreams\.{upstream.name}[ .]", line)],
        }


def _by_upstream(settings: Settings) -> dict[str, Shown]:
    found: dict[str, Shown] = {}
    for row in rows(settings):
        section, _, key = row.key.partition(".")
        if section == "upstreams":
            name, _, key = key.partition(".")
            found.setdefault(name, {})[key] = {"value": row.value, "from": row.origin}
    return found


def _faults(faults: Faults, now: float) -> dict[str, object]:
    left = faults.until - now
    over = left <= 0
    return {
        "in_force": [] if over else [str(fault) for fault in faults.settings],
        "seconds_left": None if over or left == math.inf else left,
    }


def _breaker(upstream: Upstream, now: float) -> dict[str, object]:
    breaker = upstream.state.breaker
    if upstream.settings.breaker is None:
        return {"state": "off"}
    outcomes, failures, slow = breaker.counts(now)
    return {
        "state": breaker.state,
        "by_hand": breaker.by_hand,
        "probe_in_seconds": breaker.wait(now),
        "failures_in_a_row_to_open": breaker.threshold(now),
        "window": {"outcomes": outcomes, "failures": failures, "slow": slow},
    }
