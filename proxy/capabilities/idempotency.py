"""What was answered under which idempotency key, for a day: nothing is done twice, and a repeat gets the same answer.

The one thing a reader would get wrong: a key whose outcome is not known is neither free nor done. Where the provider
knows keys, the same request may be sent again under the same one; where it does not, nobody sends it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

KEPT = 86_400.0  # seconds
MOST = 50_000  # keys; the oldest that are done go


class Place(Enum):
    """Where a request under a key is. UNKNOWN: it was sent and nobody knows what came of it."""

    RUNNING = "running"
    DONE = "done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """`digest`: of the request. `until`: when it is forgotten. `status`, `body`: the answer, once there is one.

    `cause`: the code that a lost call ended with, "" while nothing is lost.
    """

    place: Place
    digest: str
    until: float
    status: int = 0
    body: bytes = b""
    cause: str = ""


class Keys:
    """Entries by capability and key. `now`: monotonic seconds."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._entries: dict[str, Entry] = {}

    def find(self, key: str, now: float) -> Entry | None:
        """What is known of a key; None: nothing."""
        entry = self._entries.get(key)
        if entry is not None and entry.place is not Place.RUNNING and entry.until <= now:
            del self._entries[key]
            return None
        return entry

    def begin(self, key: str, digest: str, now: float) -> None:
        """The request is on its way from now on."""
        self._put(key, Entry(Place.RUNNING, digest, now + KEPT))
        self._make_room(now)

    def finish(self, key: str, status: int, body: bytes, now: float) -> None:
        """A final answer, which every repeat will get."""
        self._put(key, Entry(Place.DONE, self._entries[key].digest, now + KEPT, status, body))

    def lose(self, key: str, cause: str, now: float) -> None:
        """It was sent, and what came of it is not known."""
        self._put(key, Entry(Place.UNKNOWN, self._entries[key].digest, now + KEPT, cause=cause))

    def forget(self, key: str) -> None:
        """Nothing was done: the key is free again."""
        self._entries.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)

    def _put(self, key: str, entry: Entry) -> None:
        self._entries.pop(key, None)  # to the end of the line
        self._entries[key] = entry

    def _make_room(self, now: float) -> None:
        """What runs stays, and what is not known stays its day; there are never more of these than calls were made."""
        while len(self._entries) > self._most and (key := self._oldest(now)) is not None:
            del self._entries[key]

    def _oldest(self, now: float) -> str | None:
        def may_go(entry: Entry) -> bool:
            return entry.place is Place.DONE or (entry.place is Place.UNKNOWN and entry.until <= now)

        return next((key for key, entry in self._entries.items() if may_go(entry)), None)
