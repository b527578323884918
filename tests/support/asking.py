"""Asks a handler directly, as the pipeline would, and reads what it says to the end."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from proxy.body import whole_body
from proxy.model import Call, Request
from proxy.pipeline import Handler

BASE = b"http://127.0.0.1:8600/upstream"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    length: int | None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    origin: str | None = None,
) -> Request:
    call = Call(id="call", started=0.0, base=BASE, upstream="upstream", method=method)
    fields = tuple((name.encode(), value.encode()) for name, value in (headers or {}).items())
    sent = None if body is None else whole_body(body)
    return Request(method, target.encode(), fields, sent, call, origin=origin)


async def ask(
    handler: Handler,
    line: str,
    form: Mapping[str, object] | None = None,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    origin: str | None = None,
) -> Answer:
    """`line`: `GET /path?query`. `form` goes into the body."""
    method, _, target = line.partition(" ")
    sent = dict(headers or {})
    if form is not None:
        content = urlencode(form, doseq=True).encode()
        sent.setdefault("Content-Type", FORM)
    response = await handler(request(method, target, content, sent, origin))
    pieces = []
    while piece := await response.body.read():
        pieces.append(piece)
    response.close()
    fields = {name.decode(): value.decode() for name, value in response.headers}
    return Answer(response.status, fields, b"".join(pieces), response.length)
