"""Reads the debug log, for the admin listener and, in another process, for the command line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST = 1000  # calls in one answer
COLUMNS = (
    "id",
    "upstream",
    "method",
    "target",
    "status",
    "code",
    "attempts",
    "started",
    "duration_ms",
    "upstream_request_id",
    "stopped",
)
_LIST = f"SELECT seq, {', '.join(COLUMNS)} FROM calls"  # noqa: S608 - from the table above


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which calls; None: any. `after`: the `next` of the page before. `hundred`: `status` 5 stands for 500 to 599."""

    upstream: str | None = None
    status: int | None = None
    hundred: bool = False
    code: str | None = None
    limit: int = 100
    after: int | None = None


class Unreadable(Exception):
    """There is no debug log at that place, or it cannot be read; the text says which, for people."""


class DebugReader:
    """Answers in the shapes of the admin API. Every call opens the file anew. Raises `Unreadable`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def requests(self, wanted: Wanted) -> dict[str, object]:
        """`{"requests": […], "next"}`, the newest first."""
        conditions: list[tuple[str, object]] = [
            ("upstream = ?", wanted.upstream),
            ("code = ?", wanted.code),
            ("seq < ?", wanted.after),
            ("status / 100 = ?" if wanted.hundred else "status = ?", wanted.status),
        ]
        given = [(condition, value) for condition, value in conditions if value is not None]
        where = "".join(f" AND {condition}" for condition, _ in given)
        values = [*(value for _, value in given), wanted.limit + 1]
        rows = self._rows(f"{_LIST} WHERE 1{where} ORDER BY seq DESC LIMIT ?", values)
        page = rows[: wanted.limit]
        return {"requests": [_call(row) for row in page], "next": str(page[-1][0]) if len(rows) > len(page) else None}

    def since(self, place: int | None, limit: int = MOST) -> tuple[int, list[dict[str, object]]]:
        """The calls that were kept after `place`, oldest first, and the new place; None: where the log ends now."""
        if place is None:
            last = self._rows("SELECT coalesce(max(seq), 0) FROM calls", ())
            return int(last[0][0]), []
        rows = self._rows(f"{_LIST} WHERE seq > ? ORDER BY seq LIMIT ?", (place, limit))
        return (rows[-1][0] if rows else place), [_call(row) for row in rows]

    def request(self, id: str) -> dict[str, object] | None:
        """One call with decisions and exchanges; of several with one id the newest; None: it is not there."""
        detailed = _LIST.replace(" FROM", ", detail FROM", 1)
        rows = self._rows(f"{detailed} WHERE id = ? ORDER BY seq DESC LIMIT 1", (id,))
        return {**_call(rows[0]), **json.loads(rows[0][-1])} if rows else None

    def _rows(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        if not self._path.is_file():
            raise Unreadable(f"{self._path}: there is no debug log; `debug_log.enabled` switches it on")
        try:
            with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=rw", uri=True, timeout=5)) as database:
                database.execute("PRAGMA query_only = ON")  # mode=ro could not open it while nobody writes
                return database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise Unreadable(f"{self._path}: the debug log cannot be read ({error.sqlite_errorname})") from None


def _call(row: Sequence[object]) -> dict[str, object]:
    return dict(zip(COLUMNS, row[1:], strict=False))
