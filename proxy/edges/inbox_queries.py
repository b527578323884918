"""What people and programs ask of the inbox, and what is forgotten."""

from __future__ import annotations

from typing import Any

from proxy.edges.inbox_rows import COLUMNS, shown, stored
from proxy.edges.inbox_tables import Database, Work
from proxy.webhooks.inbox import Page, State, Stored

_GET = f"SELECT {COLUMNS}, body FROM events WHERE id = ?"  # noqa: S608 - constants
_LIST = f"SELECT seq, {COLUMNS} FROM events WHERE seq < ?"  # noqa: S608 - constants
_NEWEST = " ORDER BY seq DESC LIMIT ?"
_STATES: dict[State, tuple[str, ...]] = {
    "pending": ("state = 'pending'", "state = 'claimed' AND pull = 0"),
    "waiting": ("state = 'waiting'", "state = 'claimed' AND pull = 1"),
    "delivered": ("state = 'delivered'",),
    "dead": ("state = 'dead'",),
}
_END = 1 << 62
_PURGE = """DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE state = ? AND done_at IS NOT NULL
  AND done_at < ? ORDER BY done_at LIMIT ?) RETURNING webhook"""
_FORGET = (
    """DELETE FROM seen WHERE (webhook, event_id) IN (
  SELECT webhook, event_id FROM seen WHERE at < ? ORDER BY at LIMIT ?)""",
    "DELETE FROM nonces WHERE (webhook, nonce) IN (SELECT webhook, nonce FROM nonces WHERE at < ? ORDER BY at LIMIT ?)",
)


def purge(work: Work, ended_before: dict[State, float], seen_before: float, limit: int) -> int:
    """Deletes old events, then old keys."""
    gone = 0
    for state, before in ended_before.items():
        rows = work.database.rows(_PURGE, (state, before, limit - gone))
        work.changes += [(webhook, state, -1) for (webhook,) in rows]
        gone += len(rows)
    for sql in _FORGET:
        gone += work.database.run(sql, (seen_before, limit - gone))
    return gone


def next_due(database: Database, webhook: str) -> float | None:
    """The earliest point at which a claim could find something."""
    times = [
        *database.rows(
            "SELECT next_at FROM events WHERE webhook = ? AND state = 'pending' AND held = 0 ORDER BY next_at LIMIT 1",
            (webhook,),
        ),
        *database.rows(
            "SELECT min(claimed_until) FROM events WHERE webhook = ? AND state = 'claimed' AND pull = 0", (webhook,)
        ),
    ]
    return min((when for (when,) in times if when is not None), default=None)


def get(database: Database, id: str) -> Stored | None:
    """One event."""
    rows = database.rows(_GET, (id,))
    return stored(rows[0], rows[0][-1]) if rows else None


def page(database: Database, webhook: str | None, state: State | None, limit: int, after: str | None) -> Page:
    """Events, the newest first. `after`: a page's `next`; anything else ends the list."""
    if after is not None and not (after.isascii() and after.isdecimal() and len(after) < 19):
        return Page((), None)
    end = _END if after is None else int(after)
    rows: list[tuple[Any, ...]] = []
    if webhook is None and state is None:
        rows = database.rows(_LIST + _NEWEST, (end, limit + 1))
    else:
        names = _webhooks(database) if webhook is None else [webhook]
        wheres = _STATES[state] if state is not None else tuple(where for each in _STATES.values() for where in each)
        for name in names:
            for where in wheres:
                rows += database.rows(f"{_LIST} AND webhook = ? AND {where}{_NEWEST}", (end, name, limit + 1))
        rows.sort(key=lambda row: -row[0])
    more = len(rows) > limit
    rows = rows[:limit]
    return Page([stored(row[1:]) for row in rows], str(rows[-1][0]) if more and rows else None)


def _webhooks(database: Database) -> list[str]:
    """All that have events, by one step through the index each."""
    names: list[str] = []
    while found := database.rows("SELECT min(webhook) FROM events WHERE webhook > ?", (names[-1] if names else "",)):
        if found[0][0] is None:
            break
        names.append(found[0][0])
    return names


def counts(database: Database) -> dict[tuple[str, State], int]:
    """Events by webhook and state."""
    found: dict[tuple[str, State], int] = {}
    for webhook, state, many in database.rows(
        "SELECT webhook, state, count(*) FROM events WHERE state <> 'claimed' GROUP BY webhook, state"
    ):
        found[webhook, state] = many
    for webhook, pull, many in database.rows(
        "SELECT webhook, pull, count(*) FROM events WHERE state = 'claimed' GROUP BY webhook, pull"
    ):
        place = (webhook, shown("claimed", pull=bool(pull)))
        found[place] = found.get(place, 0) + many
    return found


def oldest(database: Database) -> dict[str, float]:
    """When the oldest undelivered event of each webhook came."""
    found: dict[str, float] = {}
    for webhook in _webhooks(database):
        first = [
            database.rows("SELECT min(seq) FROM events WHERE webhook = ? AND state = ?", (webhook, state))[0][0]
            for state in ("pending", "waiting", "claimed")
        ]
        seq = min((one for one in first if one is not None), default=None)
        if seq is not None:
            found[webhook] = database.rows("SELECT received_at FROM events WHERE seq = ?", (seq,))[0][0]
    return found
