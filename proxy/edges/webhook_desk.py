"""Inbox and refused requests as the admin listener shows them, and what may be done with an event there.

The one thing a reader would get wrong: what is shown is redacted; what is pulled is the event as it came.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from proxy.edges.admin_words import No, query_of
from proxy.edges.metrics import Gauge
from proxy.model import Headers
from proxy.rules.proofs import Proofs
from proxy.rules.redaction import Redactor
from proxy.units import duration
from proxy.webhooks.inbox import STATES, UNDELIVERED, Arrival, Stored
from proxy.webhooks.keeping import Keeping
from proxy.webhooks.refused import MOST, RefusedRequest, RefusedRequests

LIMIT, MOST_EVENTS = 100, 1000  # of one page
PULLED, MOST_PULLED = 10, 100  # events
LEASE, LEAST_LEASE, MOST_LEASE = 60.0, 1.0, 12 * 3600.0  # seconds
_NUMBER = re.compile(r"[0-9]{1,9}")
_UNIX = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")

Shown = dict[str, Any]
Why = Callable[[str, float | None], Shown | None]  # webhook, Unix seconds; None: nothing was refused for its signature


class WebhookDesk:
    """What can be asked and done. Raises `No`, and `InboxUnavailable` where the store says nothing.

    `webhooks`: their names now, each with whether it delivers. `wake`: tells the delivery that an event is due.
    `why`: says why a webhook's last refused request failed.
    """

    def __init__(
        self,
        keeping: Keeping,
        refused: RefusedRequests,
        redactor: Redactor,
        wall: Callable[[], float],
        wake: Callable[[str], None],
        why: Why,
    ) -> None:
        self.names: Mapping[str, bool] = {}
        self.proofs = Proofs({})
        self.spare: Callable[[str], list[str]] = lambda _: []  # a webhook's secrets that nobody signs with any more
        self._keeping = keeping
        self._refused = refused
        self._redactor = redactor
        self._wall = wall
        self._wake = wake
        self._why = why

    async def look(self) -> None:
        """Counts anew, for `gauges()`."""
        await self._keeping.look(force=True)

    def gauges(self) -> list[Gauge]:
        """The inbox in numbers, as of the last look."""
        counts, oldest = self._keeping.stats
        found = []
        for name, delivers in self.names.items():
            found += [
                Gauge("webhook_inbox_events", (name, state), float(counts.get((name, state), 0))) for state in STATES
            ]
            waits = [state for state in UNDELIVERED if counts.get((name, state))] or [UNDELIVERED[not delivers]]
            age = max(0.0, self._wall() - oldest[name]) if name in oldest else 0.0
            found.append(Gauge("webhook_oldest_undelivered_seconds", (name, waits[0]), age))
        return found

    async def webhooks(self) -> Shown:
        """Each webhook with its counts."""
        counts, oldest = await self._keeping.look()
        return {
            "webhooks": [
                {
                    "name": name,
                    "delivers": delivers,
                    "events": {state: counts.get((name, state), 0) for state in STATES},
                    "oldest_undelivered": _time(oldest.get(name)),
                    "refused": len(self._refused.last(name)),
                    "spare_secrets": self.spare(name),
                }
                for name, delivers in self.names.items()
            ]
        }

    async def events(self, target: bytes) -> Shown:
        """A page, newest first."""
        given = query_of(target, frozenset({"webhook", "state", "limit", "after"}))
        state = next((one for one in STATES if one == given.get("state")), None)
        if "state" in given and state is None:
            raise No(400, "bad_request", f"state is one of {', '.join(STATES)}.")
        limit = _limit(given, LIMIT, MOST_EVENTS)
        page = await self._keeping.inbox.list(given.get("webhook"), state, limit, given.get("after"))
        return {"events": [_row(one) for one in page.events], "next": page.next}

    async def event(self, id: str) -> Shown:
        """One event and the request that it came as; what is secret in it is not shown."""
        stored = await self._existing(id)
        arrival = stored.arrival
        shown = replace(arrival, query=None if arrival.query is None else self._query(arrival.webhook, arrival.query))
        request = _request(shown, self._headers(arrival.headers), self._body(arrival.webhook, arrival.body))
        more = {"last_error": stored.last_error, "done_at": _time(stored.done_at), "key": arrival.key_name}
        return {**_row(stored), **more, "request": request}

    async def redeliver(self, id: str) -> Shown:
        """Makes it due at once."""
        if not await self._keeping.inbox.redeliver(id, self._wall()):
            raise _unknown()
        stored = await self._existing(id)
        name = stored.arrival.webhook
        delivers = self.names.get(name)
        if delivers is not None and delivers is not (stored.state == "pending"):  # it came when the other way was set
            await self._keeping.inbox.route(name, pull=not delivers, wall=self._wall(), limit=MOST_EVENTS)
            stored = await self._existing(id)
        self._wake(name)
        return _row(stored)

    async def pull(self, wanted: Mapping[str, object]) -> Shown:
        """Events under a lease, oldest first, each with the request as it came."""
        if not wanted.keys() <= {"webhook", "max", "lease"}:
            raise No(400, "bad_request", 'The body is {"webhook": …, "max": 10, "lease": "60s"}.')
        webhook, most = wanted.get("webhook"), wanted.get("max", PULLED)
        if not isinstance(webhook, str):
            raise No(400, "bad_request", "webhook is the name of one.")
        if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= MOST_PULLED:
            raise No(400, "bad_request", f"max is a whole number from 1 to {MOST_PULLED}.")
        lease = _lease(wanted.get("lease", LEASE))
        if webhook not in self.names:
            raise No(404, "unknown_webhook", "There is no webhook of that name.")
        wall = self._wall()
        leased = await self._keeping.inbox.lease(webhook, most, wall, wall + lease)
        return {"events": [_pulled(one) for one in leased], "lease_until": _time(wall + lease)}

    async def ack(self, id: str) -> None:
        """Ends an event that was pulled; once more does no harm."""
        stored = await self._existing(id)
        if stored.state == "delivered":
            return
        if stored.state != "waiting":
            raise No(409, "not_waiting", f"The event is {stored.state}; only one that is pulled can be acknowledged.")
        await self._keeping.inbox.finish(id, self._wall(), None)

    def refused(self, target: bytes) -> Shown:
        """The last refused requests, newest first, with the reason that no sender is told."""
        given = query_of(target, frozenset({"webhook", "limit"}))
        last = self._refused.last(given.get("webhook"), _limit(given, MOST, MOST_EVENTS))
        return {"refused": [self._refusal(one) for one in last]}

    async def verify(self, target: bytes) -> Shown:
        """Why the last refused request of a webhook failed; nothing of the request is shown, nor any secret."""
        given = query_of(target, frozenset({"webhook", "at"}))
        webhook, at = given.get("webhook", ""), given.get("at")
        if webhook not in self.names:
            raise No(404, "unknown_webhook", "There is no webhook of that name.")
        if at is not None and not _UNIX.fullmatch(at):
            raise No(400, "bad_request", "at is Unix seconds.")
        # seconds of CPU for a large body that nothing explains: calls must not wait for that
        found = await asyncio.to_thread(self._why, webhook, None if at is None else float(at))
        if found is None:
            raise No(404, "not_found", "No request was refused for its signature since the program started.")
        return found

    def _refusal(self, one: RefusedRequest) -> Shown:
        return {
            "id": one.id,
            "webhook": one.webhook,
            "at": _time(one.at),
            "outcome": one.outcome,
            "status": one.status,
            "reason": one.detail,
            "request": {
                "method": one.method,
                "target": self._target(one).decode("latin-1"),
                "headers": _pairs(self._headers(one.headers)),
                "body": _body(self._body(one.webhook, one.body)),
                "truncated": not one.whole,
            },
        }

    async def _existing(self, id: str) -> Stored:
        stored = await self._keeping.inbox.get(id)
        if stored is None:
            raise _unknown()
        return stored

    def _headers(self, headers: Headers) -> Headers:
        return self._redactor.headers(self.proofs.headers(headers))

    def _target(self, one: RefusedRequest) -> bytes:
        path, mark, query = one.target.partition(b"?")
        return self._redactor.target(path + mark + self.proofs.query(one.webhook, query))

    def _query(self, webhook: str, query: bytes) -> bytes:
        return self._redactor.target(b"?" + self.proofs.query(webhook, query))[1:]

    def _body(self, webhook: str, body: bytes) -> bytes:
        """A body less its proof and the values of our own secrets; the rest is what somebody wants to see here."""
        text = self.proofs.body(webhook, body).decode("utf-8", "surrogateescape")
        return self._redactor.text(text).encode("utf-8", "surrogateescape")


def desk_of(desk: WebhookDesk | None) -> WebhookDesk:
    """Raises `No` where no webhook is configured."""
    if desk is None:
        raise No(404, "unknown_webhook", "No webhook is configured.")
    return desk


def _unknown() -> No:
    return No(404, "not_found", "No event with that id is in the inbox.")


def _limit(given: Mapping[str, str], usual: int, most: int) -> int:
    limit = given.get("limit", str(usual))
    if not _NUMBER.fullmatch(limit) or not 1 <= int(limit) <= most:
        raise No(400, "bad_request", f"limit is a whole number from 1 to {most}.")
    return int(limit)


def _lease(value: object) -> float:
    try:
        lease = duration(value)
    except ValueError as error:
        raise No(400, "bad_request", f"lease is {error}.") from None
    if not LEAST_LEASE <= lease <= MOST_LEASE:
        raise No(400, "bad_request", "lease is from 1s to 12h.")
    return lease


def _row(stored: Stored) -> Shown:
    arrival = stored.arrival
    return {
        "id": arrival.id,
        "webhook": arrival.webhook,
        "event_id": arrival.event_id,
        "type": arrival.type,
        "state": stored.state,
        "attempts": stored.attempts,
        "received_at": _time(arrival.received_at),
        "next_at": _time(stored.next_at),
        "last_status": stored.last_status,
    }


def _pulled(stored: Stored) -> Shown:
    arrival = stored.arrival
    return {**_row(stored), "request": _request(arrival, arrival.headers, arrival.body)}


def _request(arrival: Arrival, headers: Headers, body: bytes) -> Shown:
    return {
        "method": arrival.method,
        "query": None if arrival.query is None else arrival.query.decode("latin-1"),
        "headers": _pairs(headers),
        "body": _body(body),
    }


def _pairs(headers: Headers) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _body(content: bytes) -> str | dict[str, str]:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _time(wall: float | None) -> float | None:
    """Unix seconds, to the millisecond."""
    return None if wall is None else round(wall, 3)
