"""Which signing secrets of a webhook can go: the old one of two, once senders have used the new one for a day.

The one thing a reader would get wrong: a secret that nothing was signed with is not spare for that. Only where a newer
one has proved something in the same time is it the sender's choice, and not his silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxy.units import Seconds

LONG_ENOUGH: Seconds = 86_400.0  # without a match; webhooks.md §2.3

Place = tuple[str, str]  # a webhook's name and a secret's


@dataclass(slots=True)
class _Use:
    value: object
    matches: float
    since: float  # when it was first looked at, or was last seen to have matched more
    matched: bool = False


class Rotation:
    """Remembers, look by look, when each secret last proved a request. `now`: monotonic seconds.

    Nothing is known of the time before the first look, nor of a secret before it had the value that it has.
    """

    def __init__(self) -> None:
        self._uses: dict[Place, _Use] = {}

    def look(self, seen: Mapping[Place, tuple[object, float]], now: float) -> None:
        """`seen`: each secret of each webhook, as the very object that holds its value, and its matches so far."""
        for place in self._uses.keys() - seen.keys():
            del self._uses[place]
        for place, (value, matches) in seen.items():
            use = self._uses.get(place)
            if use is None or use.value is not value:
                self._uses[place] = _Use(value, matches, now)
            elif use.matches != matches:
                use.matches, use.since, use.matched = matches, now, True

    def forget(self, webhook: str) -> None:
        """Its senders prove themselves in another way from now on: what they signed before says nothing of that."""
        for place in [place for place in self._uses if place[0] == webhook]:
            del self._uses[place]

    def spare(self, webhook: str, secrets: Sequence[str], now: float) -> list[str]:
        """Those of `secrets`, the newest first, that have had no match for a day in which a newer one had."""
        found, newer = [], False
        for name in secrets:
            use = self._uses.get((webhook, name))
            if use is None:
                continue
            idle = now - use.since >= LONG_ENOUGH
            if newer and idle:
                found.append(name)
            newer = newer or (use.matched and not idle)
        return found
