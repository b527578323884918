"""Handshakes: requests by which a provider asks whether the address is ours, answered here and never delivered.

What is echoed or signed was chosen by a stranger. `x_crc` and `zoom` sign it with the key that authenticates bodies:
without the alphabet below they would sign a forged event for whoever asks.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable
from typing import NamedTuple

from proxy.rules.incoming import Incoming, TooManyPairs
from proxy.rules.locators import Locator, parse_locator
from proxy.rules.sns_signature import is_subscribe_url

_WORD = re.compile(rb"[A-Za-z0-9_.=-]{1,256}")
_PRINTABLE = re.compile(rb"[\x20-\x7e]{1,1024}")

TEXT = b"text/plain"
JSON = b"application/json"


class Ours(NamedTuple):
    """What a handshake may need of us.

    `secret`: the one that the request was signed by, else the newest. `verify_token`: `options.verify_token`'s value.
    """

    secret: bytes
    verify_token: bytes | None = None


class Reply(NamedTuple):
    """`visit`: a URL that has to be fetched with success before this is answered."""

    body: bytes
    content_type: bytes = TEXT
    status: int = 200
    visit: str | None = None


class BadHandshake(ValueError):
    """A handshake that is not answered. `status`: 400, or 403 for a wrong token, or 401 for a wrong URL."""

    def __init__(self, detail: str, status: int = 400, outcome: str = "bad_handshake") -> None:
        super().__init__(detail)
        self.status = status
        self.outcome = outcome


class Handshake(NamedTuple):
    """`signed`: it counts only in a request that was verified. `called`: whether a request of `method` is one."""

    method: str
    signed: bool
    called: Callable[[Incoming], bool]
    reply: Callable[[Incoming, Ours], Reply]  # raises BadHandshake


def _says(where: str, what: bytes) -> Callable[[Incoming], bool]:
    locator = parse_locator(where)
    return lambda incoming: _found(locator, incoming) == [what]


def _has(where: str) -> Callable[[Incoming], bool]:
    locator = parse_locator(where)
    return lambda incoming: bool(_found(locator, incoming))


def _echo(where: str, alphabet: re.Pattern[bytes] = _WORD) -> Callable[[Incoming, Ours], Reply]:
    locator = parse_locator(where)
    return lambda incoming, _: Reply(_fit(locator, incoming, alphabet))


def _echo_as(name: str, where: str) -> Callable[[Incoming, Ours], Reply]:
    locator = parse_locator(where)
    return lambda incoming, _: _json({name: _fit(locator, incoming, _WORD).decode()})


def _zoom(incoming: Incoming, ours: Ours) -> Reply:
    token = _fit(parse_locator("json:/payload/plainToken"), incoming, _WORD)
    return _json({"plainToken": token.decode(), "encryptedToken": hmac.digest(ours.secret, token, "sha256").hex()})


def _x_crc(incoming: Incoming, ours: Ours) -> Reply:
    token = _fit(parse_locator("query:crc_token"), incoming, _WORD)
    digest = base64.b64encode(hmac.digest(ours.secret, token, "sha256"))
    return _json({"response_token": "sha256=" + digest.decode()})


def _meta(incoming: Incoming, ours: Ours) -> Reply:
    tokens = _found(parse_locator("query:hub.verify_token"), incoming)
    if ours.verify_token is None or len(tokens) != 1 or not hmac.compare_digest(tokens[0], ours.verify_token):
        raise BadHandshake("hub.verify_token is not options.verify_token", 403)
    return Reply(_fit(parse_locator("query:hub.challenge"), incoming, _WORD))


def _sns(incoming: Incoming, _ours: Ours) -> Reply:
    found = _found(parse_locator("json:/SubscribeURL"), incoming)
    if len(found) != 1 or not is_subscribe_url(found[0]):
        raise BadHandshake("SubscribeURL is no address of SNS", 401, "bad_subscribe_url")
    return Reply(b"", visit=found[0].decode())


def _signed(
    called: Callable[[Incoming], bool], reply: Callable[[Incoming, Ours], Reply], method: str = "POST"
) -> Handshake:
    return Handshake(method=method, signed=True, called=called, reply=reply)


def _open(method: str, called: Callable[[Incoming], bool], reply: Callable[[Incoming, Ours], Reply]) -> Handshake:
    return Handshake(method=method, signed=False, called=called, reply=reply)


HANDSHAKES: dict[str, Handshake] = {
    "slack": _signed(_says("json:/type", b"url_verification"), _echo_as("challenge", "json:/challenge")),
    "discord": _signed(_says("json:/type", b"1"), lambda *_: Reply(b'{"type":1}', JSON)),
    "zoom": _signed(_says("json:/event", b"endpoint.url_validation"), _zoom),
    "twitch": _signed(
        _says("header:Twitch-Eventsub-Message-Type", b"webhook_callback_verification"), _echo("json:/challenge")
    ),
    "okta": _signed(
        _has("header:X-Okta-Verification-Challenge"),
        _echo_as("verification", "header:X-Okta-Verification-Challenge"),
        method="GET",
    ),
    "sns": _signed(_says("json:/Type", b"SubscriptionConfirmation"), _sns),
    "meta": _open("GET", _says("query:hub.mode", b"subscribe"), _meta),
    "x_crc": _open("GET", _has("query:crc_token"), _x_crc),
    "dropbox": _open("GET", _has("query:challenge"), _echo("query:challenge")),
    "msgraph": _open("POST", _has("query:validationToken"), _echo("query:validationToken", _PRINTABLE)),
    "head": _open("HEAD", lambda _: True, lambda *_: Reply(b"")),
}


def _fit(locator: Locator, incoming: Incoming, alphabet: re.Pattern[bytes]) -> bytes:
    values = _found(locator, incoming)
    if len(values) != 1 or alphabet.fullmatch(values[0]) is None:
        raise BadHandshake("what it asks us to say is missing or holds what we do not repeat")
    return values[0]


def _found(locator: Locator, incoming: Incoming) -> list[bytes]:
    try:
        return locator.find(incoming)
    except TooManyPairs:
        return []


def _json(members: dict[str, str]) -> Reply:
    return Reply(json.dumps(members).encode(), JSON)
