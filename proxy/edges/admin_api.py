"""The admin listener without a socket: who may ask, and what is answered.

The one thing a reader would get wrong: reading is checked by host and, off loopback, by token; what changes state needs
a token everywhere, and refuses pages of other origins before it looks at the token.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proxy.edges.admin_pages import page
from proxy.edges.admin_server import Program
from proxy.edges.admin_words import JSON, Answer, Ask, No, json_of, problem, query_of, shown
from proxy.edges.debug_reader import MOST, Unreadable, Wanted
from proxy.edges.webhook_desk import desk_of
from proxy.errors import CODES, Refusal
from proxy.webhooks.inbox import InboxUnavailable

HEAD = 16_384  # bytes of request line and fields
BODY = 65_536
STATES = frozenset({"open", "closed", "auto"})

_STATUS = re.compile(r"([1-5])(xx|[0-9]{2})")
_NUMBER = re.compile(r"[0-9]{1,15}")


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
        except InboxUnavailable:
            answer = problem(503, "inbox_unavailable", "The inbox cannot be read or written now; the log says more.")
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

    async def health(self, ask: Ask, _: str) -> Answer:
        return shown({"status": "ok"})

    async def readiness(self, ask: Ask, _: str) -> Answer:
        reasons = self._program.unready()
        return shown({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)

    async def metrics(self, ask: Ask, _: str) -> Answer:
        if self._program.webhooks is not None:
            await self._program.webhooks.look()
        accept = b", ".join(ask.values(b"accept")).decode("latin-1")
        content_type, text = self._program.scrape(accept)
        return Answer(200, content_type, text)

    async def page(self, ask: Ask, path: str) -> Answer:
        return Answer(200, *page(path))

    async def upstreams(self, ask: Ask, _: str) -> Answer:
        return shown({"upstreams": self._program.upstreams(), "unsafe": self._program.unsafe()})

    async def upstream(self, ask: Ask, name: str) -> Answer:
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

    async def request(self, ask: Ask, id: str) -> Answer:
        history = self._program.history
        found = None if history is None else await history.request(id)
        if found is None:
            off = "" if history else " The debug log is off: `debug_log.enabled`."
            raise No(404, "not_found", f"No call with that id is in the debug log.{off}")
        return shown(found)

    async def breaker(self, ask: Ask, name: str) -> Answer:
        wanted = await json_of(ask)
        if set(wanted) != {"state"} or str(wanted["state"]) not in STATES:
            raise No(400, "bad_request", 'The body is {"state": "open"}, "closed" or "auto".')
        found = self._program.upstream(name)
        if found is None:
            raise No(404, "unknown_upstream", "There is no upstream of that name.")
        if not self._program.set_breaker(name, str(wanted["state"])):
            raise No(409, "breaker_off", "The breaker of this upstream is switched off.")
        return shown(self._program.upstream(name) or {})

    async def faults(self, ask: Ask, name: str) -> Answer:
        wanted = await json_of(ask)
        if not {"faults"} <= set(wanted) <= {"faults", "for"}:
            raise No(400, "bad_request", 'The body is {"faults": […], "for": "5m"}; an empty list ends them.')
        if self._program.upstream(name) is None:
            raise No(404, "unknown_upstream", "There is no upstream of that name.")
        complaints = self._program.set_faults(name, wanted["faults"], wanted.get("for", "5m"))
        if complaints:
            raise No(400, "bad_configuration", "These faults are refused.", complaints=complaints)
        return shown(self._program.upstream(name) or {})

    async def reload(self, ask: Ask, _: str) -> Answer:
        await json_of(ask)
        complaints = self._program.reload()
        if complaints:
            raise No(
                422, "bad_configuration", "The configuration is refused; what runs is kept.", complaints=complaints
            )
        return shown({"reloaded": True})

    async def webhooks(self, ask: Ask, _: str) -> Answer:
        desk = self._program.webhooks
        return shown({"webhooks": []} if desk is None else await desk.webhooks())

    async def events(self, ask: Ask, _: str) -> Answer:
        desk = self._program.webhooks
        return shown({"events": [], "next": None} if desk is None else await desk.events(ask.target))

    async def event(self, ask: Ask, id: str) -> Answer:
        return shown(await desk_of(self._program.webhooks).event(id))

    async def refused(self, ask: Ask, _: str) -> Answer:
        desk = self._program.webhooks
        return shown({"refused": []} if desk is None else desk.refused(ask.target))

    async def verify(self, ask: Ask, _: str) -> Answer:
        return shown(await desk_of(self._program.webhooks).verify(ask.target))

    async def redeliver(self, ask: Ask, id: str) -> Answer:
        await json_of(ask)
        return shown(await desk_of(self._program.webhooks).redeliver(id), status=202)

    async def pull(self, ask: Ask, _: str) -> Answer:
        return shown(await desk_of(self._program.webhooks).pull(await json_of(ask)))

    async def ack(self, ask: Ask, id: str) -> Answer:
        await json_of(ask)
        await desk_of(self._program.webhooks).ack(id)
        return Answer(204, JSON, b"")


@dataclass(frozen=True, slots=True)
class Row:
    method: str
    path: re.Pattern[bytes]
    handler: Handler
    changes: bool = False


def _row_of(method: str, path: bytes, handler: Handler) -> Row:
    return Row(method, re.compile(path), handler, method == "POST")


_NAME = rb"([a-z0-9][a-z0-9_-]*)"
_EVENT = rb"([A-Za-z0-9-]{1,64})"
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
    _row_of("GET", rb"/api/webhooks", AdminApi.webhooks),
    _row_of("GET", rb"/api/webhooks/events", AdminApi.events),
    _row_of("GET", rb"/api/webhooks/events/" + _EVENT, AdminApi.event),
    _row_of("POST", rb"/api/webhooks/events/" + _EVENT + rb"/redeliver", AdminApi.redeliver),
    _row_of("POST", rb"/api/webhooks/events/" + _EVENT + rb"/ack", AdminApi.ack),
    _row_of("GET", rb"/api/webhooks/refused", AdminApi.refused),
    _row_of("GET", rb"/api/webhooks/verify", AdminApi.verify),
    _row_of("POST", rb"/api/webhooks/pull", AdminApi.pull),
    _row_of("POST", rb"/api/reload", AdminApi.reload),
)


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
    given = query_of(target, frozenset({"upstream", "status", "code", "limit", "after"}))
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
