"""Whose turn it is: events are claimed, and each claim ends as delivered, due again or dead.

The one thing a reader would get wrong: `held` is noted when a claim meets an event that has to wait for another one of
its order key, not when the event comes. It takes the event out of the index of due ones, so that a claim looks at it
once and not each time; whatever ends the other's turn lets the oldest of the key back in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from proxy.edges.inbox_rows import COLUMNS, plain, shown, stored
from proxy.edges.inbox_tables import UNDELIVERED, Database, Work, marks
from proxy.webhooks.inbox import State, Stored

CLOCK_SLACK = 5.0  # seconds that the wall clock may be behind before it counts as set back
_CHUNK = 500  # due events that a claim looks at in one go …
_ROUNDS = 4  # … and how often at most; the next claim goes on behind those
_BACK = "CASE pull WHEN 1 THEN 'waiting' ELSE 'pending' END"
_WHEN = "CASE pull WHEN 1 THEN NULL ELSE ? END"

_OLDER = f"""CASE WHEN order_key IS NULL THEN 0 WHEN EXISTS (SELECT 1 FROM events AS other WHERE
  other.webhook = one.webhook AND other.order_key = one.order_key AND other.{UNDELIVERED} AND other.seq < one.seq)
  THEN 1 ELSE 0 END"""  # noqa: S608 - constants
_DUE = f"""SELECT seq, order_key, {_OLDER} FROM events AS one WHERE webhook = ? AND state = 'pending' AND held = 0
  AND next_at <= ? ORDER BY next_at, seq LIMIT ?"""  # noqa: S608 - constants
_WAITING = f"""SELECT seq, order_key, {_OLDER} FROM events AS one WHERE webhook = ? AND state = 'waiting' AND held = 0
  ORDER BY seq LIMIT ?"""  # noqa: S608 - constants
_BUSY = "SELECT order_key FROM events WHERE webhook = ? AND state = 'claimed' AND order_key IS NOT NULL"
_HOLD = "UPDATE events SET held = 1 WHERE seq IN ({})"
_FREE = f"""UPDATE events SET held = 0 WHERE held = 1 AND seq = (
  SELECT min(seq) FROM events WHERE webhook = ? AND order_key = ? AND {UNDELIVERED})"""  # noqa: S608 - constants
_TAKE = "UPDATE events SET state = 'claimed', claimed_until = ?, set_at = ? WHERE seq IN ({})"
_TAKEN = f"SELECT {COLUMNS}, body, seq FROM events WHERE seq IN ({{}})"  # noqa: S608 - constants
_LAPSED = "SELECT seq FROM events WHERE webhook = ? AND state = 'claimed' AND claimed_until <= ?"
_LAPSE = f"UPDATE events SET state = {_BACK}, claimed_until = NULL WHERE seq IN ({{}}) RETURNING webhook, order_key"  # noqa: S608 - constants
_START = f"""UPDATE events SET state = CASE state WHEN 'claimed' THEN {_BACK} ELSE state END,
  claimed_until = NULL, held = 0 WHERE state = 'claimed' OR held = 1"""  # noqa: S608 - constants
_REWIND = (
    """UPDATE events SET next_at = next_at - (set_at - ?), set_at = ?
  WHERE webhook = ? AND state = 'pending' AND set_at > ?""",
    f"""UPDATE events SET claimed_until = claimed_until - (set_at - ?), set_at = ?, next_at = {_WHEN}
  WHERE webhook = ? AND state = 'claimed' AND set_at > ?""",  # noqa: S608 - constants
)

_ENDED = f" WHERE id = ? AND {UNDELIVERED} RETURNING webhook, pull, order_key"
_FINISH = f"""UPDATE events SET state = 'delivered', held = 0, attempts = attempts + 1, last_status = ?,
  last_error = NULL, done_at = ?, next_at = NULL, claimed_until = NULL{_ENDED}"""  # noqa: S608 - constants
_AGAIN = f"UPDATE events SET state = {_BACK}, claimed_until = NULL, set_at = ?, next_at = {_WHEN}, last_error = ?"  # noqa: S608 - constants
_DIE = "UPDATE events SET state = 'dead', held = 0, claimed_until = NULL, done_at = ?, next_at = NULL, last_error = ?"
_ATTEMPT = ", attempts = attempts + 1, last_status = ?"
_REVIVE = f"""UPDATE events SET state = {_BACK}, next_at = {_WHEN}, done_at = NULL, set_at = ?
  WHERE id = ? AND state <> 'claimed'"""  # noqa: S608 - constants

_WRONG = """SELECT seq FROM events WHERE webhook = ? AND state IN (?, 'claimed') AND pull = ? ORDER BY seq LIMIT ?"""
_ROUTE = """UPDATE events SET pull = ?, held = 0, state = CASE state WHEN ? THEN ? ELSE state END, next_at = ?,
  set_at = ? WHERE seq IN ({})"""


class Due(NamedTuple):
    """What a claim asks for. `pull`: of those that wait to be pulled."""

    webhook: str
    limit: int
    wall: float
    until: float
    pull: bool = False


class Route(NamedTuple):
    """Which way events of a webhook go from now on. `pull`: they wait to be pulled."""

    webhook: str
    pull: bool
    wall: float
    limit: int


class Miss(NamedTuple):
    """How an attempt ended. `counts`: it reached the application. `next_at` None: it was the last one."""

    id: str
    wall: float
    next_at: float | None
    error: str
    status: int | None = None
    counts: bool = True


def claim(work: Work, due: Due) -> list[Stored]:
    """Holds due events, the longest due first."""
    database = work.database
    database.lock_order()
    lapse(work, due.webhook, due.wall)
    chosen = _choose(database, due)
    if not chosen:
        return []
    database.run(_TAKE.format(marks(chosen)), (due.until, due.wall, *chosen))
    rows = {row[-1]: row for row in database.rows(_TAKEN.format(marks(chosen)), chosen)}
    return [stored(rows[seq], rows[seq][-2]) for seq in chosen]


def _choose(database: Database, due: Due) -> list[int]:
    busy = {key for (key,) in database.rows(_BUSY, (due.webhook,))}
    chosen: list[int] = []
    for turn in range(_ROUNDS):
        most = _CHUNK if turn else due.limit
        found = _candidates(database, due, most)
        held = [seq for seq, key, older in found if older or key in busy]
        free = [seq for seq, key, older in found if not older and key not in busy and seq not in chosen]
        chosen += free[: due.limit - len(chosen)]
        if held:
            database.run(_HOLD.format(marks(held)), held)
        if len(found) < most or len(chosen) >= due.limit:
            break
    return chosen


def _candidates(database: Database, due: Due, most: int) -> list[tuple[int, str | None, int]]:
    """Place, order key, and whether an older event of that key is undelivered."""
    if due.pull:
        rows = database.rows(_WAITING + database.skip, (due.webhook, most))
    else:
        rows = database.rows(_DUE + database.skip, (due.webhook, due.wall, most))
    return [(seq, key, older) for seq, key, older in rows]


def lapse(work: Work, webhook: str, wall: float) -> None:
    """Gives back what was claimed until now or before."""
    lapsed = [seq for (seq,) in work.database.rows(_LAPSED + work.database.skip, (webhook, wall))]
    if lapsed:
        for _, order_key in work.database.rows(_LAPSE.format(marks(lapsed)), lapsed):
            _free(work, webhook, order_key)


def start_anew(database: Database) -> None:
    """Gives back all that is claimed: whoever claimed it is gone."""
    database.run(_START)


def rewind(work: Work, webhook: str, wall: float) -> None:
    """Moves what was reckoned by a clock that has been set back since: it keeps its wait, not its point in time."""
    late = wall + CLOCK_SLACK
    work.database.run(_REWIND[0], (wall, wall, webhook, late))
    work.database.run(_REWIND[1], (wall, wall, wall, webhook, late))


def finish(work: Work, id: str, wall: float, status: int | None) -> bool:
    """The event is delivered."""
    work.database.lock_order()
    return _ended(work, work.database.rows(_FINISH, (status, wall, id)), "delivered")


def miss(work: Work, how: Miss) -> None:
    """The event is due again, or dead."""
    work.database.lock_order()
    dead = how.next_at is None
    times = (how.wall,) if dead else (how.wall, how.next_at)
    status = (how.status,) if how.counts else ()
    sql = f"{_DIE if dead else _AGAIN}{_ATTEMPT if how.counts else ''}{_ENDED}"
    _ended(work, work.database.rows(sql, (*times, plain(how.error), *status, how.id)), "dead" if dead else None)


def _ended(work: Work, rows: list[tuple[Any, ...]], state: State | None) -> bool:
    for webhook, pull, order_key in rows:
        if state is not None:
            work.moved(webhook, "waiting" if pull else "pending", state)
        _free(work, webhook, order_key)
    return bool(rows)


def _free(work: Work, webhook: str, order_key: str | None) -> None:
    if order_key is not None:
        work.database.run(_FREE, (webhook, order_key))


def route(work: Work, how: Route) -> int:
    """Undelivered events that wait for the other way go this one; one in flight does so when it comes back."""
    database, pull = work.database, int(how.pull)
    database.lock_order()
    old: State = "pending" if pull else "waiting"
    new: State = "waiting" if pull else "pending"
    wrong = database.rows(_WRONG + database.skip, (how.webhook, old, 1 - pull, how.limit))
    if wrong:
        seqs = [seq for (seq,) in wrong]
        next_at = None if pull else how.wall
        database.run(_ROUTE.format(marks(seqs)), (pull, old, new, next_at, how.wall, *seqs))
        for _ in seqs:
            work.moved(how.webhook, old, new)
    return len(wrong)


def redeliver(work: Work, id: str, wall: float) -> bool:
    """The event is due now; one that is being delivered is left alone."""
    work.database.lock_order()
    found = work.database.rows("SELECT webhook, state, pull FROM events WHERE id = ?", (id,))
    if not found:
        return False
    webhook, state, pull = found[0]
    if work.database.run(_REVIVE, (wall, wall, id)):
        work.moved(webhook, shown(state, pull=bool(pull)), "waiting" if pull else "pending")
    return True
