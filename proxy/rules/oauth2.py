"""OAuth 2.0 without I/O: the request for a token, what its answer says, and how long a token is good.

RFC 6749 (sections 4.4, 5, 6) and RFC 7523. The one thing a reader would get wrong: a token's life is counted from when
it was asked for, since nobody knows when in between the server started to count.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, quote_plus, urlencode

from proxy.model import Headers
from proxy.rules.auth_settings import OAuth2Auth
from proxy.rules.credentials import Secret

ASSERTION_LIFE = 300  # seconds; servers refuse long ones, Google over an hour
AHEAD = 60.0  # seconds before the end at which a token is renewed, or a fifth of a shorter life
SKEW = 5.0  # seconds before the end from which a token is not used, or a tenth of a shorter life
FORCED_APART = 30.0  # seconds between two renewals that an upstream's 401 asked for
RETRY_FIRST, RETRY_MOST = 1.0, 60.0  # seconds between attempts at an endpoint that fails
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ERRORS = frozenset(
    [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ]
)


class GrantRequest(NamedTuple):
    """What is posted to the token endpoint."""

    headers: Headers
    body: bytes


class Granted(NamedTuple):
    """`expires_in`: seconds, None where the server does not say. `refresh_token`: the next one, where it rotates."""

    token: bytes
    expires_in: float | None
    refresh_token: bytes | None


class Denied(Exception):
    """The endpoint gave no token. `reason`: words of ours, and the server's error code where that is a known one."""

    def __init__(self, reason: str, *, client: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.client = client  # it did not accept how the client authenticated


class Life(NamedTuple):
    """When a token is to be renewed and from when it is not used any more; monotonic seconds."""

    renew_at: float
    ends_at: float


def grant_request(
    settings: OAuth2Auth, read: Callable[[str], Secret], wall: float, *, refresh: bytes | None, basic: bool, unique: str
) -> GrantRequest:
    """The form for this grant. `refresh`: a refresh token that rotated; `basic`: the client's secret in a header.

    `unique`: the assertion's id. Raises what `read` raises, and `Denied` for a private key that cannot sign.
    """
    client = read(settings.client_id).reveal().decode()
    form: dict[str, str | bytes] = {}
    if settings.grant == "client_credentials":
        form["grant_type"] = "client_credentials"
        if settings.audience is not None:
            form["audience"] = settings.audience
    elif settings.grant == "refresh_token":
        form["grant_type"] = "refresh_token"
        form["refresh_token"] = refresh or read(settings.refresh_token or "").reveal()
    else:
        form["grant_type"] = _JWT_BEARER
        form["assertion"] = _assertion(settings, client, read(settings.private_key or ""), wall, unique)
    if settings.scope is not None:
        form["scope"] = settings.scope
    headers: Headers = (
        (b"Content-Type", b"application/x-www-form-urlencoded"),
        (b"Accept", b"application/json"),
    )
    if settings.client_secret is None:
        if settings.grant != "jwt_bearer":  # there the assertion says who it is
            form["client_id"] = client
    elif basic:  # RFC 6749, 2.3.1: both are form-encoded first
        secret = read(settings.client_secret).reveal()
        pair = quote_plus(client) + ":" + quote_plus(secret)
        headers = (*headers, (b"Authorization", b"Basic " + b64encode(pair.encode())))
    else:
        form["client_id"] = client
        form["client_secret"] = read(settings.client_secret).reveal()
    return GrantRequest(headers, urlencode(form, quote_via=quote).encode())


def granted(status: int, body: bytes) -> Granted:
    """What the endpoint's answer grants. Raises `Denied`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    fields = document if isinstance(document, dict) else {}
    if status != 200:
        error = fields.get("error")
        known = f" {error}" if isinstance(error, str) and error in _ERRORS else ""
        raise Denied(f"the token endpoint answered {status}{known}", client=status == 401 or error == "invalid_client")
    token = fields.get("access_token")
    if not isinstance(token, str) or not _sendable(token):
        raise Denied("the token endpoint's answer holds no access_token")
    kind = fields.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise Denied("the token endpoint gave a token that is no bearer token")
    renewed = fields.get("refresh_token")
    refresh = renewed.encode() if isinstance(renewed, str) and renewed else None
    return Granted(token.encode(), _seconds(fields.get("expires_in")), refresh)


def life(asked_at: float, expires_in: float | None) -> Life:
    """A token's life; without a length it ends when an upstream refuses it."""
    if expires_in is None:
        return Life(float("inf"), float("inf"))
    ahead, skew = min(AHEAD, expires_in / 5), min(SKEW, expires_in / 10)
    return Life(asked_at + expires_in - ahead, asked_at + expires_in - skew)


def pause_after(failures: int) -> float:
    """Seconds until the endpoint is asked again after so many failures in a row: 1, 2, 4 … 60."""
    return min(RETRY_MOST, RETRY_FIRST * 2.0 ** min(failures - 1, 10))


def _assertion(settings: OAuth2Auth, client: str, key: Secret, wall: float, unique: str) -> bytes:
    from proxy.rules.assertion import signed_jwt  # noqa: PLC0415 - the library is loaded where it is needed

    claims: dict[str, object] = {
        "iss": client,
        "sub": client,
        "aud": settings.audience or settings.token_url,
        "iat": int(wall),
        "exp": int(wall) + ASSERTION_LIFE,
        "jti": unique,
    }
    if settings.scope is not None:  # where Google wants it; RFC 7523 has it in the form
        claims["scope"] = settings.scope
    try:
        return signed_jwt(claims, key.reveal())
    except ValueError as error:
        raise Denied(f"secret {key.name} {error}") from None


def _seconds(value: object) -> float | None:
    """Some servers send the number as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:12])
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e10:
        return None
    return float(value)


def _sendable(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token
