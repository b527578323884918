"""The front door without a socket: who asks, for which upstream, and every ending turned into an answer.

The one thing a reader would get wrong: nothing normalises the target before the upstream's name is taken off it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from proxy.errors import ClientGone, ProxyError, Refusal
from proxy.events import Events
from proxy.model import Call, Headers, Request, Response
from proxy.pipeline import Handler
from proxy.rules.answer import made_here, signed
from proxy.rules.callers import no_browser, unauthorized
from proxy.rules.headers import AddressPass, HeaderPass
from proxy.upstream import Snapshot, Upstream

_ORIGIN = re.compile(rb"/~([A-Za-z0-9_-]+)((?:[/?].*)?)", re.DOTALL)
_HTTP = b"http://"
_NORMALISED = b"/_/"
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


# Where a request goes, what is left of its target, and the proxy's address of that as the application wrote it.
Route = tuple[Upstream, bytes, bytes]


class Gateway:
    """Finds the upstream, runs it, turns errors into answers. `snapshot` is swapped as a whole by a reload."""

    def __init__(self, snapshot: Snapshot, events: Events, now: Callable[[], float]) -> None:
        self.snapshot = snapshot
        self._events = events
        self._now = now
        self._hygiene = HeaderPass()
        self._addresses = AddressPass()

    def __call__(self, request: Request) -> Coroutine[Any, Any, Response]:
        """One request of the proxy listener. Raises nothing but a cancellation."""
        if request.target.startswith(_NORMALISED):
            return self._normalised(request)
        return self._answer(request, self._by_name)  # not `async`: that would be one more frame for every wait

    def direct(self, name: str) -> Handler:
        """The same for an upstream's own listener, where its paths start at `/`."""

        def route(request: Request) -> Route:
            upstream = self.snapshot.upstreams.get(name.encode())
            if upstream is None or not request.target.startswith(b"/"):
                raise unknown()
            return upstream, request.target, _HTTP + request.call.notes.get(b"host", b"")

        return lambda request: self._answer(request, route)

    def refuse(self, refusal: ProxyError, call: Call) -> Response:
        """The answer to a request that never became one: bad framing, a head too large or too late."""
        response = made_here(refusal, call)
        call.reason = refusal.detail
        self._events.call_ended(call, response.status, refusal.code, self._now() - call.started)
        response.headers = signed(response, call)
        return response

    async def _answer(self, request: Request, route: Callable[[Request], Route]) -> Response:
        call = request.call
        call.method = request.method
        upstream = None
        try:
            upstream, onward = self._admitted(request, route)
            response = await upstream.handle(onward)
        except ProxyError as error:
            return self._made_here(error, call, upstream)
        except Exception as error:  # noqa: BLE001 - a bug in one call must not end the others
            self._events.bug("gateway", error)
            return self._made_here(Refusal("internal_error"), call, upstream)
        if response.made_here is None:
            response.headers = self._addresses(response.headers, upstream.addresses, call.base)
        response.headers = signed(response, call)
        return response

    async def _normalised(self, request: Request) -> Response:
        """One request below `/_/`, past the same checks as any other."""
        call, front = request.call, self.snapshot.front
        call.method = request.method
        try:
            headers, allowed = self._checked(request)
            if front is None:
                raise unknown()
            call.base = _HTTP + call.notes.get(b"host", b"")
            response = await front(request.with_headers(headers), allowed)
        except ProxyError as error:
            return self._made_here(error, call, None)
        except Exception as error:  # noqa: BLE001 - a bug in one call must not end the others
            self._events.bug("gateway", error)
            return self._made_here(Refusal("internal_error"), call, None)
        response.headers = signed(response, call)
        return response

    def _admitted(self, request: Request, route: Callable[[Request], Route]) -> tuple[Upstream, Request]:
        """The request as the pipeline wants it."""
        call = request.call
        headers, allowed = self._checked(request)
        upstream, rest, call.base = route(request)
        if allowed is not None and upstream.name not in allowed:
            raise unauthorized()
        call.upstream = upstream.name
        call.target = rest
        origin = None
        if rest.startswith(b"/~") and upstream.settings.origins:
            rest, origin = _origin(upstream, rest)
        return upstream, Request(request.method, rest, headers, request.body, call, origin=origin)

    def _checked(self, request: Request) -> tuple[Headers, Collection[str] | None]:
        """The headers that go on, and the upstreams that the caller may use. The order is that of `security.md` §4."""
        call, snapshot = request.call, self.snapshot
        headers, notes = self._hygiene(request.headers)
        call.notes = notes
        given = notes.get(b"outrigger-request-id")
        if given is not None and _ID.fullmatch(given):
            call.id = given.decode()
        snapshot.hosts.check(notes.get(b"host", b""), call.local)
        no_browser(notes)
        return headers, snapshot.callers.admit(notes, call.peer)

    def _by_name(self, request: Request) -> Route:
        target = request.target
        if target.startswith(b"/"):
            root, start = _HTTP + request.call.notes.get(b"host", b"") + b"/", 1
        elif target.startswith(_HTTP):  # absolute form, as from a client with a proxy setting
            root, start = _HTTP, len(_HTTP)
        else:
            raise unknown()
        end = target.find(b"/", start)
        name = target[start:] if end < 0 else target[start:end]
        if b"?" in name:
            name = name[: name.find(b"?")]
        upstream = self.snapshot.upstreams.get(name)
        if upstream is None:
            raise unknown()
        rest = target[start + len(name) :]
        if upstream.rooted and not rest.startswith(b"/"):
            rest = b"/" + rest
        return upstream, rest, root + name

    def _made_here(self, error: ProxyError, call: Call, upstream: Upstream | None) -> Response:
        if isinstance(error, ClientGone):  # nobody is there to read it
            error = Refusal("request_timeout", "The application closed its connection.")
        if upstream is None and not call.upstream:
            return self.refuse(error, call)
        native = () if upstream is None else (upstream.settings.errors, upstream.settings.native)
        response = made_here(error, call, *native)
        response.headers = signed(response, call)
        return response


def unknown() -> Refusal:
    """The refusal of a target that names no upstream; it lists none."""
    return Refusal("unknown_upstream", "The path does not begin with the name of an upstream.")


def _origin(upstream: Upstream, rest: bytes) -> tuple[bytes, str | None]:
    found = _ORIGIN.fullmatch(rest)
    if found is None or found[1].decode() not in upstream.settings.origins:
        return rest, None
    return found[2] if found[2].startswith(b"/") else b"/" + found[2], found[1].decode()
