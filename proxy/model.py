"""What travels through the pipeline: a call, its request, the response and the verdict on it.

Nothing here knows a socket. A `Response` owns a body that may still be arriving, so whoever holds one returns it or
closes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from proxy.body import Body, Stream, Whole
from proxy.errors import ProxyError

Headers = tuple[tuple[bytes, bytes], ...]  # as on the wire: order, case, repeats; never changed in place


class Evidence(Enum):
    """What an outcome says to the breaker."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"


class Repeat(Enum):
    """Is an outcome worth another attempt: never, when a repeat is safe, or whatever the method."""

    NEVER = "never"
    SAFE = "safe"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an attempt's end means; breaker, cooldown and retry read this and nothing else.

    `outcome`: `ok`, `refused`, `auth_failed`, `conflict`, `rate_limited`, `quota` or `server_error`. `told`: seconds
    that the provider asked to wait, None if it said nothing usable. `guessed`: `told` is the cooldown's own number, as
    the provider refused without one. `cools`: starts a cooldown, told or not. `says_no`: the provider itself forbade a
    repeat. `renewable`: the credential was refused and may be worth reading anew.
    """

    outcome: str
    evidence: Evidence
    repeat: Repeat = Repeat.NEVER
    told: float | None = None
    guessed: bool = False
    cools: bool = False
    says_no: bool = False
    renewable: bool = False
    code: str | None = None  # the provider's own code
    unreadable: int = 0  # wait headers that could not be read


FINE = Verdict(outcome="ok", evidence=Evidence.SUCCESS)


def _unwatched(limit: float | None = None, /) -> None:
    pass


class Progress(Protocol):
    def __call__(self, limit: float | None = None, /) -> None: ...


@dataclass(slots=True, eq=False)
class Call:
    """One request of the application with all its attempts: what stages may change.

    Times are monotonic seconds. `base` is the proxy's address of this upstream as the application wrote it
    (`http://127.0.0.1:8600/stripe`, no slash at the end). `notes`: the `Outrigger-*` fields and other headers that
    someone here reads, lower-case name to value.
    """

    id: str
    started: float
    deadline: float = math.inf
    attempts: int = 0
    stopped: str | None = None
    reason: str = ""  # why it was refused or failed, in our own words, for the log
    wants_retry: bool = True
    vouched: bool = False
    upstream: str = ""
    method: str = ""
    target: bytes = b""
    base: bytes = b""
    local: str = ""  # the connection's own address, without port; "" for a Unix socket
    peer: str = ""
    total: float = math.inf  # seconds allowed for this call, for the share of it that a repeat must leave
    waited: float = 0.0  # seconds spent waiting: backoff, told waits, cooldown, rate, place
    told_to_wait: bool = False  # an answer asked this call to wait, which it has sat out by the time it is repeated
    provider_id: str | None = None  # the provider's own id of the last answer
    unanswered: str | None = None  # the code of an attempt that was sent and never answered: it may have been done
    fault: bool = False  # the last attempt met a fault that was asked for
    token: int = 0  # which access token the last attempt carried, counted from 1; below 0: it was refused
    sampled: bool = False  # the debug log keeps this call
    # the transport says: the request's head was sent, or its body moved; with seconds: so long is the next silence
    progress: Progress = _unwatched
    notes: dict[bytes, bytes] = field(default_factory=dict)
    decisions: list[tuple[float, str, str]] | None = (
        None  # (monotonic, stage, text) for the debug log; None: not wanted
    )

    def decide(self, now: float, stage: str, text: str) -> None:
        """Keeps one line of this call's story, where the debug log wants it."""
        if self.decisions is not None:
            self.decisions.append((now, stage, text))


class Request:
    """What one attempt sends; copied, never changed. `body` None: there is none.

    `target` is the path and query behind the upstream's name, byte for byte; the transport puts the `url`'s own path
    in front. `origin` names a further host of the provider (`/{upstream}/~{origin}/…`). `fresh`: not on a pooled
    connection.
    """

    __slots__ = ("body", "call", "fresh", "headers", "method", "origin", "target")

    def __init__(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        target: bytes,
        headers: Headers,
        body: Body | None,
        call: Call,
        *,
        origin: str | None = None,
        fresh: bool = False,
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.call = call
        self.origin = origin
        self.fresh = fresh

    @property
    def place(self) -> bytes:
        """The target as patterns name it: a further host's begins with `/~name`."""
        return self.target if self.origin is None else b"/~" + self.origin.encode() + self.target

    def with_headers(self, headers: Headers, target: bytes | None = None) -> Request:
        """The same request with other headers and, if given, another target."""
        return Request(
            self.method,
            self.target if target is None else target,
            headers,
            self.body,
            self.call,
            origin=self.origin,
            fresh=self.fresh,
        )

    def with_body(self, body: Body | None) -> Request:
        """The same request with another body."""
        return Request(self.method, self.target, self.headers, body, self.call, origin=self.origin, fresh=self.fresh)

    def on_fresh_connection(self) -> Request:
        """The same request, not to be sent on a pooled connection."""
        return Request(self.method, self.target, self.headers, self.body, self.call, origin=self.origin, fresh=True)


Closer = Callable[[ProxyError | None], None]


class Response:
    """A head that came and a body that may still be coming.

    `headers` hold no framing fields, but for the `Content-Length` of an answer without a body (to HEAD, or 304).
    `length`: bytes of the body, None if only its end tells. `until_close`: only the end of the connection tells the
    end of the body, and a cut could not be told from it. `made_here`: the error code if no upstream said this.
    """

    __slots__ = (
        "_closers",
        "body",
        "headers",
        "length",
        "made_here",
        "reason",
        "status",
        "until_close",
        "verdict",
    )

    def __init__(  # noqa: PLR0913 - the parts of a response
        self,
        status: int,
        reason: bytes,
        headers: Headers,
        body: Stream,
        length: int | None,
        *,
        verdict: Verdict = FINE,
        until_close: bool = False,
        made_here: str | None = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.length = length
        self.verdict = verdict
        self.until_close = until_close
        self.made_here = made_here
        self._closers: list[Closer] = []

    async def keep(self, limit: int) -> Response | None:
        """The same answer with its body read to the end, this one closed; None if it is over `limit` bytes, and cut."""
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := await self.body.read():
                size += len(piece)
                if size > limit:
                    return None
                pieces.append(piece)
        finally:
            self.close()
        content = b"".join(pieces)
        length = size if self.length is None else self.length
        return Response(self.status, self.reason, self.headers, Whole(content), length, verdict=self.verdict)

    def on_close(self, closer: Closer) -> None:
        """Calls `closer` once when the answer is over, last added first; it is told the failure, or None."""
        self._closers.append(closer)

    def close(self, failure: ProxyError | None = None) -> None:
        """Ends the answer. `failure`: the body broke off, or the application went; None: complete, or not wanted."""
        closers, self._closers = self._closers, []  # once only, and no cycle response <-> closer is left
        for closer in reversed(closers):
            closer(failure)
