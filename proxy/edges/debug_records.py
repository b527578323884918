"""A call with its attempts as it goes into the debug log: decoded, redacted, then cut.

Runs in the writer's thread. The one thing a reader would get wrong: a body is cut after it was redacted, never before.
"""

from __future__ import annotations

import base64
import codecs
import json
import zlib
from dataclasses import dataclass

from proxy.model import Headers
from proxy.rules.redaction import Redactor
from proxy.rules.sensitive import Marks
from proxy.stages.capture import Exchange, Taken

DECODED = 1 << 20  # bytes: more of a compressed body is not looked at
_WINDOWS = {b"gzip": (47,), b"x-gzip": (47,), b"deflate": (47, -15)}  # deflate: with zlib's head, or without
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A call that ended. `started` is Unix seconds; `decisions` are (seconds since the start, stage, text)."""

    id: str
    upstream: str
    method: str
    target: bytes
    status: int | None  # None: no head was sent
    code: str | None
    attempts: int
    started: float
    seconds: float
    provider_id: str | None
    stopped: str | None
    decisions: list[tuple[float, str, str]]
    exchanges: list[Exchange]
    marks: Marks
    max_body: int

    @property
    def size(self) -> int:
        """Bytes of bodies that it refers to."""
        return sum(len(piece) for one in self.exchanges for taken in (one.sent, one.received) for piece in taken.pieces)

    def row(self, redactor: Redactor) -> Row:
        """The values of the columns, in their order."""
        decisions = [
            {"at_ms": _ms(at), "stage": stage, "text": redactor.text(text)} for at, stage, text in self.decisions
        ]
        exchanges = [_exchange(one, self, redactor) for one in self.exchanges]
        return (
            redactor.text(self.id),
            self.upstream,
            redactor.text(self.method),
            _text(redactor.target(self.target, self.marks)),
            self.status,
            self.code,
            self.attempts,
            round(self.started, 3),
            _ms(self.seconds),
            None if self.provider_id is None else redactor.text(self.provider_id),
            self.stopped,
            json.dumps({"decisions": decisions, "exchanges": exchanges}, separators=(",", ":")),
        )


def _exchange(one: Exchange, record: Record, redactor: Redactor) -> dict[str, object]:
    return {
        "attempt": one.attempt,
        "started_ms": _ms(one.started),
        "duration_ms": _ms(one.seconds),
        "outcome": one.outcome,
        "request": {
            "method": redactor.text(one.method),
            "target": _text(redactor.target(one.target, record.marks)),
            **_message(one.headers, one.sent, record, redactor),
        },
        "response": {"status": one.status, **_message(one.response_headers, one.received, record, redactor)}
        if one.status
        else None,
    }


def _message(headers: Headers, taken: Taken, record: Record, redactor: Redactor) -> dict[str, object]:
    fields = redactor.headers(headers, record.marks)
    content, whole = _decoded(b"".join(taken.pieces), _value(headers, b"content-encoding"))
    shown: dict[str, object] = {"headers": [[_text(name), _text(value)] for name, value in fields]}
    if content is None:  # nobody can look for secrets in it
        return {**shown, "body": None, "truncated": True}
    truncated = taken.truncated or not whole or len(content) > record.max_body
    seen = redactor.body(content, _value(headers, b"content-type"), record.marks, record.max_body)
    return {**shown, "body": _body(seen, truncated=truncated), "truncated": truncated}


def _decoded(content: bytes, coding: bytes) -> tuple[bytes | None, bool]:
    """The content as its reader sees it, None where nobody here can tell; and whether that is all of it."""
    if coding in {b"", b"identity"} or not content:
        return content, True
    for bits in _WINDOWS.get(coding, ()):
        inflating = zlib.decompressobj(bits)
        try:
            return inflating.decompress(content, DECODED), inflating.eof
        except zlib.error:
            continue
    return None, False


def _value(headers: Headers, wanted: bytes) -> bytes:
    return b", ".join(value.strip().lower() for name, value in headers if name.lower() == wanted)


def _body(content: bytes, *, truncated: bool) -> str | dict[str, str]:
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(content, final=not truncated)
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
