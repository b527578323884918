"""The last refused requests of each webhook, kept in memory so that an operator can ask why.

The one thing a reader would get wrong: they are raw, signature and all. Whoever shows them redacts them first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from proxy.model import Headers
from proxy.rules.incoming import Incoming

MOST = 20  # requests per webhook
PLACE = "webhooks."  # before the webhook's name, where a call has its upstream's
MOST_BODY = 64 * 1024  # bytes kept of a body


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRequest:
    """`id`: the call's. `at`: Unix seconds of receipt. `outcome`: a word of `webhooks.md` §2.2; `detail`: for the log.

    `length`: bytes that the body had, of which `body` may be the first `MOST_BODY`; None where it was never read.
    """

    id: str
    webhook: str
    at: float
    outcome: str
    status: int
    detail: str
    method: str
    target: bytes
    headers: Headers
    body: bytes
    length: int | None

    @property
    def whole(self) -> bool:
        """True if the whole body is here, without which no signature can be looked into."""
        return self.length == len(self.body)

    def seen(self) -> Incoming:
        """The request as the scheme saw it."""
        return Incoming(self.method, self.target, self.headers, self.body)


class RefusedRequests:
    """The buffer; one per program, so that a reload keeps it. `hear`: is told of each, with the whole body."""

    def __init__(self, hear: Callable[[RefusedRequest], None] = lambda _: None) -> None:
        self._hear = hear
        self._kept: dict[str, deque[RefusedRequest]] = {}

    def add(self, request: RefusedRequest) -> None:
        """Keeps it, less what its body has over `MOST_BODY`; the oldest of its webhook goes."""
        self._hear(request)
        if len(request.body) > MOST_BODY:
            request = replace(request, body=request.body[:MOST_BODY])
        self._kept.setdefault(request.webhook, deque(maxlen=MOST)).append(request)

    def last(self, webhook: str | None = None, limit: int = MOST) -> Sequence[RefusedRequest]:
        """The latest ones first, of one webhook or of all."""
        kept = self._kept.values() if webhook is None else [self._kept.get(webhook, ())]
        found = [request for one in kept for request in reversed(one)]
        return sorted(found, key=lambda request: request.at, reverse=True)[:limit]
