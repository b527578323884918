"""Questions to the admin listener and its answers: JSON, problem documents, and what says no.

The one thing a reader would get wrong: a problem document repeats nothing of the request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

from proxy.model import Headers

DEPTH = 32  # of JSON
JSON = "application/json"
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request whose framing was checked. `local`: the connection's own address; `read` gives the whole body."""

    method: str
    target: bytes
    headers: Headers
    local: str
    read: Callable[[], Awaitable[bytes]]  # raises `Refusal` where it is too large or too slow

    def values(self, name: bytes) -> list[bytes]:
        """The values of all fields with this lower-case name."""
        return [value for written, value in self.headers if written.lower() == name]


@dataclass(frozen=True, slots=True)
class Answer:
    """`last`: the connection is closed behind it."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    last: bool = False


class No(Exception):
    """An answer that says no, raised where it is known."""

    def __init__(self, status: int, code: str, detail: str, **more: object) -> None:
        super().__init__(code)
        self.status, self.code, self.detail, self.more = status, code, detail, more


def shown(content: object, *, status: int = 200) -> Answer:
    """JSON."""
    return Answer(status, JSON, json.dumps(content, separators=(",", ":"), default=str).encode() + b"\n")


def problem(status: int, code: str, detail: str, **more: object) -> Answer:
    """A problem document; it repeats nothing of the request. Where more of that may come, the connection ends."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    headers = (("WWW-Authenticate", "Bearer"),) if status == 401 else ()
    if "allow" in more:
        headers = (("Allow", str(more.pop("allow"))),)
    body = json.dumps({**content, **more}).encode() + b"\n"
    return Answer(status, "application/problem+json", body, headers, last=status in {400, 405, 408, 413, 417, 421, 431})


def query_of(target: bytes, known: frozenset[str]) -> dict[str, str]:
    """The query's pairs that have a value. Raises `No` for a name that is not `known`, or comes twice."""
    pairs = parse_qsl(target.partition(b"?")[2].decode("latin-1"), keep_blank_values=True)
    if len(dict(pairs)) != len(pairs) or not dict(pairs).keys() <= known:
        raise No(400, "bad_request", f"The query knows {', '.join(sorted(known))}, each once.")
    return {name: value for name, value in pairs if value}


async def json_of(ask: Ask) -> dict[str, object]:
    """The body's object; {} where there is no body at all."""
    body = await ask.read()
    if not body.strip():
        return {}
    if [value.partition(b";")[0].strip().lower() for value in ask.values(b"content-type")] != [JSON.encode()]:
        raise No(400, "bad_request", "The body must be application/json.")
    try:
        content = None if _too_deep(body) else json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise No(400, "bad_request", "The body is not a JSON object, or nested too deep.")
    return content


def _too_deep(body: bytes) -> bool:
    depth = 0
    for found in _TOKEN.finditer(body):
        depth += bool(found[1]) - bool(found[2])
        if depth > DEPTH:
            return True
    return False
