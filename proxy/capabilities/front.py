"""`POST /_/{capability}/{operation}`: JSON in, JSON out, whoever stands behind.

The one thing a reader would get wrong: an answer is kept under its key only if it is final. A provider that could not
be reached leaves the key free; one that never answered leaves it marked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any, NamedTuple

from proxy.body import Body, Whole
from proxy.capabilities import checks
from proxy.capabilities.errors import CODES, IntegrationError, failure
from proxy.capabilities.idempotency import Entry, Keys, Place
from proxy.errors import Refusal
from proxy.events import Events
from proxy.model import Call, Request, Response
from proxy.rules.callers import unauthorized
from proxy.timing import Alarms

LARGEST = 1 << 20  # bytes of a request
SLOWEST = 30.0  # seconds for a request's body
FINAL = frozenset({"", "payment_declined", "invalid_request", "out_of_stock"})  # codes of answers that are kept
PREFIX = b"/_/"


class Operation(NamedTuple):
    """`method`: of the interface. `needs`, `may`: fields that a request must and may have. `writes`: it needs a key."""

    method: str
    needs: tuple[str, ...]
    may: tuple[str, ...] = ()
    writes: bool = True


OPERATIONS: dict[tuple[str, str], Operation] = {
    ("payments", "charge"): Operation(
        "charge", ("amount", "currency", "source"), ("description", "customer", "metadata")
    ),
    ("payments", "refund"): Operation("refund", ("charge",), ("amount",)),
    ("sms", "send"): Operation("send", ("to", "text"), ("from", "callback")),
    ("chat", "post"): Operation("post", ("channel", "text"), ("thread",)),
    ("inventory", "get"): Operation("get", ("sku",), writes=False),
    ("inventory", "reserve"): Operation("reserve", ("sku", "quantity", "reference")),
}
PARAMETERS = {"from": "from_"}  # fields whose name is a word of Python


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """`upstream`: whose calls it makes, None for a mock. `provider`: makes the adapter for one call.

    `keyed`: the provider itself does only once what it gets twice under one key. `mock`: nothing leaves the machine.
    """

    upstream: str | None
    provider: Callable[[Call], object]
    keyed: bool
    mock: bool


class _Said(NamedTuple):
    """`code`: "" for a success."""

    status: int
    body: bytes
    code: str = ""
    retry_after: float | None = None
    cause: str | None = None
    replayed: bool = False
    mock: bool = False


class Front:
    """Answers what comes below `/_/`, once the gateway has let it in. `capabilities`: those that are configured."""

    def __init__(
        self,
        capabilities: Mapping[str, Capability],
        keys: Keys,
        *,
        now: Callable[[], float],
        alarms: Alarms,
        events: Events,
    ) -> None:
        self._capabilities = capabilities
        self._keys = keys
        self._now = now
        self._alarms = alarms
        self._events = events

    async def __call__(self, request: Request, allowed: Collection[str] | None) -> Response:
        """`allowed`: the upstreams that the caller may use, None for all. Raises `Refusal`."""
        call = request.call
        try:
            said = await self._said(request, allowed)
        except IntegrationError as error:
            said = _problem(error, call)
        if not call.upstream:  # no upstream was asked, so nobody else tells of this call
            self._events.call_ended(call, said.status, said.code or "ok", self._now() - call.started)
        return _response(said)

    async def _said(self, request: Request, allowed: Collection[str] | None) -> _Said:
        name, _, word = request.target.partition(b"?")[0].removeprefix(PREFIX).decode("latin-1").partition("/")
        operation, capability = OPERATIONS.get((name, word)), self._capabilities.get(name)
        if operation is None or capability is None:
            raise failure("unknown_capability")
        if allowed is not None and capability.upstream is not None and capability.upstream not in allowed:
            raise unauthorized()
        if request.method != "POST":
            return _wrong_method(request.call)
        if request.call.notes.get(b"expect", b"100-continue").strip().lower() != b"100-continue":
            raise Refusal("expectation_failed", "The only expectation that is met is 100-continue.")
        key = checks.idempotency_key(_key(request)) if operation.writes else None
        content = _object(await self._read(request.body))
        run = _Run(capability, operation, content, request.call)
        if key is None:
            said = await run(None)
        else:
            digest = sha256(json.dumps([name, word, content], sort_keys=True).encode()).hexdigest()
            said = await self._once(f"{name} {key}", digest, run, key)
        return said._replace(mock=capability.mock)

    async def _once(self, place: str, digest: str, run: _Run, key: str) -> _Said:
        before = self._keys.find(place, self._now())
        kept = None if before is None else _known(before, digest, keyed=run.capability.keyed)
        if kept is not None:
            return kept
        self._keys.begin(place, digest, self._now())
        try:
            said = await run(key)
        except BaseException:  # the application left, or a bug: whatever was sent may have been done
            self._settle(place, before, "client_gone" if run.call.attempts else "")
            raise
        if said.code in FINAL:
            self._keys.finish(place, said.status, said.body, self._now())
        else:
            self._settle(place, before, said.cause or "" if said.code == "outcome_unknown" else "")
        return said

    def _settle(self, place: str, before: Entry | None, lost: str) -> None:
        """Frees a key under which nothing was done, now or before. `lost`: the end of a call that may have done it."""
        cause = lost or ("" if before is None else before.cause)
        if cause:
            self._keys.lose(place, cause, self._now())
        else:
            self._keys.forget(place)

    async def _read(self, body: Body | None) -> bytes:
        if body is None:
            return b""
        if body.length is not None and body.length > LARGEST:
            raise Refusal("request_too_large", f"The request is over {LARGEST} bytes.")
        body.admit(keep=0, most=LARGEST)
        stream, pieces = body.open(), []
        try:
            with self._alarms.at(self._now() + SLOWEST):
                while piece := await stream.read():
                    pieces.append(piece)
        except TimeoutError:
            raise Refusal("request_timeout", f"The request was not there after {SLOWEST:g} s.") from None
        return b"".join(pieces)


class _Run(NamedTuple):
    """One operation with what was asked for."""

    capability: Capability
    operation: Operation
    content: Mapping[str, object]
    call: Call

    async def __call__(self, key: str | None) -> _Said:
        try:
            result = await self._perform({} if key is None else {"idempotency_key": key})
        except IntegrationError as error:
            return _problem(error, self.call)
        return _Said(200, json.dumps(asdict(result) | {"request_id": self.call.id}).encode())

    async def _perform(self, more: Mapping[str, str]) -> Any:
        needs, known = self.operation.needs, self.operation.needs + self.operation.may
        for name in self.content:
            if name not in known:
                raise checks.invalid(name[:64], f"There is no such field; there are {', '.join(known)}.")
        for name in needs:
            if self.content.get(name) is None:
                raise checks.invalid(name, f"{name} is required.")
        given = {PARAMETERS.get(name, name): value for name, value in self.content.items()}
        return await getattr(self.capability.provider(self.call), self.operation.method)(**given, **more)


def _known(entry: Entry, digest: str, *, keyed: bool) -> _Said | None:
    """The answer that is kept; None where the request may be sent once more. Raises what else the key forbids."""
    if entry.digest != digest:
        raise failure("idempotency_conflict")
    if entry.place is Place.RUNNING:
        raise failure("in_progress")
    if entry.place is Place.DONE:
        code = "" if entry.status == 200 else str(json.loads(entry.body)["code"])
        return _Said(entry.status, entry.body, code, replayed=True)
    if not keyed:
        words = "An earlier request with this key was sent and never answered."
        raise failure("outcome_unknown", words, cause=entry.cause)
    return None


def _key(request: Request) -> str | None:
    """The one `Idempotency-Key`; None where there is none, or two."""
    found = [value for name, value in request.headers if name.lower() == b"idempotency-key"]
    return found[0].decode("latin-1").strip(" \t") if len(found) == 1 else None


def _object(body: bytes) -> Mapping[str, object]:
    try:
        content = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise failure("invalid_request", "The request is not JSON.") from None
    if not isinstance(content, dict):
        raise failure("invalid_request", "The request is not a JSON object.")
    return content


def _no_number(word: str) -> None:
    raise ValueError(word)  # NaN and Infinity are not JSON


def _problem(error: IntegrationError, call: Call) -> _Said:
    after = None if error.retry_after is None else max(1, math.ceil(error.retry_after))
    document = {
        "type": "about:blank",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": call.id,
        "field": error.field,
        "reason": error.reason,
        "customer_message": error.customer_message,
        "cause": error.cause,
        "retry_after": after,
    }
    body = json.dumps({name: value for name, value in document.items() if value is not None}).encode()
    return _Said(error.status, body, error.code, after, error.cause)


def _wrong_method(call: Call) -> _Said:
    document = {
        "type": "about:blank",
        "title": "Method not allowed",
        "status": 405,
        "detail": "Operations are asked for with POST.",
        "code": "method_not_allowed",
        "request_id": call.id,
    }
    return _Said(405, json.dumps(document).encode(), "method_not_allowed")


def _response(said: _Said) -> Response:
    headers = [(b"Content-Type", b"application/json" if said.status == 200 else b"application/problem+json")]
    if said.mock:
        headers.append((b"Outrigger-Mock", b"true"))
    if said.replayed:
        headers.append((b"Idempotent-Replayed", b"true"))
    if said.code:
        row = CODES.get(said.code)
        token = "http_request_denied" if row is None else row.token
        headers.append((b"Outrigger-Error", said.code.encode()))
        headers.append((b"Proxy-Status", f"outrigger; error={token}".encode()))
    if said.status == 405:
        headers.append((b"Allow", b"POST"))
    if said.retry_after is not None:
        headers.append((b"Retry-After", b"%d" % said.retry_after))
    reason = HTTPStatus(said.status).phrase.encode()
    return Response(
        said.status, reason, tuple(headers), Whole(said.body), len(said.body), made_here=said.code or "capability"
    )
