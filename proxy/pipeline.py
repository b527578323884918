"""Stages around a transport, closed over once when the configuration loads."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from proxy.model import Request, Response

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Stage(Protocol):
    """One step of a request's way. It returns the response it was given, returns another, raises, or calls again."""

    async def __call__(self, request: Request, call_next: Handler, /) -> Response: ...


def onion(stages: Sequence[Stage], core: Handler) -> Handler:
    """Puts `stages` around `core`, the first one outermost: the list reads in the order of a request."""
    handler = core
    for stage in reversed(stages):
        handler = _around(stage, handler)
    return handler


def _around(stage: Stage, inner: Handler) -> Handler:
    enter = stage.__call__  # looked up once here, not once per request

    def handler(request: Request) -> Coroutine[Any, Any, Response]:
        return enter(request, inner)  # not `async def`: that would be one more frame per stage

    return handler
