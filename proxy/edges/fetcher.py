"""GETs addresses that a rule has allowed, each over a connection of its own, by the egress rules of any upstream.

The one thing a reader would get wrong: redirects are not followed. Where they lead, no rule has looked.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from proxy.edges.http1.pool import Transport
from proxy.errors import ProxyError
from proxy.model import Call, Request
from proxy.timing import Alarms, Clock
from proxy.webhooks.fetching import Fetched, FetchFailed

TIMEOUT = 10.0  # seconds for all of it
MOST = 64 << 10  # bytes of an answer

_FIELDS = ((b"Accept", b"*/*"), (b"User-Agent", b"outrigger"))


class Fetcher:
    """`transport`: makes one for a scheme and an authority."""

    def __init__(self, transport: Callable[[str], Transport], alarms: Alarms, clock: Clock) -> None:
        self._transport = transport
        self._alarms = alarms
        self._clock = clock

    async def __call__(self, url: str) -> Fetched:
        """Status and body, whatever the status. Raises `FetchFailed`."""
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        now = self._clock.now()
        transport = self._transport(f"{parts.scheme}://{parts.netloc}")
        try:
            with self._alarms.at(now + TIMEOUT):
                response = await transport(Request("GET", target.encode(), _FIELDS, None, Call("fetch", now)))
                whole = await response.keep(MOST)
                body = b"" if whole is None else await whole.body.read()
        except TimeoutError:
            raise FetchFailed(f"no answer within {TIMEOUT:g} s") from None
        except ProxyError as error:
            raise FetchFailed(error.code) from None
        finally:
            transport.retire()
        if whole is None:
            raise FetchFailed(f"the answer is over {MOST} bytes")
        return Fetched(whole.status, body)
