"""The webhook listener's handler: the exact path, and answers that tell a stranger nothing.

The one thing a reader would get wrong: a path is compared as it came, byte for byte; nothing decodes or normalises it.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.errors import CODES, ClientGone, ProxyError, Refusal
from proxy.events import Events
from proxy.model import Call, Headers, Request, Response
from proxy.pipeline import Handler
from proxy.webhooks.answers import RETRY_AFTER, answer

_HEADERS: dict[int, Headers] = {405: ((b"Allow", b"POST"),), 503: (RETRY_AFTER,)}


class WebhookServer:
    """Finds the webhook of a request. `receivers`: raw path to what answers it; a reload swaps the whole map."""

    def __init__(self, receivers: Mapping[bytes, Handler], events: Events) -> None:
        self.receivers = receivers
        self._events = events

    async def __call__(self, request: Request) -> Response:
        """One request of the webhook listener. Raises nothing but a cancellation."""
        if _wants_too_much(request.headers):
            return self.refuse(Refusal("expectation_failed"), request.call)
        receiver = self.receivers.get(request.target.partition(b"?")[0])
        if receiver is None:
            return answer(404, made_here="unknown_path")
        try:
            return await receiver(request)
        except ClientGone as gone:  # nobody is there to read it
            return self.refuse(gone, request.call)
        except Exception as error:  # noqa: BLE001 - a bug in one request must not end the others
            self._events.bug("webhooks", error)
            return answer(500, made_here="internal_error")

    def refuse(self, refusal: ProxyError, _call: Call) -> Response:
        """The answer to a request that never reached a webhook: bad framing, a head too large or too late."""
        status = CODES[refusal.code].status if refusal.code in CODES else 408
        if refusal.code in CODES:
            self._events.unread("webhooks", refusal.code, refusal.detail)
        return answer(status, headers=_HEADERS.get(status, ()), made_here=refusal.code)


def _wants_too_much(headers: Headers) -> bool:
    """True for an expectation other than 100-continue, which is the only one that is met (RFC 9110, 10.1.1)."""
    for name, value in headers:  # a loop: a generator would cost every request three times as much
        if len(name) == 6 and name.lower() == b"expect" and value.lower() != b"100-continue":
            return True
    return False
