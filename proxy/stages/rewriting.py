"""Points the URLs in the final answer's body at the proxy, once per call, where a preset names the fields.

The one thing a reader would get wrong: the body is held back until all of it is here, or until it is over the limit;
then what was held and the rest of it go on as they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from proxy.body import Stream, Whole
from proxy.errors import Refusal
from proxy.model import Headers, Request, Response
from proxy.pipeline import Handler
from proxy.rules.headers import Address
from proxy.rules.rewriting import LARGEST, Editor, Rewriting, edited
from proxy.timing import Alarms

AT_ONCE = 64 << 10  # bytes; a larger body is changed in a thread, so that other calls go on
_NO_BODY = frozenset([204, 206, 304])


class RewritingStage:
    """`addresses`: where the upstream and its further hosts are, by the proxy's address as the application wrote it."""

    def __init__(
        self, rewriting: Rewriting, addresses: Callable[[bytes], Sequence[Address]], *, alarms: Alarms
    ) -> None:
        self._rewriting = rewriting
        self._addresses = addresses
        self._alarms = alarms

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        response = await call_next(request)
        if request.method == "HEAD" or response.status in _NO_BODY or response.made_here is not None:
            return response
        if response.length is not None and not 0 < response.length <= LARGEST:
            return response
        editor = self._rewriting.editor(request, response.headers)
        if editor is None:
            return response
        try:
            body = await self._held(request, response)
            changed = None if body is None else await self._edited(body, response, editor, request.call.base)
        except BaseException as failure:
            response.close(failure if isinstance(failure, Refusal) else None)
            raise
        if changed is not None:
            content, response.headers = changed
            response.body, response.length, response.until_close = Whole(content), len(content), False
        return response

    async def _edited(
        self, body: bytes, response: Response, editor: Editor, base: bytes
    ) -> tuple[bytes, Headers] | None:
        addresses = self._addresses(base)
        if len(body) <= AT_ONCE:
            return edited(body, response.headers, editor, addresses)
        return await asyncio.to_thread(edited, body, response.headers, editor, addresses)

    async def _held(self, request: Request, response: Response) -> bytes | None:
        """The whole body, also put back to be sent; None where it is over the limit, and goes on as it comes."""
        pieces: list[bytes] = []
        size = 0
        try:
            with self._alarms.at(request.call.deadline):
                while piece := await response.body.read():
                    pieces.append(piece)
                    size += len(piece)
                    if size > LARGEST:
                        response.body = _Resumed(pieces, response.body)
                        return None
        except TimeoutError:
            raise Refusal(
                "deadline_exceeded", "The time allowed for this call passed before its answer was here."
            ) from None
        content = b"".join(pieces)
        response.body = Whole(content)
        return content


class _Resumed:
    """What was held, then what still comes."""

    def __init__(self, held: list[bytes], rest: Stream) -> None:
        self._held = held
        self._rest = rest

    @property
    def ready(self) -> bool:
        return bool(self._held) or self._rest.ready

    async def read(self) -> bytes:
        return self._held.pop(0) if self._held else await self._rest.read()
