"""Takes fields out of forms that an SDK put its own credential into, on the way out.

The one thing a reader would get wrong: the length goes into the head, so a form of known length is read whole first,
up to what is kept for a repeat anyway. A longer one is filtered as it streams, and goes out chunked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from proxy.body import Body, Stream, Whole
from proxy.errors import Refusal
from proxy.model import Request, Response
from proxy.pipeline import Handler
from proxy.rules.form_fields import FormFilter, is_form
from proxy.timing import Alarms, Clock


class FormFieldsStage:
    """`idle`: seconds that the application may let pass between two pieces of its body, 0: no limit.

    Stands inside the attempt's timeout and leaves the request as it was: the next attempt begins with all of it.
    """

    def __init__(self, names: Sequence[str], *, idle: float, whole: int, clock: Clock, alarms: Alarms) -> None:
        self._names = [name.encode() for name in names]
        self._idle = idle or math.inf
        self._whole = whole
        self._now = clock.now
        self._alarms = alarms

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        body = request.body
        if body is None or not is_form(request.headers):
            return await call_next(request)
        passing = _Filtered(body.open(), FormFilter(self._names))
        if body.length is not None and body.length <= self._whole:
            content = await self._read(request, passing)
            request = request.with_body(Body(Whole(content), len(content)))
        else:
            request = request.with_body(Body(passing, None))
        return await call_next(request)

    async def _read(self, request: Request, passing: Stream) -> bytes:
        # nothing was sent: the upstream cannot be late; the transport says when that changes, and bounds connecting
        request.call.progress(math.inf)
        pieces = []
        while piece := await self._piece(passing):
            pieces.append(piece)
        return b"".join(pieces)

    async def _piece(self, passing: Stream) -> bytes:
        try:
            with self._alarms.at(self._now() + self._idle):
                return await passing.read()
        except TimeoutError:
            raise Refusal("request_timeout", "The application stopped sending its request body.") from None


class _Filtered:
    """What is left of a form. A read that is cancelled loses nothing."""

    __slots__ = ("_filter", "_over", "_source")

    def __init__(self, source: Stream, form: FormFilter) -> None:
        self._source = source
        self._filter = form
        self._over = False

    @property
    def ready(self) -> bool:
        return self._over or self._source.ready

    async def read(self) -> bytes:
        while not self._over:
            piece = await self._source.read()
            self._over = not piece
            left = self._filter.feed(piece) if piece else self._filter.end()
            if left:
                return left
        return b""
