"""Waits for an access token before an attempt takes a place, so that nobody holds one while a token is fetched."""

from __future__ import annotations

from typing import Protocol

from proxy.model import Call, Request, Response
from proxy.pipeline import Handler


class TokenSource(Protocol):
    """Where the token of an upstream comes from."""

    async def ready(self, call: Call) -> int:
        """Which token the next attempt will carry. Raises `Refusal`."""


class TokenStage:
    """Notes with the call which token its attempt carries, so that a 401 can be told from one about an older token."""

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        request.call.token = await self._tokens.ready(request.call)
        return await call_next(request)
