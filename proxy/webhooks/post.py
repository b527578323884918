"""One request to the application, and its answer's head within `deliver.timeout`.

The one thing a reader would get wrong: a kept connection that the application has closed is no failure of it; the
request goes out once more, on a new connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from proxy.errors import StaleConnection
from proxy.model import Request, Response

Deliver = Callable[[Request], Awaitable[Response]]


async def post(deliver: Deliver, request: Request) -> Response:
    """The answer, its body still coming. Raises `ProxyError`."""
    try:
        return await deliver(request)
    except StaleConnection:
        return await deliver(request.on_fresh_connection())
