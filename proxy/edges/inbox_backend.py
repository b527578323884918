"""What a store has to offer, that a worker's thread can use it, and what that thread tells.

The one thing a reader would get wrong: a fault is not always everybody's. A row that the store does not take is its
sender's alone, and so is a disk that is too full for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from proxy.edges.inbox_tables import Change, Database


class Fault(Exception):
    """Something is wrong with the store. `everywhere`: whatever else was asked would fail as well.

    `lasting`: no waiting can put it right. `reopen`: the connection is of no use any more. The text is for people.
    """

    def __init__(self, reason: str, *, everywhere: bool = True, lasting: bool = False, reopen: bool = True) -> None:
        super().__init__(reason)
        self.everywhere, self.lasting, self.reopen = everywhere, lasting, reopen


class Connection(Database, Protocol):
    """A connection to a store."""

    def begin(self) -> None:
        """Begins a transaction."""

    def commit(self) -> None:
        """Returns when all is on disk."""

    def rollback(self) -> None:
        """Undoes all since `begin`."""

    def close(self) -> None:
        """Lets go."""

    def cut(self) -> None:
        """Ends, from another thread, what this one waits for."""


class Backend(Protocol):
    """One kind of store. What it raises is translated by `fault`."""

    def connect(self) -> Connection:
        """A new connection."""

    def fault(self, error: Exception) -> Fault | None:
        """What an exception says of the store; None: nothing, it is a bug of ours."""

    def full(self) -> Fault | None:
        """Why nothing more should be stored now."""


class Reports(NamedTuple):
    """Whom the thread tells, from within it, but `changed`: that is told in the loop. `failed` None: it works again."""

    connected: Callable[[Connection], None]
    changed: Callable[[Sequence[Change]], None]
    failed: Callable[[Fault | None], None]
