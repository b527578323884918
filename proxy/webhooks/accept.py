"""What becomes of a proven event, by `deliver.mode`: stored, or passed on while its sender waits.

The one thing a reader would get wrong: an event that the application was asked for is remembered after its 2xx and not
before, so that a call that failed may come again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from proxy.config.schema import WebhookAnswer, WebhookSettings
from proxy.events import Events
from proxy.model import Request, Response
from proxy.rules.event_keys import body_digest, dedupe_key, event_id, event_type, order_key
from proxy.rules.incoming import Incoming
from proxy.rules.locators import parse_locator
from proxy.rules.signatures import Naming
from proxy.webhooks.answers import RETRY_AFTER, Refused, answer, refuse, retry_after
from proxy.webhooks.forward import AppUnavailable
from proxy.webhooks.inbox import Arrival, InboxUnavailable, Kept
from proxy.webhooks.keeping import Keeping


class Proven(NamedTuple):
    """A request whose signature fits. `secret`: the name of the one that it fits; `wall`: Unix seconds of receipt.

    `nonce`: the signed value that names this one request, None where the scheme has none.
    """

    request: Request
    incoming: Incoming
    naming: Naming
    secret: str
    wall: float
    nonce: bytes | None


class Forwards(Protocol):
    """Asks the application, at once. Raises `AppUnavailable`."""

    async def __call__(self, arrival: Arrival, request: Request) -> Response: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Where events of one webhook go. `wake`: tells the delivery that something is due."""

    keeping: Keeping
    forward: Forwards | None  # None: events are stored, and no sender waits for the application
    wake: Callable[[], None]
    events: Events


class Acceptance:
    """One webhook's way of taking a proven event."""

    def __init__(self, settings: WebhookSettings, ways: Ways) -> None:
        deliver = settings.deliver
        self._name = settings.name
        self._dedupe = settings.dedupe
        self._order_by = None if deliver.order_by is None else parse_locator(deliver.order_by)
        self._pulled = deliver.url is None
        self._stores_at_last = deliver.mode == "sync_then_stored"
        self._answer = accepted(settings.answer)
        self._ways = ways

    async def __call__(self, proven: Proven) -> Response:
        """The answer. Raises `Refused`."""
        arrival = self._arrival(proven)
        try:
            if self._ways.forward is None:
                return await self._store(arrival)
            return await self._ask(self._ways.forward, arrival, proven.request)
        except InboxUnavailable as error:
            told = retry_after(self._ways.keeping.told_wait)
            raise Refused(503, "inbox_unavailable", str(error), (told,), arrival.key_name) from None

    async def _store(self, arrival: Arrival, why: str = "") -> Response:
        try:
            kept = await self._ways.keeping.put(arrival)
        finally:  # a sender that left does not take its event along
            self._ways.wake()
        if kept is not Kept.NEW:
            return self._again(kept, arrival)
        self._ended("accepted", arrival, why)
        return self._answer()

    async def _ask(self, forward: Forwards, arrival: Arrival, request: Request) -> Response:
        kept = await self._ways.keeping.seen(arrival)
        if kept is not Kept.NEW:
            return self._again(kept, arrival)
        try:
            response = await forward(arrival, request)
        except AppUnavailable as error:
            self._delivered("failed", arrival, str(error))
            if self._stores_at_last:
                return await self._store(arrival, f"the application could not be asked: {error}")
            raise Refused(503, "app_unavailable", str(error), (RETRY_AFTER,), arrival.key_name) from None
        try:
            await self._answered(arrival, response.status)
        except BaseException:
            response.close()
            raise
        return response

    async def _answered(self, arrival: Arrival, status: int) -> None:
        good = 200 <= status < 300
        self._delivered("delivered" if good else "failed", arrival, f"the application said {status}")
        self._ended("accepted", arrival, f"the application said {status}")
        if good:
            try:
                await self._ways.keeping.remember(arrival)
            except InboxUnavailable as error:  # it has been delivered: a repeat of it will be too
                self._ways.events.warned(f"webhooks.{self._name}: an event could not be remembered: {error}")

    def _again(self, kept: Kept, arrival: Arrival) -> Response:
        if kept is Kept.REPLAYED:
            refuse(401, "replayed", "its nonce came before, with another body", secret=arrival.key_name)
        self._ended("duplicate", arrival, "")
        return self._answer()

    def _arrival(self, proven: Proven) -> Arrival:
        incoming, naming = proven.incoming, proven.naming
        named = event_id(incoming, naming)
        nonce = proven.nonce
        return Arrival(
            id=proven.request.call.id,
            webhook=self._name,
            event_id=named,
            type=event_type(naming),
            method=incoming.method,
            query=incoming.query,
            headers=incoming.headers,
            body=incoming.body,
            key_name=proven.secret,
            received_at=proven.wall,
            state="waiting" if self._pulled else "pending",
            next_at=None if self._pulled else proven.wall,
            dedupe_key=dedupe_key(self._dedupe, incoming, named),
            nonce=None if nonce is None else nonce.decode("latin-1"),
            digest=body_digest(incoming.body) if nonce is not None else "",
            order_key=order_key(self._order_by, incoming),
        )

    def _ended(self, outcome: str, arrival: Arrival, detail: str) -> None:
        self._ways.events.webhook_ended(self._name, outcome, arrival.key_name, detail)

    def _delivered(self, outcome: str, arrival: Arrival, detail: str) -> None:
        self._ways.events.delivery_ended(self._name, outcome, event=arrival.id, attempt=1, detail=detail)


def accepted(words: WebhookAnswer) -> Callable[[], Response]:
    """Makes what a sender is told whose event is safe."""
    headers = tuple((name.encode(), value.encode()) for name, value in words.headers.items())
    body = words.body.encode()
    return lambda: answer(words.status, body, headers, made_here="accepted")
