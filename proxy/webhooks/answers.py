"""Answers of the webhook listener's own. A sender learns a status, and never why."""

from __future__ import annotations

from http import HTTPStatus
from typing import NoReturn

from proxy.body import Whole
from proxy.model import Headers, Response


def retry_after(seconds: int) -> tuple[bytes, bytes]:
    """The field that says when to come again."""
    return (b"Retry-After", b"%d" % seconds)


RETRY_AFTER = retry_after(5)
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class Refused(Exception):
    """A request that ends here. `outcome` and `detail` are for log and metrics; `secret`: the one that it proved."""

    def __init__(
        self, status: int, outcome: str, detail: str, headers: Headers = (), secret: str | None = None
    ) -> None:
        super().__init__(outcome)
        self.status = status
        self.outcome = outcome
        self.detail = detail
        self.headers = headers
        self.secret = secret


def refuse(
    status: int, outcome: str, detail: str, *headers: tuple[bytes, bytes], secret: str | None = None
) -> NoReturn:
    """Ends a request; its sender learns the status only."""
    raise Refused(status, outcome, detail, headers, secret)


def answer(status: int, body: bytes = b"", headers: Headers = (), *, made_here: str) -> Response:
    """An answer of the listener's own. Without a body it says nothing but its status."""
    return Response(status, _REASONS.get(status, b""), headers, Whole(body), len(body), made_here=made_here)
