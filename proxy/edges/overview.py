"""The state of the running program as operators see it: gauges for a scrape, and upstreams for `/api`.

The one thing a reader would get wrong: settings are shown as the configuration writes them, secrets by name; no value
of a secret is ever within reach here.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from proxy.config.display import rows
from proxy.config.schema import Settings
from proxy.edges.metrics import Gauge
from proxy.edges.secret_sources import Status
from proxy.timing import Clock
from proxy.upstream import Upstream

STATES = ("closed", "open", "half_open")


def gauges(
    upstreams: Mapping[bytes, Upstream], secrets: Mapping[str, Status], clock: Clock, loaded: float
) -> Iterator[Gauge]:
    """What is true now, one row a value. `loaded`: Unix seconds of the last good reading of the configuration."""
    now, wall = clock.now(), clock.wall()
    for upstream in upstreams.values():
        name, state = upstream.name, upstream.state
        current = state.breaker.state
        for one in STATES:
            yield Gauge("breaker_state", (name, one), float(one == current))
        ends = state.cooldown.latest(now)
        yield Gauge("cooldown_until_timestamp_seconds", (name,), 0.0 if ends is None else wall + ends - now)
        yield Gauge("in_flight", (name,), float(state.gate.in_flight))
        yield Gauge("queued", (name,), float(state.gate.queued + state.cooldown.waiting))
    for name, status in secrets.items():
        if status.age_seconds is not None:
            yield Gauge("secret_age_seconds", (name,), status.age_seconds)
    yield Gauge("config_loaded_timestamp_seconds", (), loaded)
    yield Gauge("build_info", (released(), platform.python_version()), 1.0)


def described(upstream: Upstream, settings: Settings, clock: Clock) -> dict[str, object]:
    """One upstream as `/api/upstreams` shows it: settings in force and where they came from, and the state of now."""
    now, state = clock.now(), upstream.state
    prefix = f"upstreams.{upstream.name}."
    shown = [row for row in rows(settings) if row.key.startswith(prefix)]
    ends = state.cooldown.latest(now)
    outcomes, failures, slow = state.breaker.counts(now)
    return {
        "name": upstream.name,
        "mode": upstream.settings.mode,
        "integration": upstream.settings.integration,
        "settings": {row.key.removeprefix(prefix): {"value": row.value, "from": row.origin} for row in shown},
        "breaker": {
            "state": state.breaker.state if upstream.settings.breaker else "off",
            "by_hand": state.breaker.by_hand,
            "probe_in_seconds": state.breaker.wait(now),
            "failures_in_a_row_to_open": state.breaker.threshold(now),
            "window": {"outcomes": outcomes, "failures": failures, "slow": slow},
        },
        "cooldown": {"seconds_left": None if ends is None else max(0.0, ends - now)},
        "in_flight": state.gate.in_flight,
        "queued": state.gate.queued + state.cooldown.waiting,
        "budget_left": state.budget.left(now),
        "unsafe": [line for line in settings.unsafe if line.startswith(f"{prefix.rstrip('.')}")],
    }


def released() -> str:
    """The version that runs; `unknown` where the package is not installed, as in a plain checkout."""
    try:
        return version("outrigger-proxy")
    except PackageNotFoundError:
        return "unknown"
