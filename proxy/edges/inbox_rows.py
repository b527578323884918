"""Events as rows of either store, and back.

The one thing a reader would get wrong: text that a stranger chose may hold a NUL or half of a surrogate pair, which
PostgreSQL and SQLite would refuse, and a key may be longer than an index takes. `plain()` and `short()` see to it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, cast

from proxy.model import Headers
from proxy.webhooks.inbox import Arrival, State, Stored

LONGEST_KEY = 200  # characters of a key that is looked up; a longer one is replaced by its digest
COLUMNS = (
    "id, webhook, event_id, type, method, query, headers, key_name, received_at, order_key, pull, "
    "state, attempts, next_at, last_status, last_error, done_at"
)
NEW = (
    "id, webhook, event_id, type, method, query, headers, key_name, received_at, order_key, pull, "
    "state, next_at, set_at, body"
)
_ODD = re.compile("[\\\\\0\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")


def row_of(arrival: Arrival) -> tuple[object, ...]:
    """The values of `NEW`."""
    return (
        arrival.id,
        arrival.webhook,
        plain(arrival.event_id),
        plain(arrival.type),
        plain(arrival.method),
        arrival.query,
        _packed(arrival.headers),
        arrival.key_name,
        arrival.received_at,
        short(arrival.order_key),
        int(arrival.state == "waiting"),
        arrival.state,
        arrival.next_at,
        arrival.received_at,
        arrival.body,
    )


def stored(row: Sequence[Any], body: bytes = b"") -> Stored:
    """The event of a row of `COLUMNS`. What `seen` and `nonces` keep does not come back with it."""
    pull, next_at = bool(row[10]), row[13]
    arrival = Arrival(
        id=row[0],
        webhook=row[1],
        event_id=_original(row[2]),
        type=None if row[3] is None else _original(row[3]),
        method=_original(row[4]),
        query=row[5],
        headers=_unpacked(row[6]),
        body=body,
        key_name=row[7],
        received_at=row[8],
        state="waiting" if pull else "pending",
        next_at=next_at,
        order_key=None if row[9] is None else _original(row[9]),
    )
    return Stored(
        arrival=arrival,
        state=shown(row[11], pull=pull),
        attempts=row[12],
        next_at=next_at,
        last_status=row[14],
        last_error=None if row[15] is None else _original(row[15]),
        done_at=row[16],
    )


def shown(state: str, *, pull: bool) -> State:
    """The state as the API says it: what is claimed keeps its word."""
    if state == "claimed":
        return "waiting" if pull else "pending"
    return cast("State", state)


def plain(text: str | None) -> str | None:
    """The text as both stores take it; usually the text itself."""
    if text is None or (text.isascii() and "\\" not in text and "\0" not in text):
        return text
    return _ODD.sub(lambda odd: f"\\u{ord(odd[0]):04x}", text)


def short(key: str | None) -> str | None:
    """A key as it is looked up."""
    if key is None or len(key) <= LONGEST_KEY:
        return plain(key)
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _original(text: str) -> str:
    return _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text) if "\\" in text else text


def _packed(headers: Headers) -> bytes:
    """Names and values on a line each; as JSON behind an empty line, should one hold a line's end after all."""
    packed = b"\n".join(chain.from_iterable(headers))
    if packed.count(b"\n") == max(0, 2 * len(headers) - 1) and not packed.startswith(b"\n"):
        return packed
    return b"\n" + json.dumps([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]).encode()


def _unpacked(packed: bytes) -> Headers:
    if not packed.startswith(b"\n"):
        fields = packed.split(b"\n") if packed else []
        return tuple(zip(fields[::2], fields[1::2], strict=True))
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in json.loads(packed))
