"""Gives a prepared or kept answer when the call cannot be made.

The one thing a reader would get wrong: an answer of the upstream is an answer, whatever its status; only `when: 5xx`
lets those be replaced too.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from proxy.body import Stream, Whole
from proxy.errors import Refusal, UpstreamFailure
from proxy.model import Headers, Request, Response
from proxy.pipeline import Handler
from proxy.rules.answer import proxy_status
from proxy.rules.fallback import EACH, Answers, FallbackSettings, Kept, Place, covers, may_keep, prepared, to_keep
from proxy.timing import Clock

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_OURS = (b"Outrigger-Fallback", b"true")


class FallbackStage:
    """`upstream`: its name and address, for two addresses are two places. `answers`: shared, and outlive a reload."""

    def __init__(self, upstream: str, settings: FallbackSettings, answers: Answers, *, clock: Clock) -> None:
        self._upstream = upstream
        self._settings = settings
        self._answers = answers
        self._now = clock.now
        self._headers, self._body = prepared(settings)

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        try:
            response = await call_next(request)
        except (Refusal, UpstreamFailure) as error:
            given = self._given(request, error) if covers(error.code) else None
            if given is None:
                raise
            return given
        if response.status >= 500 and self._settings.when == "5xx":
            return self._instead_of(request, response)
        if self._settings.stale is not None and _repeats(request) and may_keep(response.status, response.headers):
            self._watch(request, response)
        return response

    def _instead_of(self, request: Request, response: Response) -> Response:
        given = self._given(request, None, response.status)
        if given is None:
            return response
        response.close()
        return given

    def _given(self, request: Request, error: Refusal | UpstreamFailure | None, status: int = 0) -> Response | None:
        """The kept answer, else the prepared one, else None. `status`: the upstream's, where there is no `error`."""
        kept = self._kept(request)
        if kept is None and self._settings.status is None:
            return None
        request.call.decide(self._now(), "fallback", "a prepared answer" if kept is None else "a kept answer")
        why = _why(error, status)
        if kept is not None:
            age = int(kept.age + self._now() - kept.at)
            headers = (*kept.headers, (b"Age", b"%d" % age), *why)
            return Response(kept.status, kept.reason, headers, Whole(kept.body), len(kept.body))
        status = self._settings.status or 0
        code = None if error is None else error.code
        headers = (*self._headers, *why)
        return Response(status, _REASONS.get(status, b""), headers, Whole(self._body), len(self._body), made_here=code)

    def _kept(self, request: Request) -> Kept | None:
        if self._settings.stale is None or not _repeats(request):
            return None
        kept = self._answers.find(self._place(request), request.headers)
        return None if kept is None or self._now() - kept.at > self._settings.stale else kept

    def _place(self, request: Request) -> Place:
        return self._upstream, request.origin, request.target

    def _watch(self, request: Request, response: Response) -> None:
        place, asked, at = self._place(request), request.headers, self._now()
        headers, age = to_keep(response.headers)

        def whole(body: bytes) -> None:
            kept = Kept(response.status, response.reason, headers, body, at, age)
            self._answers.keep(place, asked, kept)

        if response.length is None or response.length <= EACH:
            response.body = _Watched(response.body, response.length, whole)


class _Watched:
    """A body that is told of once it passed to its end, unless it was too long."""

    __slots__ = ("_body", "_left", "_pieces", "_room", "_whole")

    def __init__(self, body: Stream, length: int | None, whole: Callable[[bytes], None]) -> None:
        self._body = body
        self._left = length
        self._whole = whole
        self._room = EACH
        self._pieces: list[bytes] | None = []

    @property
    def ready(self) -> bool:
        return self._body.ready

    async def read(self) -> bytes:
        piece = await self._body.read()
        if self._pieces is None:
            return piece
        self._room -= len(piece)
        self._pieces.append(piece)
        if self._room < 0:
            self._pieces = None
        elif not piece or EACH - self._room == self._left:
            self._whole(b"".join(self._pieces))
            self._pieces = None
        return piece


def _repeats(request: Request) -> bool:
    return request.method == "GET" and not any(name.lower() == b"range" for name, _ in request.headers)


def _why(error: Refusal | UpstreamFailure | None, status: int) -> Headers:
    if error is None:
        return (_OURS, (b"Proxy-Status", b"outrigger; received-status=%d" % status))
    return (_OURS, (b"Outrigger-Error", error.code.encode()), (b"Proxy-Status", proxy_status(error)))
