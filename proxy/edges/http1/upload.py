"""A request body on its way to an upstream: pieces in, framed bytes out, counted.

The one thing a reader would get wrong: a body that ends early never gets a last chunk, since that would make it whole.
"""

from __future__ import annotations

from proxy.edges.http1.wire import CHUNKED, LAST_CHUNK, chunk, content_length
from proxy.errors import Refusal
from proxy.model import Body


class Upload:
    """One attempt's body. `framing`: the field that says how it is framed. `done`: its last byte was handed out."""

    __slots__ = ("_left", "_stream", "done", "framing")

    def __init__(self, body: Body) -> None:
        self._stream = body.open()
        self._left = body.length
        self.done = body.length == 0
        self.framing = CHUNKED if body.length is None else content_length(body.length)

    @property
    def ready(self) -> bool:
        """True if `next()` would not wait."""
        return self._stream.ready

    async def next(self) -> bytes:
        """The next bytes for the wire. Raises what the body raises, and `Refusal` where it is shorter than it said."""
        piece = await self._stream.read()
        if self._left is None:
            if piece:
                return chunk(piece)
            self.done = True
            return LAST_CHUNK
        self._left -= len(piece)
        if self._left < 0 or not piece:
            raise Refusal("bad_request", "The request body is not as long as its Content-Length.")
        self.done = not self._left
        return piece
