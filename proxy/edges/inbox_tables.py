"""The tables of the inbox, and what a step of a transaction is given. One text of SQL serves both stores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from proxy.webhooks.inbox import State

VERSION = 1
TABLES = (
    """CREATE TABLE IF NOT EXISTS events (
  seq {seq}, id TEXT NOT NULL UNIQUE, webhook TEXT NOT NULL, event_id TEXT NOT NULL, type TEXT,
  method TEXT NOT NULL, query {bytes}, headers {bytes} NOT NULL, key_name TEXT, received_at {real} NOT NULL,
  order_key TEXT, pull INTEGER NOT NULL,
  state TEXT NOT NULL, held INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
  next_at {real}, claimed_until {real}, set_at {real} NOT NULL,
  last_status INTEGER, last_error TEXT, done_at {real}, body {bytes} NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS seen (
  webhook TEXT NOT NULL, event_id TEXT NOT NULL, id TEXT NOT NULL, at {real} NOT NULL,
  PRIMARY KEY (webhook, event_id)) {compact}""",
    """CREATE TABLE IF NOT EXISTS nonces (
  webhook TEXT NOT NULL, nonce TEXT NOT NULL, digest TEXT NOT NULL, at {real} NOT NULL,
  PRIMARY KEY (webhook, nonce)) {compact}""",
    "CREATE INDEX IF NOT EXISTS place ON events (webhook, state, seq)",
    "CREATE INDEX IF NOT EXISTS due ON events (webhook, next_at, seq) WHERE state = 'pending' AND held = 0",
    "CREATE INDEX IF NOT EXISTS pull ON events (webhook, seq) WHERE state = 'waiting' AND held = 0",
    "CREATE INDEX IF NOT EXISTS lapsing ON events (webhook, claimed_until) WHERE state = 'claimed'",
    """CREATE INDEX IF NOT EXISTS ordered ON events (webhook, order_key, seq)
  WHERE order_key IS NOT NULL AND state IN ('pending', 'waiting', 'claimed')""",
    "CREATE INDEX IF NOT EXISTS ended ON events (state, done_at) WHERE done_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS seen_at ON seen (at)",
    "CREATE INDEX IF NOT EXISTS nonces_at ON nonces (at)",
)
UNDELIVERED = "state IN ('pending', 'waiting', 'claimed')"


class Database(Protocol):
    """One transaction of a store. `?` stands for a value in both stores."""

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What the statement gives."""

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        """How many rows it changed."""

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> list[int]:
        """The same statement for each row of values: how many rows each changed."""

    def insert(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        """Inserts all rows by a statement that ends its `VALUES` with one row of marks: how many it changed."""

    def lock_order(self) -> None:
        """Until the transaction ends, nobody else claims events or ends their turn, if any has an order key."""

    def shrink(self) -> None:
        """Gives back some of the room of what was deleted."""

    @property
    def skip(self) -> str:
        """What makes a SELECT lock its rows and skip those that somebody else has locked."""


Change = tuple[str, State, int]  # webhook, state, how many more


@dataclass(slots=True)
class Work:
    """What a step is given: the transaction, and where it notes which counts it changed."""

    database: Database
    changes: list[Change] = field(default_factory=list)

    def moved(self, webhook: str, old: State, new: State) -> None:
        self.changes += [(webhook, old, -1), (webhook, new, 1)]


Step = Callable[[Work], object]


def marks(values: Sequence[object]) -> str:
    """A question mark for each value."""
    return ", ".join("?" * len(values))
