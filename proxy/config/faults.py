"""Faults that an operator asks for while the program runs, read as the configuration's own are.

The one thing a reader would get wrong: JSON is YAML, so the same reader, types and words of complaint do for both.
"""

from __future__ import annotations

import json

from proxy.config import yaml12
from proxy.config.complaints import Complaints, ConfigurationError
from proxy.config.fill import BAD, Filling
from proxy.config.tree import Node, Source, deep, items
from proxy.config.upstream_checks import complain_of_fault
from proxy.rules.faults import FaultSettings
from proxy.units import duration

LONGEST = 86_400.0  # seconds; what is to last longer belongs into the file


def asked_for(faults: object, length: object) -> tuple[tuple[FaultSettings, ...], float]:
    """The faults, and for how many seconds. Raises `ConfigurationError` with everything that is wrong."""
    complaints = Complaints()
    source = Source("request", "request")
    text = json.dumps({"faults": faults, "for": length}, ensure_ascii=False)
    root = yaml12.read(text.encode("utf-8", "replace"), source, complaints)
    found = _faults(deep(root, "faults") or root, complaints)
    seconds = _seconds(length)
    if seconds is None:
        complaints.add(deep(root, "for") or root, "a duration from 1ms to 24h, such as 5m")
    if complaints or seconds is None:
        raise ConfigurationError(complaints.listed())
    return found, seconds


def _faults(node: Node, complaints: Complaints) -> tuple[FaultSettings, ...]:
    found = Filling(complaints).value(tuple[FaultSettings, ...], node, "faults")
    if found is BAD:
        return ()
    for fault, one in zip(found, items(node), strict=True):
        complain_of_fault(complaints, one, fault)
    return tuple(found)


def _seconds(length: object) -> float | None:
    try:
        seconds = duration(length)
    except ValueError:
        return None
    return seconds if 0.001 <= seconds <= LONGEST else None
