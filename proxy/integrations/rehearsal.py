"""Rehearsed failures: `[[429 wait=1]]` in any text that is sent makes a fake fail that way before all is well.

A mark is counted by its full text, so `id=x` tells two of the same kind apart.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from proxy.body import Stream, Whole
from proxy.capabilities.memory import Shelf
from proxy.errors import UpstreamFailure
from proxy.integrations.forms import Pairs, pairs
from proxy.rules.xml_tree import read
from proxy.units import duration

_MARK = re.compile(r"\[\[(?P<what>[45]\d\d|timeout|reset|cut|slow)(?P<keys>(?:\s+[a-z]+=[^\s\[\]]+)*)\s*\]\]")
_XML = re.compile(r"(text|application)/(.+\+)?xml")
_JSON = re.compile(r"application/(.+\+)?json")
_FOR_EVER = 86_400.0  # seconds; longer than any deadline
_DRIP = 0.1  # seconds for a byte
_LONGEST = 1000  # times


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark as written. `status` None: not one that answers instead. `wait`, `lasts`: seconds."""

    text: str
    what: str
    status: int | None
    wait: float | None = None
    times: int = 1
    lasts: float = math.inf

    @property
    def done_first(self) -> bool:
        """True if the request is carried out before the mark strikes."""
        return self.what in {"cut", "slow"}


class Marks:
    """How often each mark has struck."""

    def __init__(self) -> None:
        self._struck: Shelf[int] = Shelf()

    def next_in(self, written: Iterable[str]) -> Mark | None:
        """The first mark that has still to strike, counted as struck now; None if there is none."""
        for text in written:
            for mark in _marks(text):
                struck = self._struck.get(mark.text) or 0
                if struck < mark.times:
                    self._struck.put(mark.text, struck + 1)
                    return mark
        return None


async def suffer(mark: Mark) -> None:
    """Returns if the mark lets an answer come. Raises `UpstreamFailure` where there is to be none."""
    if mark.what == "timeout":
        await asyncio.sleep(_FOR_EVER)
    if mark.what in {"timeout", "reset"}:
        raise UpstreamFailure("upstream_reset", "The fake was asked to end the connection.", sent=True)


def spoilt(mark: Mark, body: bytes) -> Stream:
    """The body of an answer as the mark lets it come."""
    if mark.what == "cut":
        return _Cut(body)
    if mark.what == "slow":
        return _Drip(body, mark.lasts)
    return Whole(body)


def texts(query: Pairs, content_type: str, body: bytes) -> Iterator[str]:
    """Everything a person can write into a request: query and form values, JSON strings, text of XML elements."""
    yield from (value for _, value in query)
    if _JSON.fullmatch(content_type):
        yield from _strings(body)
    elif _XML.fullmatch(content_type):
        yield from _elements(body)
    elif content_type in {"", "application/x-www-form-urlencoded"}:
        yield from (value for _, value in pairs(body))


def _marks(text: str) -> Iterator[Mark]:
    for found in _MARK.finditer(text):
        keys = dict(key.split("=", 1) for key in found["keys"].split())
        try:
            yield _mark(found[0], found["what"], keys)
        except ValueError:
            continue  # not a mark as the page describes it: plain text


def _mark(text: str, what: str, keys: dict[str, str]) -> Mark:
    if keys.keys() - {"id", "times", "wait", "for"}:
        raise ValueError(text)
    times = int(keys.get("times", "1"))
    if not 1 <= times <= _LONGEST:
        raise ValueError(text)
    wait = keys.get("wait")
    return Mark(
        text=text,
        what=what,
        status=int(what) if what.isdecimal() else None,
        wait=None if wait is None else _seconds(wait),
        times=times,
        lasts=_seconds(keys["for"]) if "for" in keys else math.inf,
    )


def _seconds(written: str) -> float:
    return duration(float(written)) if re.fullmatch(r"\d+(\.\d+)?", written) else duration(written)


def _strings(body: bytes) -> Iterator[str]:
    try:
        left: list[Any] = [json.loads(body)]
    except (ValueError, RecursionError):
        return
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            left.extend(reversed(value.values()))
        elif isinstance(value, list):
            left.extend(reversed(value))


def _elements(body: bytes) -> Iterator[str]:
    try:
        yield from read(body).itertext()
    except ValueError:
        return


class _Cut:
    """Half a body, then the end of the connection."""

    ready = True

    def __init__(self, body: bytes) -> None:
        self._left = [body[: len(body) // 2]] if len(body) > 1 else []

    async def read(self) -> bytes:
        if self._left:
            return self._left.pop()
        raise UpstreamFailure("upstream_reset", "The fake was asked to break off its answer.", sent=True)


class _Drip:
    """A body byte by byte for so many seconds, then the rest."""

    ready = False

    def __init__(self, body: bytes, lasts: float) -> None:
        self._left = body
        self._drops = math.inf if lasts == math.inf else round(lasts / _DRIP)

    async def read(self) -> bytes:
        if self._left and self._drops > 0:
            await asyncio.sleep(_DRIP)
        self._drops -= 1
        size = 1 if self._drops >= 0 else len(self._left)
        piece, self._left = self._left[:size], self._left[size:]
        return piece
