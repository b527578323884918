"""Errors and Outrigger-* headers as bytes: problem+json, Proxy-Status, native shapes.

The one thing a reader would get wrong: an answer that tells an SDK not to retry must not let the provider's own word to
the contrary stand beside ours.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from proxy.body import Whole
from proxy.errors import CODES, ProxyError, Refusal, UpstreamFailure
from proxy.model import Call, Headers, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSettings:
    style: Literal["problem", "native"] = "problem"
    retry_after: bool = True  # whether own refusals carry Retry-After


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeShape:
    """A provider's own error, as a template over {code} {status} {detail} {request_id} {retry_after}."""

    status: int | None = None  # None: that of the code
    content_type: str = "application/json"  # `as_request`: text/xml, or application/soap+xml for SOAP 1.2
    body: str = ""
    body_soap12: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeSettings:
    default: NativeShape
    by_code: Mapping[str, NativeShape] = field(default_factory=dict)


NO_MORE = (
    (b"X-Should-Retry", b"false"),
    (b"Stripe-Should-Retry", b"false"),
)  # the SDKs of OpenAI, Anthropic and Stripe
_SHOULD_RETRY = frozenset([b"x-should-retry", b"stripe-should-retry"])
_FIRST_ATTEMPT = (b"Outrigger-Attempts", b"1")
_NOT_SPENT = frozenset(["off", "not_idempotent", "body_not_replayable", "response_started"])
_PLACE = re.compile(r"\{(code|status|detail|request_id|retry_after)\}")
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def made_here(
    error: ProxyError, call: Call, settings: ErrorSettings | None = None, native: NativeSettings | None = None
) -> Response:
    """The answer to a call that got none of an upstream. Without settings it is a problem document."""
    settings = settings or ErrorSettings()
    code = CODES[error.code]
    after = None if error.retry_after is None else max(1, math.ceil(error.retry_after))
    detail = error.detail or code.title + "."
    if settings.style == "native" and native is not None:
        status, content_type, body = _native(
            native,
            call,
            {
                "code": error.code,
                "detail": detail,
                "request_id": call.id,
                "retry_after": "" if after is None else str(after),
            },
        )
    else:
        status, content_type = code.status, b"application/problem+json"
        body = _problem(error.code, detail, call, after)
    headers = [
        (b"Content-Type", content_type),
        (b"Outrigger-Error", error.code.encode()),
        (b"Proxy-Status", proxy_status(error)),
    ]
    if after is not None and settings.retry_after:
        headers.append((b"Retry-After", b"%d" % after))
    if error.code == "method_not_allowed":
        headers.append((b"Allow", _METHODS))
    refused = isinstance(error, Refusal) or error.code == "egress_denied"  # found by an attempt, decided by us
    if refused and not spent(call):
        headers.extend(NO_MORE)
    return Response(status, _REASONS.get(status, b""), tuple(headers), Whole(body), len(body), made_here=error.code)


def proxy_status(error: ProxyError) -> bytes:
    """The value of `Proxy-Status` (RFC 9209) that says why no upstream answered."""
    code = CODES[error.code]
    token = error.token if isinstance(error, UpstreamFailure) and error.token else code.token
    return b'outrigger; error=%b; details="%b"' % (token.encode(), _quoted(error.detail or code.title + "."))


def signed(response: Response, call: Call) -> Headers:
    """The answer's headers with what the proxy says about the call (contract §4)."""
    headers = response.headers
    if (
        call.attempts == 1 and call.stopped is None and not call.fault
    ):  # nearly every answer: nothing to look for, one tuple to make
        return (*headers, (b"Outrigger-Request-Id", call.id.encode()), _FIRST_ATTEMPT)
    added = [(b"Outrigger-Request-Id", call.id.encode())]
    if call.attempts:
        added.append((b"Outrigger-Attempts", b"%d" % call.attempts))
    if call.fault:
        added.append((b"Outrigger-Fault", b"true"))
    if call.stopped is not None:
        added.append((b"Outrigger-Retry-Stopped", call.stopped.encode()))
        if spent(call):
            headers = tuple(field for field in headers if field[0].lower() not in _SHOULD_RETRY)
            added.extend(NO_MORE)
    return (*headers, *added)


def spent(call: Call) -> bool:
    """True where nothing more was to be got by repeating: an SDK that tries again would only multiply the attempts."""
    return call.stopped is not None and call.stopped not in _NOT_SPENT


def _problem(code: str, detail: str, call: Call, after: int | None) -> bytes:
    document: dict[str, object] = {
        "type": "about:blank",
        "title": CODES[code].title,
        "status": CODES[code].status,
        "detail": detail,
        "code": code,
        "upstream": call.upstream or None,
        "request_id": call.id,
        "retry_after": after,
    }
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


def _native(native: NativeSettings, call: Call, values: dict[str, str]) -> tuple[int, bytes, bytes]:
    shape = native.by_code.get(values["code"], native.default)
    status = shape.status or CODES[values["code"]].status
    content_type, template = shape.content_type, shape.body
    if content_type == "as_request":
        soap12 = call.notes.get(b"content-type", b"").lower().startswith(b"application/soap+xml")
        content_type = "application/soap+xml; charset=utf-8" if soap12 else "text/xml; charset=utf-8"
        template = shape.body_soap12 if soap12 and shape.body_soap12 is not None else template
    write = _xml_escaped if "xml" in content_type else _json_escaped
    values = {**values, "status": str(status)}
    body = _PLACE.sub(lambda place: write(values[place[1]]), template)
    return status, content_type.encode(), body.encode()


def _xml_escaped(text: str) -> str:  # the standard library's brings urllib, http and email along
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _json_escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


def _quoted(text: str) -> bytes:
    """A string of RFC 8941, 3.3.3, without its quotes: printable ASCII, `"` and `\\` escaped."""
    plain = re.sub(r"[^ -~]", "?", text)
    return plain.replace("\\", "\\\\").replace('"', '\\"').encode()
