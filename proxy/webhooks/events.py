"""A test event: a sample with somebody's changes, signed as the provider would sign it, or spoiled on purpose.

The one thing a reader would get wrong: what is spoiled is spoiled after it was signed well, so that exactly one thing
is wrong with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from proxy.config.schema import WebhookSettings
from proxy.rules.credentials import Secret
from proxy.rules.locators import parse_locator
from proxy.rules.placing import CannotPlace, Outgoing, put, put_value
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Rejected, VerifySettings
from proxy.rules.signing import CannotSign, Pen, sign, stranger
from proxy.rules.special_signing import needs_private_key
from proxy.webhooks.sampling import FORM, JSON, Blanks, sample

Spoiled = Literal["signature", "body", "time", "secret", "duplicate"]
_DAY = 86400.0
_SIGNED_FIELDS = {"aws_sns": b'"Message":"', "adyen": b'"eventCode":"'}  # where a line end changes nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to send. `body`: instead of a sample. `changes`: JSON pointer, or name in a form, to value.

    `key`: signs instead of the webhook's secret; a private key, in PEM.
    """

    type: str
    body: bytes | None = None
    changes: Mapping[str, str] = field(default_factory=dict)
    bad: Spoiled | None = None
    key: bytes | None = None


class Event(NamedTuple):
    """`request`: ready to send. `known`: there was a sample of that type, or a body was given."""

    request: Outgoing
    known: bool


def event(webhook: WebhookSettings, wish: Wish, secret: bytes, blanks: Blanks) -> Event:
    """Raises `CannotSign`, whose text says what is missing. `secret`: the newest, or with `wish.key` not used."""
    found = sample(webhook.integration, blanks)
    known, body, kind = found.known, found.body, found.content_type
    if wish.body is not None:
        known, body = True, wish.body
        kind = FORM if found.content_type == FORM and not body.lstrip().startswith((b"{", b"[")) else JSON
    if not known:
        body = _named(webhook.verify, body, kind, wish.type, blanks)
    body = _changed(body, kind, wish.changes)
    headers = ((b"Content-Type", kind.encode()), (b"User-Agent", b"Outrigger (test event)"))
    method = "POST" if webhook.verify.methods is None else webhook.verify.methods[0]
    request = _typed(webhook.verify, Outgoing(method, _target(webhook), headers, body), wish.type)
    pen = Pen(wish.key or secret, blanks.wall, blanks.uuid().encode())
    return Event(_spoiled(webhook, request, pen, wish.bad), known)


def _target(webhook: WebhookSettings) -> bytes:
    """The webhook's path; the query of the public URL is part of what the sender was given."""
    query = (webhook.public_url or "").partition("#")[0].partition("?")[2]
    return (webhook.path + (f"?{query}" if query else "")).encode()


def _typed(verify: VerifySettings, request: Outgoing, type: str) -> Outgoing:
    headers = [where for where in verify.type if where.startswith("header:")]
    return put(request, headers[0], type.encode()) if headers else request


def _named(verify: VerifySettings, body: bytes, kind: str, type: str, blanks: Blanks) -> bytes:
    """A generic body with type and id where this webhook looks for them."""
    request = Outgoing("POST", b"/", (), body)
    for places, value in ((verify.type, type), (verify.id, f"evt_{blanks.uuid()}")):
        inside = [where for where in places if where.startswith("form:" if kind == FORM else "json:")]
        if inside and (places is verify.type or not parse_locator(inside[0]).find(request.seen())):
            with contextlib.suppress(CannotPlace):  # a body without such a place stays as it is
                request = put(request, inside[0], value.encode())
    return request.body


def _changed(body: bytes, kind: str, changes: Mapping[str, str]) -> bytes:
    for place, text in changes.items():
        try:
            if kind == FORM:
                name = place.removeprefix("/")
                body = put(Outgoing("POST", b"/", (), body), f"form:{name}", text.encode()).body
            else:
                body = put_value(body, place, _read(text))
        except (CannotPlace, ValueError) as error:
            raise CannotSign(f"--set {place}: {error}") from None
    return body


def _read(text: str) -> Any:
    """The value as JSON where it is some, else as the text that it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _spoiled(webhook: WebhookSettings, request: Outgoing, pen: Pen, bad: Spoiled | None) -> Outgoing:
    if bad is None:
        return sign(webhook.verify, webhook.public_url, request, pen)
    return _SPOILERS[bad](webhook, request, pen)


def _bad_signature(webhook: WebhookSettings, request: Outgoing, pen: Pen) -> Outgoing:
    """A signature of the right shape, over something else."""
    other = request._replace(body=request.body + hashlib.sha256(pen.id).hexdigest().encode())
    try:
        signed = sign(webhook.verify, webhook.public_url, other, pen)
    except CannotSign:
        signed = request
    if signed.body != other.body or _verifies(webhook, signed._replace(body=request.body), pen):
        return _bad_secret(webhook, request, pen)  # the signature covers no body, or stands in it
    return signed._replace(body=request.body)


def _bad_body(webhook: WebhookSettings, request: Outgoing, pen: Pen) -> Outgoing:
    signed = sign(webhook.verify, webhook.public_url, request, pen)
    mark = _SIGNED_FIELDS.get(webhook.verify.scheme)
    changed = signed._replace(body=signed.body.replace(mark, mark + b"X", 1) if mark else signed.body + b"\n")
    if _verifies(webhook, changed, pen):
        raise CannotSign("--bad body: this scheme's signature does not cover the body, so a changed one is accepted")
    return changed


def _bad_time(webhook: WebhookSettings, request: Outgoing, pen: Pen) -> Outgoing:
    tolerance = webhook.verify.tolerance
    if tolerance is None:
        raise CannotSign("--bad time: this webhook holds no time against the clock (verify.tolerance)")
    return sign(webhook.verify, webhook.public_url, request, pen._replace(wall=pen.wall - max(tolerance * 2, _DAY)))


def _bad_secret(webhook: WebhookSettings, request: Outgoing, pen: Pen) -> Outgoing:
    return sign(webhook.verify, webhook.public_url, request, pen._replace(secret=stranger(webhook.verify, pen)))


def _bad_duplicate(webhook: WebhookSettings, request: Outgoing, pen: Pen) -> Outgoing:
    signed = sign(webhook.verify, webhook.public_url, request, pen)
    fresh = [line for line in signed.headers if line not in request.headers]
    names = {name.lower() for name in _signature_headers(webhook.verify)}
    again = tuple(line for line in fresh if line[0].lower() in names)[:1]
    if not again:
        raise CannotSign("--bad duplicate: the signature is in no header")
    if webhook.verify.repeat:
        raise CannotSign("--bad duplicate: verify.repeat allows the header to come twice")
    return signed._replace(headers=signed.headers + again)


_SPOILERS: Mapping[Spoiled, Callable[[WebhookSettings, Outgoing, Pen], Outgoing]] = {
    "signature": _bad_signature,
    "body": _bad_body,
    "time": _bad_time,
    "secret": _bad_secret,
    "duplicate": _bad_duplicate,
}


def _signature_headers(verify: VerifySettings) -> list[bytes]:
    if verify.scheme == "twilio":
        return [b"X-Twilio-Signature"]
    located = [parse_locator(where) for where in verify.signature] or [parse_locator("header:Authorization")]
    return [locator.name for locator in located if locator.kind == "header"]


def _verifies(webhook: WebhookSettings, request: Outgoing, pen: Pen) -> bool:
    """True where what was spoiled would be accepted all the same: only a MAC that fits can tell."""
    if needs_private_key(webhook.verify):
        return False  # all of them cover what was changed, and the private key cannot check it
    scheme = compile_scheme(webhook.verify, webhook.public_url)
    found = scheme.verify(request.seen(), scheme.keys([Secret("newest", pen.secret)]), pen.wall)
    return not isinstance(found, Rejected)
