"""Adds a credential that is computed from the whole request: a signature, or a token that stands in the body.

The one thing a reader would get wrong: each attempt is signed anew, from the body as the application sent it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.body import Body, whole_body
from proxy.errors import Refusal
from proxy.model import Request, Response
from proxy.pipeline import Handler
from proxy.rules.outgoing import Moment, Outgoing, Place, Signer
from proxy.stages.authenticate import SecretReader

NONCE = 16  # bytes


class SignStage:
    """The last to touch a request. `places`: where each host of the provider is; those that get no credential lack.

    `noise`: random bytes, so many.
    """

    def __init__(
        self,
        signer: Signer,
        secrets: SecretReader,
        places: Mapping[str | None, Place],
        *,
        wall: Callable[[], float],
        noise: Callable[[int], bytes],
    ) -> None:
        self._signer = signer
        self._secrets = secrets
        self._places = places
        self._wall = wall
        self._noise = noise

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        place = self._places.get(request.origin)
        if place is None:
            return await call_next(request)
        content = await self._content(request, place)
        target = self._signer.cleaned(request.target)
        outgoing = Outgoing(request.method, _full(place, target), request.headers, content, place)
        signed = self._signer.sign(outgoing, self._secrets.read, Moment(self._wall(), self._noise(NONCE)))
        body = request.body
        if body is not None and content is not None:
            content = content if signed.body is None else signed.body
            body = whole_body(content)
        return await call_next(request.with_headers(signed.headers, target).with_body(body))

    async def _content(self, request: Request, place: Place) -> bytes | None:
        """The whole body, where it is wanted; b"" where there is none."""
        body = request.body
        small = body is None or body.kept is not None
        sized = body is None or body.length is not None
        wanted = self._signer.wants_body(request.headers, sized=sized, small=small, secure=place.secure)
        if body is None:
            return b""
        return await whole(body, request) if wanted else None


async def whole(body: Body, request: Request) -> bytes:
    """All of a body, which is still to be had from its start by another attempt. Raises `Refusal` for a large one."""
    stream = body.open()
    while await stream.read():
        request.call.progress()
        if body.kept is None:
            raise Refusal("request_too_large", "The body is over body.replay, and must be kept whole to be sent on.")
    return b"".join(body.kept or ())


def _full(place: Place, target: bytes) -> bytes:
    full = place.path + target
    return full if full.startswith(b"/") else b"/" + full
