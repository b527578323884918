"""One connection of the admin listener: how long a head may take, and what is said to what cannot be read.

The one thing a reader would get wrong: the library's own answers to bad requests repeat the bad bytes, and log them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http import HttpVersion, HttpVersion11
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import StreamReader

from proxy.edges.admin_api import HEAD
from proxy.edges.admin_words import Answer, problem
from proxy.errors import CODES, Refusal
from proxy.rules.malformed import broken_rule

HEAD_TIME = 10.0  # seconds
TOO_MANY = "Too many headers received"  # what tells this error of the library from others of its type
SEEN = 131_072  # bytes of a connection in which a request line must have been: more than two heads and a body
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
PRIVATE = (  # names of the library that are used here
    (web.BaseRequest, "_prepare_hook"),
    (web.RequestHandler, "_request_count"),
)
_HEAD_END = re.compile(rb"\r\n\r\n")


class Connection(web.RequestHandler):
    """With a time limit for each head, and answers of ours to what cannot be read."""

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        *,
        count: Callable[[int], None],
        bug: Callable[[str, BaseException], None],
    ) -> None:
        """`count` is told 1 and -1 as the connection comes and goes."""
        super().__init__(
            server,
            loop=loop,
            max_line_size=8_192,
            max_field_size=8_192,
            max_headers=64,
            keepalive_timeout=30.0,
            lingering_time=2.0,
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]  # None is what switches it off; it prints paths with queries
        )
        self.seen = b""
        self.between = True  # no request is being answered: what comes now is a head
        self._own_loop = loop
        self._count = count
        self._bug = bug
        self._body: StreamReader | None = None  # of the request that is being answered
        self._begun = 0  # requests
        self._timer: asyncio.TimerHandle | None = None
        self._head = 0
        self._at_hand = b""  # the head that is being read, for the name of the rule that it breaks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._count(1)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._count(-1)
        self._settle()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self.seen[-3:]
        start = 0
        # head by head: an error in one would take along those that came with it
        for found in _HEAD_END.finditer(before + data):
            end = found.end() - len(before)
            self._piece_received(data[start:end])
            start = end
        if start < len(data):
            self._piece_received(data[start:])

    def _piece_received(self, data: bytes) -> None:
        requests = self._request_count
        ends = data if len(data) <= 2 * HEAD else data[:HEAD] + data[-HEAD:]  # between them is nothing but body
        self.seen = (self.seen + ends)[-SEEN:]
        if self.between and self._timer is None:
            self._timer = self._own_loop.call_later(HEAD_TIME, self._give_up, 408, "request_timeout")
        self._head += len(data)
        if self.between:
            self._at_hand = self.seen[-self._head :]
        super().data_received(data)
        if self._request_count > requests:  # its head is complete
            self.between = False
            self._settle()
            self._break_body()
        elif self.between and self._head > HEAD:
            self._give_up(431, "head_too_large")

    def begin(self, body: StreamReader) -> None:
        """A request is being answered from now on."""
        self.between, self._at_hand = False, b""
        self._begun += 1
        self._body = body
        self._break_body()

    def end(self, *, last: bool) -> None:
        """What comes now is a head, unless the connection ends behind the answer: then it is not looked at."""
        self.between = not last
        self._head = 0
        self._body = None

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - nothing of it is repeated
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        if isinstance(exc, LineTooLong) or (isinstance(exc, HttpProcessingError) and exc.message == TOO_MANY):
            return response_of(refused(Refusal("head_too_large", "The request head is over its limits.")))
        if status == 400:
            head = self._at_hand.partition(b"\r\n\r\n")[0]  # empty: it came while another was being answered
            rule = f": {broken_rule(head)}" if head else ""
            return response_of(refused(Refusal("bad_request", f"The request is malformed{rule}.")))
        if exc is not None:
            self._bug("admin", exc)
        return response_of(problem(500, "internal_error", "A bug here; the log says more."))

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ARG002 - texts quote the request
        error = kw.get("exc_info")
        if isinstance(error, BaseException) and not isinstance(error, web.RequestPayloadError):
            self._bug("admin", error)

    def _break_body(self) -> None:
        """Ends the wait for a body whose framing is bad: the library would leave its reader waiting."""
        if self._body is not None and not self._body.is_eof() and self._request_count > self._begun:
            self._body.set_exception(web.RequestPayloadError())

    def _settle(self) -> None:
        self._head = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self, status: int, code: str) -> None:
        self._settle()
        if self.transport is not None:
            answer = problem(status, code, "The request head is too large, or too late.")
            head = [
                f"HTTP/1.1 {status} {CODES[code].title}",
                f"Content-Length: {len(answer.body)}",
                "Connection: close",
            ]
            fields = {"Content-Type": answer.content_type, **SAFE}
            head += [f"{name}: {value}" for name, value in fields.items()]
            self.transport.write("\r\n".join([*head, "", ""]).encode() + answer.body)
        self.force_close()


class Request(web.BaseRequest):
    @property
    def version(self) -> HttpVersion:  # the library's own remembers what it said first
        return self._version

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """The last word on an answer's head: our fields in, the library's name out, and always HTTP/1.1."""
        self._version = HttpVersion11
        response.headers.popall("Server", None)
        response.headers.update(SAFE)
        if not response.keep_alive:
            response.headers["Connection"] = "close"


def refused(refusal: Refusal) -> Answer:
    return problem(CODES[refusal.code].status, refusal.code, refusal.detail)


def response_of(answer: Answer) -> web.Response:
    headers = {"Content-Type": answer.content_type, **dict(answer.headers)}
    response = web.Response(status=answer.status, body=answer.body, headers=headers)
    if answer.last:
        response.force_close()
    return response
