"""`check` and `explain`: what is wrong with a configuration, what is in force, and where each value came from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proxy.config.complaints import Complaint, ConfigurationError, near
from proxy.config.display import Row, rows
from proxy.config.load import load
from proxy.config.schema import Settings


def check(path: Path, *, json_output: bool = False) -> int:
    """Prints everything that is wrong, or a summary and what is unsafe. Returns 0, or 2 where anything is wrong."""
    try:
        settings = load(path, os.environ)
        complaints = list(settings.doubts)
    except ConfigurationError as error:
        settings, complaints = None, error.complaints
    if json_output:
        print(json.dumps(_as_json(path, settings, complaints), indent=2))
    else:
        print("\n".join(_as_text(path, settings, complaints)))
    return 2 if complaints else 0


def explain(path: Path, what: str, *, json_output: bool = False) -> int:
    """Prints the settings of an upstream or behind a key, and where each came from. Returns 2 where there is none."""
    try:
        settings = load(path, os.environ)
    except ConfigurationError as error:
        print("\n".join(map(str, error.complaints)))
        return 2
    everything = rows(settings)
    found = _about(what, everything, settings)
    if not found:
        sections = dict.fromkeys(row.key.partition(".")[0] for row in everything)
        names = [*settings.upstreams, *sections, *(row.key for row in everything)]
        meant = near(what, [*names, *(row.key.partition(".")[2].partition(".")[2] for row in everything)])
        print(f"nothing here is called {what}" + (f"; did you mean {meant}?" if meant else ""))
        return 2
    if json_output:
        print(json.dumps([{"key": row.key, "value": row.value, "from": row.origin} for row in found], indent=2))
    else:
        print("\n".join(_table(found)))
    return 0


def _about(what: str, everything: Iterable[Row], settings: Settings) -> list[Row]:
    """The rows of an upstream, of a key with all below it, or of a key's last words in any section."""
    key = f"upstreams.{what}" if what in settings.upstreams else what
    exact = [row for row in everything if row.key == key or row.key.startswith((f"{key}.", f"{key}["))]
    return exact or [row for row in everything if row.key.endswith(f".{what}") or f".{what}." in row.key]


def _table(found: list[Row]) -> list[str]:
    width = min(60, max(len(row.key) for row in found))
    return [f"{row.key:<{width}}  {_one_line(row.value)}  # {row.origin}" for row in found]


def _one_line(value: str) -> str:
    return value if value.isprintable() and value else repr(value)


def _as_text(path: Path, settings: Settings | None, complaints: list[Complaint]) -> list[str]:
    if settings is None or complaints:
        count = f"{len(complaints)} error" + ("" if len(complaints) == 1 else "s")
        return [*map(str, complaints), f"{path}: {count}"]
    upstreams = [f"{name} ({one.mode})" for name, one in settings.upstreams.items()]
    webhooks = [f"{name} ({one.path})" for name, one in settings.webhooks.items()]
    return [
        f"{path}: no errors",
        f"upstreams: {', '.join(upstreams) or 'none'}",
        f"webhooks: {', '.join(webhooks) or 'none'}",
        f"secrets: {', '.join(settings.secrets) or 'none'}",
        *(f"warning: {line}" for line in settings.unsafe),
        *(f"note: {line}" for line in settings.notes),
    ]


def _as_json(path: Path, settings: Settings | None, complaints: list[Complaint]) -> dict[str, Any]:
    return {
        "file": str(path),
        "ok": not complaints,
        "errors": [complaint._asdict() for complaint in complaints],
        "unsafe": list(settings.unsafe) if settings else [],
        "notes": list(settings.notes) if settings else [],
        "upstreams": {name: one.mode for name, one in settings.upstreams.items()} if settings else {},
        "webhooks": {name: one.path for name, one in settings.webhooks.items()} if settings else {},
        "secrets": list(settings.secrets) if settings else [],
    }
