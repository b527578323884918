"""What a scheme has to fetch before it can judge: the certificate that a message of SNS names.

The one thing a reader would get wrong: a stranger may name as many addresses as he likes, all of them on Amazon's
hosts. So one is fetched at a time, and what he made us look for in vain never pushes out a certificate that is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

KEPT = 86_400.0  # seconds for a certificate; SNS gives a new one a new address
MISSED = 60.0  # seconds in which an address without one is not asked again
MOST = 16  # of each

T = TypeVar("T")


class Fetched(NamedTuple):
    status: int
    body: bytes


class FetchFailed(Exception):
    """Nothing came from there: no connection, no answer in time, too large. The text is for the log."""


Fetch = Callable[[str], Awaitable[Fetched]]  # raises FetchFailed


async def nothing_is_fetched(_url: str) -> Fetched:
    """For a program that calls nobody."""
    raise FetchFailed("nothing is fetched here")


class Certificates:
    """Certificates by their addresses, each fetched once a day. `now`: monotonic seconds."""

    def __init__(self, fetch: Fetch, now: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now = now
        self._found: dict[str, tuple[float, bytes]] = {}
        self._missed: dict[str, float] = {}
        self._one_at_a_time = asyncio.Lock()

    async def get(self, url: str) -> bytes | None:
        """What is at that address, None if it says that there is nothing. Raises `FetchFailed`."""
        known = self._known(url)
        if known is None and not self._in_vain(url):
            async with self._one_at_a_time:
                known = self._known(url)  # perhaps another request has just brought it
                if known is None and not self._in_vain(url):
                    known = await self._bring(url)
        return known

    def _known(self, url: str) -> bytes | None:
        until, found = self._found.get(url, (0.0, None))
        return found if self._now() < until else None

    def _in_vain(self, url: str) -> bool:
        return self._now() < self._missed.get(url, 0.0)

    async def _bring(self, url: str) -> bytes | None:
        status, body = await self._fetch(url)
        if 400 <= status < 500:
            _put(self._missed, url, self._now() + MISSED)
            return None
        if status != 200:
            raise FetchFailed(f"the certificate's address answered {status}")
        _put(self._found, url, (self._now() + KEPT, body))
        return body


def _put(kept: dict[str, T], url: str, value: T) -> None:
    kept.pop(url, None)
    if len(kept) >= MOST:
        kept.pop(next(iter(kept)))
    kept[url] = value
