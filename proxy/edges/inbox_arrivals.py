"""Events come in: what is new is stored, and what came before is told apart, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import cast

from proxy.edges.inbox_rows import NEW, row_of, short
from proxy.edges.inbox_tables import Database, Work
from proxy.webhooks.inbox import REMEMBERED, Arrival, Kept

_INSERT = f"INSERT INTO events ({NEW}) VALUES ({', '.join('?' * len(NEW.split(',')))})"  # noqa: S608 - constants
_NOTE_KEY = f"""INSERT INTO seen (webhook, event_id, id, at) VALUES (?, ?, ?, ?) ON CONFLICT (webhook, event_id)
  DO UPDATE SET id = excluded.id, at = excluded.at WHERE seen.at < excluded.at - {REMEMBERED}"""  # noqa: S608 - constants
_NOTE_NONCE = f"""INSERT INTO nonces (webhook, nonce, digest, at) VALUES (?, ?, ?, ?) ON CONFLICT (webhook, nonce)
  DO UPDATE SET digest = excluded.digest, at = excluded.at WHERE nonces.at < excluded.at - {REMEMBERED}"""  # noqa: S608 - constants
_KEY = "SELECT 1 FROM seen WHERE webhook = ? AND event_id = ? AND at >= ?"
_WHOSE = "SELECT id FROM seen WHERE webhook = ? AND event_id = ?"
_NONCE = "SELECT digest FROM nonces WHERE webhook = ? AND nonce = ? AND at >= ?"


def put(work: Work, arrivals: Sequence[Arrival]) -> list[Kept]:
    """Stores what is new of them."""
    found = remember(work, arrivals)
    new = [arrival for arrival, kept in zip(arrivals, found, strict=True) if kept is Kept.NEW]
    if new:
        work.database.insert(_INSERT, [row_of(arrival) for arrival in new])
        more = Counter((one.webhook, one.state) for one in new)
        work.changes += [(webhook, state, many) for (webhook, state), many in more.items()]
    return found


def remember(work: Work, arrivals: Sequence[Arrival]) -> list[Kept]:
    """Notes the nonces and keys that were not known, and says which were.

    A new nonce is noted for a repeat too: else somebody who caught it could spend it on another body.
    """
    found = [Kept.NEW] * len(arrivals)
    signed = [place for place, one in enumerate(arrivals) if one.nonce is not None]
    if signed:
        noted = work.database.many(_NOTE_NONCE, [_nonce(arrivals[place]) for place in signed])
        for place in (place for place, new in zip(signed, noted, strict=True) if not new):
            found[place] = _nonce_known(work.database, arrivals[place])
    keyed = [place for place, one in enumerate(arrivals) if one.dedupe_key is not None and found[place] is Kept.NEW]
    if keyed:
        fresh = work.database.insert(_NOTE_KEY, [_key(arrivals[place]) for place in keyed])
        if fresh < len(keyed):  # only then is it worth asking whose they are
            for place in keyed:
                found[place] = _kept_by_key(work.database, arrivals[place])
    return found


def _kept_by_key(database: Database, arrival: Arrival) -> Kept:
    noted_for = database.rows(_WHOSE, (arrival.webhook, short(arrival.dedupe_key)))
    return Kept.NEW if noted_for == [(arrival.id,)] else Kept.REPEAT


def seen(database: Database, arrival: Arrival) -> Kept:
    """What `remember` would say."""
    if arrival.nonce is not None:
        known = _nonce_known(database, arrival)
        if known is not Kept.NEW:
            return known
    if arrival.dedupe_key is None:
        return Kept.NEW
    webhook, key, _, at = _key(arrival)
    return Kept.REPEAT if database.rows(_KEY, (webhook, key, cast("float", at) - REMEMBERED)) else Kept.NEW


def _nonce_known(database: Database, arrival: Arrival) -> Kept:
    webhook, nonce, digest, at = _nonce(arrival)
    known = database.rows(_NONCE, (webhook, nonce, cast("float", at) - REMEMBERED))
    if not known:
        return Kept.NEW
    return Kept.REPEAT if known[0][0] == digest else Kept.REPLAYED


def _nonce(arrival: Arrival) -> tuple[object, ...]:
    return (arrival.webhook, short(arrival.nonce), arrival.digest, arrival.received_at)


def _key(arrival: Arrival) -> tuple[object, ...]:
    return (arrival.webhook, short(arrival.dedupe_key), arrival.id, arrival.received_at)
