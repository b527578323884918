"""The admin listener without a socket: who may ask, and what is answered.

The one thing a reader would get wrong: reading is checked by host and, off loopback, by token; what changes state needs
a token everywhere, and refuses pages of other origins before it looks at the token.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

from proxy.edges.admin_pages import page
from proxy.edges.admin_server import Program
from proxy.edges.debug_reader import MOST, Unreadable, Wanted
from proxy.errors import CODES, Refusal
from proxy.model import Headers

HEAD = 16_384  # bytes of request line and fields
BODY = 65_536
DEPTH = 32  # of JSON
JSON = "application/json"
STATES = frozenset({"open", "closed", "auto"})

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', re.DOTALL)
_STATUS = re.compile(r"([1-5])(xx|[0-9]{2})")
_NUMBER = re.compile(r"[0-9]{1,15}")


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


Handler = Callable[["AdminApi", Ask, str], Awaitable[Answer]]


class AdminApi:
    """Answers one request after the other; raises nothing but a cancellation."""

    def __init__(self, program: Program) -> None:
        self._program = program

    async def __call__(self, ask: Ask) -> Answer:
        try:
            answer = await self._answered(ask)
        except No as no:
            answer = problem(no.status, no.code, no.detail, **no.more)
        except Refusal as refusal:
            answer = problem(CODES[refusal.code].status, refusal.code, refusal.detail)
        except Unreadable:
            answer = problem(500, "internal_error", "The debug log cannot be read.")
        except Exception as error:  # noqa: BLE001 - a bug in one answer must not end the listener
            self._program.bug("admin", error)
            answer = problem(500, "internal_error", "A bug here; the log says more.")
        return answer

    async def _answered(self, ask: Ask) -> Answer:
        if sum(len(name) + len(value) + 4 for name, value in ask.headers) + len(ask.target) > HEAD:
            raise Refusal("head_too_large", "The request head is over 16 KiB.")
        self._program.hosts.check(b"".join(ask.values(b"host")), ask.local)
        path = _path(ask.target)
        if path not in {b"/healthz", b"/readyz"} and not self._program.loopback:
            self._check_token(ask)
        method = "GET" if ask.method == "HEAD" else ask.method
        row, found = _row(path, method)
        if row.changes:
            self._check_change(ask)
        return await row.handler(self, ask, found[1].decode() if found.re.groups else "")

    def _check_change(self, ask: Ask) -> None:
        own = [scheme + host.lower() for scheme in (b"http://", b"https://") for host in ask.values(b"host")]
        if any(origin.lower() not in own for origin in ask.values(b"origin")):
            raise No(403, "browser_refused", "Pages of other origins change nothing here.")
        if self._program.token() is None:
            raise No(403, "forbidden", "Nothing can be changed while no `admin.token` is configured.")
        self._check_token(ask)

    def _check_token(self, ask: Ask) -> None:
        wanted, given = self._program.token(), ask.values(b"authorization")
        bearer = given[0][7:].strip() if len(given) == 1 and given[0][:7].lower() == b"bearer " else b""
        if wanted and hmac.compare_digest(wanted, bearer):
            return
        raise No(401, "unauthorized", "`Authorization: Bearer` with the admin token is needed.")

    async def health(self, ask: Ask, _: str) -> Answer:  # noqa: ARG002 - all rows have one shape
        return shown({"status": "ok"})

    async def readiness(self, ask: Ask, _: str) -> Answer:  # noqa: ARG002
        reasons = self._program.unready()
        return shown({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)

    async def metrics(self, ask: Ask, _: str) -> Answer:
        accept = b", ".join(ask.values(b"accept")).decode("latin-1")
        content_type, text = self._program.scrape(accept)
        return Answer(200, content_type, text)

    async def page(self, ask: Ask, path: str) -> Answer:  # noqa: ARG002
        return Answer(200, *page(path))

    async def upstreams(self, ask: Ask, _: str) -> Answer:  # noqa: ARG002
        return shown({"upstreams": self._program.upstreams(), "unsafe": self._program.unsafe()})

    async def upstream(self, ask: Ask, name: str) -> Answer:  # noqa: ARG002
        found = self._program.upstream(name)
        if found is None:
            raise No(404, "unknown_upstream", "There is no upstream of that name.")
        return shown(found)

    async def requests(self, ask: Ask, _: str) -> Answer:
        wanted = _wanted(ask.target)
        history = self._program.history
        if history is None:
            return shown({"requests": [], "next": None, "enabled": False})
        return shown(await history.requests(wanted))

    async def request(self, ask: Ask, id: str) -> Answer:  # noqa: ARG002
        history = self._program.history
        found = None if history is None else await history.request(id)
        if found is None:
            off = "" if history else " The debug log is off: `debug_log.enabled`."
            raise No(404, "not_found", f"No call with that id is in the debug log.{off}")
        return shown(found)

    async def breaker(self, ask: Ask, name: str) -> Answer:
        wanted = await _json(ask)
        if set(wanted) != {"state"} or wanted["state"] not in STATES:
            raise No(400, "bad_request", 'The body is {"state": "open"}, "closed" or "auto".')
        found = self._program.upstream(name)
        if found is None:
            raise No(404, "unknown_upstream", "There is no upstream of that name.")
        if not self._program.set_breaker(name, str(wanted["state"])):
            raise No(409, "breaker_off", "The breaker of this upstream is switched off.")
        return shown(self._program.upstream(name) or {})

    async def faults(self, ask: Ask, name: str) -> Answer:
        wanted = await _json(ask)
        if not {"faults"} <= set(wanted) <= {"faults", "for"}:
            raise No(400, "bad_request", 'The body is {"faults": […], "for": "5m"}; an empty list ends them.')
        if self._program.upstream(name) is None:
            raise No(404, "unknown_upstream", "There is no upstream of that name.")
        complaints = self._program.set_faults(name, wanted["faults"], wanted.get("for", "5m"))
        if complaints:
            raise No(422, "bad_configuration", "These faults are refused.", complaints=complaints)
        return shown(self._program.upstream(name) or {})

    async def reload(self, ask: Ask, _: str) -> Answer:
        await _json(ask)
        complaints = self._program.reload()
        if complaints:
            raise No(
                422, "bad_configuration", "The configuration is refused; what runs is kept.", complaints=complaints
            )
        return shown({"reloaded": True})

    async def later(self, ask: Ask, _: str) -> Answer:  # noqa: ARG002
        raise No(501, "not_available", "Not available yet.")


@dataclass(frozen=True, slots=True)
class Row:
    method: str
    path: re.Pattern[bytes]
    handler: Handler
    changes: bool = False


def _row_of(method: str, path: bytes, handler: Handler) -> Row:
    return Row(method, re.compile(path), handler, method == "POST")


_NAME = rb"([a-z0-9][a-z0-9_-]*)"
ROWS = (
    _row_of("GET", rb"/healthz", AdminApi.health),
    _row_of("GET", rb"/readyz", AdminApi.readiness),
    _row_of("GET", rb"/metrics", AdminApi.metrics),
    _row_of("GET", rb"(/|/dashboard\.js|/dashboard\.css)", AdminApi.page),
    _row_of("GET", rb"/api/upstreams", AdminApi.upstreams),
    _row_of("GET", rb"/api/upstreams/" + _NAME, AdminApi.upstream),
    _row_of("POST", rb"/api/upstreams/" + _NAME + rb"/breaker", AdminApi.breaker),
    _row_of("POST", rb"/api/upstreams/" + _NAME + rb"/faults", AdminApi.faults),
    _row_of("GET", rb"/api/requests", AdminApi.requests),
    _row_of("GET", rb"/api/requests/([A-Za-z0-9._-]{1,128})", AdminApi.request),
    _row_of("GET", rb"/api/webhooks/(?:events(?:/[^/]+)?|refused)", AdminApi.later),
    _row_of("POST", rb"/api/webhooks/(?:events/[^/]+/(?:redeliver|ack)|pull)", AdminApi.later),
    _row_of("POST", rb"/api/reload", AdminApi.reload),
)


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


def _path(target: bytes) -> bytes:
    """Without query, and without the `http://host` of the absolute form; whose host that is says the Host field."""
    path = target.partition(b"?")[0]
    if path[:7].lower() == b"http://":
        path = b"/" + path[7:].partition(b"/")[2]
    return path


def _row(path: bytes, method: str) -> tuple[Row, re.Match[bytes]]:
    matching = [(row, found) for row in ROWS if (found := row.path.fullmatch(path))]
    for row, found in matching:
        if row.method == method:
            return row, found
    if matching:
        allowed = ", ".join("GET, HEAD" if row.method == "GET" else row.method for row, _ in matching)
        raise No(405, "method_not_allowed", "This path has other methods.", allow=allowed)
    raise No(404, "not_found", "There is nothing at this path.")


def _wanted(target: bytes) -> Wanted:
    """The filters of `/api/requests`. Raises `No` for one that is unknown, doubled or out of its range."""
    pairs = parse_qsl(target.partition(b"?")[2].decode("latin-1"), keep_blank_values=True)
    if len(dict(pairs)) != len(pairs) or not dict(pairs).keys() <= {"upstream", "status", "code", "limit", "after"}:
        raise No(400, "bad_request", "The query knows upstream, status, code, limit and after, each once.")
    given = {name: value for name, value in pairs if value}
    status = _STATUS.fullmatch(given.get("status", "100"))
    limit, after = given.get("limit", "100"), given.get("after", "1")
    if status is None or not _NUMBER.fullmatch(after) or not _NUMBER.fullmatch(limit) or not 1 <= int(limit) <= MOST:
        raise No(400, "bad_request", "status is like 503 or 5xx, limit 1 to 1000, after the `next` of a page.")
    return Wanted(
        upstream=given.get("upstream"),
        status=None if "status" not in given else int(status[1] if status[2] == "xx" else status[0]),
        hundred=status[2] == "xx",
        code=given.get("code"),
        limit=int(limit),
        after=int(after) if "after" in given else None,
    )


async def _json(ask: Ask) -> dict[str, object]:
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
