"""What never reaches a log or the debug store.

The one thing a reader would get wrong: a body is redacted whole and cut afterwards, or a secret could survive as its
first half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.model import Headers
from proxy.rules.disguises import Known, find, known, redacted, replace
from proxy.rules.sensitive import (
    Marks,
    cards,
    fields_of_body,
    fields_of_query,
    fields_of_urls,
    hides_header,
)
from proxy.units import Bytes, Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugSettings:
    """Raw capture of one upstream; needs `debug_log.enabled`."""

    raw: bool = False
    sample: Ratio = 1.0
    when: Literal["all", "error", "retry"] = "all"
    max_body: Bytes = 64 << 10
    redact: tuple[str, ...] = ()  # JSON pointers, `form:NAME`, header names


NO_MARKS = Marks()
LONGEST_CARD = 40  # bytes: 19 digits, and a blank or dash after each


class Redactor:
    """Takes out every value that was ever good in this process, in any form, and what the lists of names hide.

    `learn` may run beside the other methods in another thread: what they read is replaced, never changed.
    """

    def __init__(self) -> None:
        self._all: tuple[Known, ...] = ()
        self._long: tuple[Known, ...] = ()  # short ones would be found in every other word of a body

    def learn(self, name: str, value: bytes) -> None:
        """From now on `value` is shown as `[redacted NAME]`."""
        if value and all(one.value != value for one in self._all):
            # the longest first: of two values that begin alike the longer one names the place
            self._all = tuple(sorted((*self._all, known(name, value)), key=lambda one: -len(one.value)))
            self._long = tuple(one for one in self._all if not one.short)

    def text(self, line: str) -> str:
        """A line of ours, for logs. It holds no body and no query, so nothing is looked for but the values."""
        raw = line.encode("utf-8", "surrogateescape")
        spans = find(raw, self._long)
        return replace(raw, spans).decode("utf-8", "surrogateescape") if spans else line

    def headers(self, headers: Headers, marks: Marks = NO_MARKS) -> Headers:
        """Fields in the same order; hidden ones lose their whole value."""
        values = b"\n".join(
            redacted(name.decode("ascii", "replace").lower())
            if hides_header(name, marks)
            else value.replace(b"\n", b" ")
            for name, value in headers
        )
        spans = [*find(values, self._all), *cards(values), *fields_of_urls(values, marks)]
        cleaned = replace(values, spans).split(b"\n")
        return tuple((name, value) for (name, _), value in zip(headers, cleaned, strict=False))

    def target(self, target: bytes, marks: Marks = NO_MARKS) -> bytes:
        """A path with its query."""
        query = target.find(b"?") + 1 or len(target)
        return replace(target, [*find(target, self._all), *cards(target), *fields_of_query(target, marks, query)])

    def body(self, content: bytes, content_type: bytes, marks: Marks = NO_MARKS, limit: int | None = None) -> bytes:
        """What may be seen of the first `limit` bytes. `content` reaches further, as far as a value may be long."""
        seen = content if limit is None else content[: limit + LONGEST_CARD]
        spans = [*find(content, self._long), *cards(seen), *fields_of_body(content, content_type.lower(), marks)]
        return replace(content, spans, limit)
