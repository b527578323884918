"""How an adapter asks its provider: one function that is the whole pipeline of that upstream.

The one thing a reader would get wrong: a call that was sent and not answered is no failure of a write. It may have been
done, by any of its attempts, so it ends with `outcome_unknown` unless a later attempt was answered for certain.
"""

from __future__ import annotations

import json as json_text
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol
from urllib.parse import urlencode

from proxy.body import whole_body
from proxy.capabilities.errors import IntegrationError, failure
from proxy.errors import ProxyError, Refusal, UpstreamFailure
from proxy.model import Call, Headers, Request, Response
from proxy.timing import Alarms
from proxy.upstream import Upstream

_LARGEST = 1 << 20  # bytes of an answer
_LONGEST_KEY = 255  # of what providers take
_WAITS = frozenset({"cooldown", "rate_limited"})  # refusals that say: later
_THE_APPLICATIONS = frozenset({"bad_request", "expectation_failed", "request_too_large", "request_timeout"})
_PREPARED = b"Outrigger-Fallback"
_CERTAIN = frozenset({"ok", "refused"})  # outcomes that say what became of the request


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A provider's answer, whole. `outcome`, `code`: what the preset's rules made of it.

    `retry_after`: seconds that it asked to wait. `request_id`: ours, under which the exchange is in the debug log.
    """

    status: int
    headers: Headers
    body: bytes
    outcome: str
    code: str | None
    request_id: str
    retry_after: float | None = None

    @property
    def json(self) -> Mapping[str, object]:
        """The body as a JSON object; empty where it is none."""
        try:
            found = json_text.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class CallUpstream(Protocol):
    """What an adapter is given."""

    async def __call__(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
        xml: str | None = None,
        idempotency_key: str | None = None,
        safe: bool = False,
    ) -> Answer:
        """The answer to one call. `safe`: it changes nothing, so it may be repeated and have been lost.

        Raises `IntegrationError` where there is no answer: `rate_limited`, `unavailable`, `outcome_unknown`.
        """


class UpstreamCall:
    """`CallUpstream` of one upstream, within one request of the application, whose wishes and id it carries.

    An operation makes one call: attempts and deadline are those of the application's request.
    """

    def __init__(self, upstream: Upstream, capability: str, call: Call, alarms: Alarms) -> None:
        self._upstream = upstream
        self._capability = capability
        self._call = call
        self._alarms = alarms

    async def __call__(  # noqa: PLR0913 - as the protocol
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
        xml: str | None = None,
        idempotency_key: str | None = None,
        safe: bool = False,
    ) -> Answer:
        content, kind = _content(form, json, xml)
        fields = {"Accept": "*/*", "User-Agent": "outrigger", **({"Content-Type": kind} if kind else {})}
        fields |= headers or {}
        name = self._upstream.settings.retry.idempotency.header
        if idempotency_key is not None and name is not None:
            fields[name] = self._prefixed(idempotency_key)
        call = self._call
        call.upstream, call.method, call.target = self._upstream.name, method, path.encode()
        call.base += b"/" + call.upstream.encode()
        if safe:
            call.notes = {**call.notes, b"outrigger-idempotent": b"true"}
        sent = tuple((name.encode(), value.encode()) for name, value in fields.items())
        body = None if content is None else whole_body(content)
        try:
            response = await self._upstream.handle(Request(method, call.target, sent, body, call))
            if any(field[0] == _PREPARED for field in response.headers):  # not the provider's words
                response.close()
                raise Refusal(response.made_here or "server_error")
            answer = await self._whole(response)
        except ProxyError as error:
            raise self._ended(error, safe=safe) from None
        if not safe and call.unanswered is not None and answer.outcome not in _CERTAIN:
            raise failure("outcome_unknown", cause=call.unanswered, request_id=call.id)
        return answer

    def _prefixed(self, key: str) -> str:
        """The key as the provider gets it: no other capability's request can meet it there."""
        long = f"{self._capability}:{key}"
        return long if len(long) <= _LONGEST_KEY else f"{self._capability}:{sha256(key.encode()).hexdigest()}"

    async def _whole(self, response: Response) -> Answer:
        body = bytearray()
        try:
            with self._alarms.at(self._call.deadline):
                while piece := await response.body.read():
                    body += piece
                    if len(body) > _LARGEST:
                        raise UpstreamFailure("upstream_protocol_error", "The answer is too large.", sent=True)
        except TimeoutError:
            late = UpstreamFailure("upstream_timeout", "The answer did not end in time.", sent=True)
            response.close(late)
            raise late from None
        except ProxyError as error:
            response.close(error)
            raise
        except BaseException:
            response.close()
            raise
        response.close()
        verdict = response.verdict
        return Answer(
            status=response.status,
            headers=response.headers,
            body=bytes(body),
            outcome=verdict.outcome,
            code=verdict.code,
            request_id=self._call.id,
            retry_after=verdict.told,
        )

    def _ended(self, error: ProxyError, *, safe: bool) -> Exception:
        """What a call without an answer is to the application."""
        if isinstance(error, Refusal) and error.code in _THE_APPLICATIONS:
            return error
        lost = error.code if isinstance(error, UpstreamFailure) and error.sent else self._call.unanswered
        if lost is not None and not safe:
            return failure("outcome_unknown", cause=lost, request_id=self._call.id)
        if error.code in _WAITS:
            return failure("rate_limited", retry_after=error.retry_after, request_id=self._call.id)
        return failure("unavailable", cause=error.code, retry_after=error.retry_after, request_id=self._call.id)


def refusal(answer: Answer) -> IntegrationError:
    """What an answer means that the adapter's own table does not know: by its outcome, whoever the provider is."""
    ours = answer.request_id
    if answer.outcome in {"rate_limited", "quota"} or answer.status == 429:
        return failure("rate_limited", retry_after=answer.retry_after, request_id=ours)
    if answer.outcome == "auth_failed" or answer.status in {401, 403}:
        return failure("provider_rejected_credentials", request_id=ours)
    if answer.outcome == "refused" and answer.status < 500:
        return failure("invalid_request", request_id=ours)
    return failure("unavailable", cause="server_error", retry_after=answer.retry_after, request_id=ours)


def unreadable(answer: Answer, *, safe: bool = False) -> IntegrationError:
    """For an answer that says success and not what became of the request."""
    code = "unavailable" if safe else "outcome_unknown"
    return failure(code, cause="upstream_protocol_error", request_id=answer.request_id)


def _content(
    form: Mapping[str, str] | None, json: Mapping[str, object] | None, xml: str | None
) -> tuple[bytes | None, str]:
    if form is not None:
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    if json is not None:
        return json_text.dumps(json).encode(), "application/json; charset=utf-8"
    return (None, "") if xml is None else (xml.encode(), "text/xml; charset=utf-8")
