"""The settings of `auth:`: how an upstream wants to be told who asks (contract §3.1).

The one thing a reader would get wrong: credentials, ids and keys here are names of secrets, never values; addresses,
regions, scopes and templates are themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerAuth:
    type: Literal["bearer"]
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """Exactly one of `username` and `user` is given."""

    type: Literal["basic"]
    username: str | None = None  # the name of a secret
    user: str | None = None  # the name itself, where a provider gives everybody the same
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyAuth:
    """Of the headers listed (name -> template over the secret) the one that the application used is filled."""

    type: Literal["api_key"]
    secret: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2Auth:
    """A bearer token that a token endpoint gives out (RFC 6749, RFC 7523)."""

    type: Literal["oauth2"]
    grant: Literal["client_credentials", "refresh_token", "jwt_bearer"]
    token_url: str
    client_id: str
    client_secret: str | None = None
    refresh_token: str | None = None  # needed with that grant
    private_key: str | None = None  # needed with jwt_bearer: RSA or P-256, PEM
    scope: str | None = None
    audience: str | None = None  # of the assertion (else token_url), or a parameter of client_credentials
    client_auth: Literal["auto", "post", "basic"] = "auto"  # auto: in the form, and in a header where that is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSigV4Auth:
    type: Literal["aws_sigv4"]
    access_key: str
    secret_key: str
    session_token: str | None = None
    region: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WsSecurityAuth:
    """A UsernameToken in the header of each SOAP request."""

    type: Literal["ws_security"]
    username: str
    password: str
    password_type: Literal["text", "digest"] = "text"  # noqa: S105 - a word


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacAuth:
    """A MAC over parts of the request, in a header. `signed`: a template in the words of `webhooks.md` §1.2."""

    type: Literal["hmac"]
    secret: str
    header: str
    signed: str
    timestamp: str | None = None  # the header that carries the time, Unix seconds
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["hex", "base64", "base64url"] = "hex"
    prefix: str | None = None


SigningAuth = AwsSigV4Auth | WsSecurityAuth | HmacAuth
AuthSettings = BearerAuth | BasicAuth | ApiKeyAuth | OAuth2Auth | AwsSigV4Auth | WsSecurityAuth | HmacAuth

NAMES_OF_SECRETS = (
    "secret",
    "username",
    "password",
    "client_id",
    "client_secret",
    "refresh_token",
    "private_key",
    "access_key",
    "secret_key",
    "session_token",
)


def secrets_of(auth: AuthSettings | None) -> dict[str, str]:
    """Key -> name of a secret, as the settings have them."""
    found = {key: getattr(auth, key, None) for key in NAMES_OF_SECRETS}
    return {key: name for key, name in found.items() if name is not None}


AMAZON = (b"X-Amz-Date", b"X-Amz-Security-Token")


def fields_of(auth: AuthSettings | None) -> tuple[bytes, ...]:
    """The request fields that a signature or a token fills; empty where it stands in the body, or there is none."""
    if isinstance(auth, HmacAuth):
        names = [auth.header, auth.timestamp]
        return tuple(name.encode() for name in names if name is not None)
    if isinstance(auth, AwsSigV4Auth):
        return (b"Authorization", *AMAZON)
    return (b"Authorization",) if isinstance(auth, OAuth2Auth) else ()
