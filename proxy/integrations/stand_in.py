"""A provider's place at the end of the pipeline: what all fakes do, so that each has only its provider to know.

A fake answers at once and from memory, so it is a plain function here; what it is asked has been read whole, and what
it says becomes a response with `Outrigger-Mock` and the provider's request id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

from proxy.body import Stream, Whole
from proxy.integrations.forms import Pairs, pairs
from proxy.integrations.ids import Ids
from proxy.integrations.rehearsal import Mark, Marks, spoilt, suffer, texts
from proxy.model import Headers, Request, Response

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_MOST = 8 << 20  # bytes of a body that are kept; of a longer one only size and digest are known


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read whole. `path` is as it came; `base` is the proxy's address of the upstream, "" if unknown."""

    method: str
    path: str
    query: Pairs
    headers: Mapping[str, str]  # by lower-case name
    body: bytes
    size: int
    sha256: str
    origin: str | None
    base: str

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path, decoded one by one."""
        return tuple(unquote(part) for part in self.path.split("/")[1:])

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case; "" where none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def kept(self) -> bool:
        """False if the body was too long to keep."""
        return len(self.body) == self.size


class Told(NamedTuple):
    """What the provider would send to a webhook because of what was done, unsigned. `after`: seconds from then."""

    body: bytes
    headers: Mapping[str, str]
    after: float = 0.1


Tell = Callable[[Told], None]


def silent(_: Told) -> None:
    """Where nobody listens."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, whole. `told`: the events that follow from it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    told: tuple[Told, ...] = ()


class Provider(Protocol):
    """What a fake has to know of its provider."""

    def answer(self, asked: Asked, /) -> Said:
        """Does what is asked and says what came of it."""

    def error(self, status: int, asked: Asked, /) -> Said:
        """An error of that status in the provider's own shape."""

    def request_id(self, ids: Ids, /) -> tuple[str, str]:
        """The header that names a request, and a new value for it."""


class StandIn:
    """A `Handler` around a provider. `tell` gets the events of what was done, those of rehearsed failures apart."""

    def __init__(self, provider: Provider, tell: Tell = silent) -> None:
        self._provider = provider
        self._tell = tell
        self._marks = Marks()
        self._ids = Ids("request")

    async def __call__(self, request: Request) -> Response:
        asked = await _read(request)
        mark = self._marks.next_in(texts(asked.query, asked.content_type, asked.body))
        if mark is not None:
            await suffer(mark)
        said = self._say(asked, mark)
        headers = dict([*said.headers.items(), self._provider.request_id(self._ids)])
        if mark is not None and mark.wait is not None:
            headers["Retry-After"] = f"{mark.wait:g}"
        stream = Whole(said.body) if mark is None else spoilt(mark, said.body)
        for told in said.told if mark is None or mark.what == "slow" else ():
            self._tell(told)
        return _respond(request, said, stream, headers)

    def _say(self, asked: Asked, mark: Mark | None) -> Said:
        if mark is not None and mark.status is not None:
            return self._provider.error(mark.status, asked)
        if not asked.kept and asked.origin is None:
            return self._provider.error(413, asked)
        return self._provider.answer(asked)


def said_json(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Said:
    """An answer in JSON."""
    return Said(status, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})


async def _read(request: Request) -> Asked:
    path, _, query = request.target.partition(b"?")
    moved = request.call.progress
    moved()  # there is nothing to connect to: the time for an answer runs
    digest, size, pieces = sha256(), 0, []
    if request.body is not None:
        stream = request.body.open()
        while piece := await stream.read():
            digest.update(piece)
            size += len(piece)
            moved()
            if size <= _MOST:
                pieces.append(piece)
    return Asked(
        method="GET" if request.method == "HEAD" else request.method,
        path=path.decode("latin-1"),
        query=pairs(query),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers},
        body=b"".join(pieces) if size <= _MOST else b"",
        size=size,
        sha256=digest.hexdigest(),
        origin=request.origin,
        base=request.call.base.decode("latin-1"),
    )


def _respond(request: Request, said: Said, stream: Stream, headers: Mapping[str, str]) -> Response:
    fields: Headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())
    fields += ((b"Outrigger-Mock", b"true"),)
    length = len(said.body)
    if request.method == "HEAD":
        fields += ((b"Content-Length", b"%d" % length),)
        stream, length = Whole(), 0
    return Response(said.status, REASONS.get(said.status, b""), fields, stream, length)
