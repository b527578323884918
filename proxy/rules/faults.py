"""Faults that somebody asked for: which request is struck, and by what.

The one thing a reader would get wrong: each fault has dice of its own, and the first one that strikes is the only one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from proxy.rules.scope import first_match
from proxy.units import Ratio, Seconds

Dice = Callable[[], float]  # uniform in [0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSettings:
    """A delay before the attempt goes on, or before a `status` or a `reset` in the upstream's place."""

    match: str = "* /**"  # METHOD|* /path
    percent: Ratio = 1.0  # of the attempts that match
    delay: Seconds | None = None
    status: int | None = None  # an answer without a body
    headers: Mapping[str, str] = field(default_factory=dict)  # of that answer
    reset: bool = False  # the connection ends before the head

    def __str__(self) -> str:
        what = [] if self.delay is None else [f"delay: {self.delay:g}s"]
        what += [] if self.status is None else [f"status: {self.status}"]
        what += ["reset: true"] if self.reset else []
        return f"{{{', '.join([f'match: {self.match}', f'percent: {self.percent * 100:g}%', *what])}}}"


class Faults:
    """Made once from a list of faults. `until`: monotonic seconds at which they end by themselves."""

    def __init__(self, faults: Sequence[FaultSettings], until: float = math.inf) -> None:
        self.settings = tuple(faults)
        self._faults = [(fault, fault.match.encode(), first_match([fault.match])) for fault in faults]
        self.until = until

    def __bool__(self) -> bool:
        return bool(self._faults)

    def strike(self, method: str, place: bytes, now: float, dice: Dice) -> FaultSettings | None:
        """The fault that an attempt meets, None for most. `place`: the target as patterns name it."""
        if now >= self.until:
            return None
        for fault, entry, find in self._faults:
            if find(method, place) == entry and dice() < fault.percent:
                return fault
        return None
