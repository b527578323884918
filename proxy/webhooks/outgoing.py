"""An event as the application gets it: the sender's request, some headers of ours, and where it is old a new proof.

The one thing a reader would get wrong: only the query goes into the target; the path is that of `deliver.url`.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.body import whole_body
from proxy.config.schema import WebhookSettings
from proxy.model import Call, Headers, Request
from proxy.rules.credentials import Secret
from proxy.rules.headers import HeaderPass
from proxy.rules.placing import Outgoing
from proxy.rules.signatures import VerifySettings
from proxy.rules.signing import CannotSign, Pen, sign, sign_anew
from proxy.rules.standard_webhooks import OURS
from proxy.units import Seconds, rfc3339
from proxy.webhooks.inbox import Arrival

YOUNG: Seconds = 60.0  # since receipt; a first attempt within it goes as it came


class Unsigned(Exception):
    """The event cannot be signed anew now. The text is for the log; it names a secret, never its value."""


class Writer:
    """Makes requests of one webhook's events. What is hop-by-hop, `Host` or a sender's `Outrigger-*` is left out."""

    def __init__(
        self, settings: WebhookSettings, secret: Callable[[str], Secret | None], wall: Callable[[], float]
    ) -> None:
        self._path = settings.path.encode()
        self._verify = settings.verify
        self._public_url = settings.public_url
        self._sign = settings.deliver.sign
        self._by = settings.deliver.secret
        self._secret = secret
        self._wall = wall
        self._hygiene = HeaderPass()

    def __call__(self, arrival: Arrival, attempt: int, call: Call) -> Request:
        """`attempt`: from 1. Raises `Unsigned`."""
        body, query = arrival.body, arrival.query
        theirs, _ = self._hygiene(self._headers(arrival, attempt))
        sent = whole_body(body) if body or _has_body(arrival.method) else None
        target = b"" if query is None else b"?" + query
        return Request(arrival.method, target, theirs + stamps(arrival, attempt), sent, call)

    def _headers(self, arrival: Arrival, attempt: int) -> Headers:
        if self._sign == "outrigger":
            return self._signed_by_us(arrival)
        if self._sign == "original" or (attempt == 1 and self._wall() - arrival.received_at <= YOUNG):
            return arrival.headers
        return self._signed_anew(arrival)

    def _signed_anew(self, arrival: Arrival) -> Headers:
        """Theirs with a new time and signature by the newest secret; as they came where the scheme has neither."""
        if self._verify.scheme != "hmac" or self._verify.timestamp is None:
            return arrival.headers
        secret = self._revealed(self._verify.secrets[0])
        request = self._whole(arrival, arrival.headers)
        try:
            signed = sign_anew(self._verify, self._public_url, request, secret, self._wall())
        except CannotSign:  # something odd about this one: it must not hold back the others
            return arrival.headers
        return arrival.headers if signed is None else signed.headers

    def _signed_by_us(self, arrival: Arrival) -> Headers:
        secret = self._revealed(self._by or "")
        gone = {name.encode() for name in _headers_of(self._verify)} | {name.encode() for name in _headers_of(OURS)}
        kept = tuple(field for field in arrival.headers if field[0].lower() not in gone)
        headers = (*kept, (b"webhook-id", arrival.event_id.encode()))
        try:
            pen = Pen(secret, self._wall(), arrival.event_id.encode())
            return sign(OURS, None, self._whole(arrival, headers), pen).headers
        except CannotSign as error:
            raise Unsigned(f"cannot be signed by {self._by}: {error}") from None

    def _whole(self, arrival: Arrival, headers: Headers) -> Outgoing:
        query = b"" if arrival.query is None else b"?" + arrival.query
        return Outgoing(arrival.method, self._path + query, headers, arrival.body)

    def _revealed(self, name: str) -> bytes:
        secret = self._secret(name)
        if secret is None:
            raise Unsigned(f"secret {name} cannot be read")
        return secret.reveal()


def stamps(arrival: Arrival, attempt: int) -> Headers:
    """The `Outrigger-*` fields of one delivery."""
    fields = [
        (b"Outrigger-Webhook", arrival.webhook.encode()),
        (b"Outrigger-Event-Id", arrival.event_id.encode()),
        (b"Outrigger-Attempt", b"%d" % attempt),
        (b"Outrigger-Received", rfc3339(arrival.received_at).encode()),
        (b"Outrigger-Key", arrival.key_name.encode()),
    ]
    if arrival.type is not None:
        fields.insert(2, (b"Outrigger-Event-Type", arrival.type.encode()))
    return tuple(fields)


def _headers_of(verify: VerifySettings) -> list[str]:
    """Where a signature, its time and its id stand among the headers, in lower case."""
    located = (*verify.signature, verify.timestamp or "", *(verify.id if "{id}" in (verify.signed or "") else ()))
    return [name.lower() for where in located for kind, _, name in [where.partition(":")] if kind == "header"]


def _has_body(method: str) -> bool:
    """An empty body of a POST still has its Content-Length: 0 (RFC 9110, 8.6)."""
    return method not in {"GET", "HEAD", "DELETE", "OPTIONS"}
