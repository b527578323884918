"""What must hold within `auth:`, beyond the type of each key and that its secrets are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from proxy.config.addresses import URL, url_problem
from proxy.rules.auth_settings import AuthSettings, AwsSigV4Auth, BasicAuth, HmacAuth, OAuth2Auth
from proxy.rules.headers import fold
from proxy.rules.hmac_auth import compile_signed

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FREE = "a header name other than Host, Content-Length, Transfer-Encoding, Connection and Outrigger-…"
_NOT_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_USER = re.compile(r"[!-9;-~]{1,128}")
_WORD = re.compile(r"[a-z0-9-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NEEDS = {  # grant -> what it cannot do without
    "client_credentials": ("client_secret",),
    "refresh_token": ("refresh_token",),
    "jwt_bearer": ("private_key",),
}
_OTHERS = {"refresh_token": "refresh_token", "private_key": "jwt_bearer"}  # key -> the one grant that reads it


class Problem(NamedTuple):
    """`key`: below `auth`."""

    key: str
    allowed: str
    given: str


def injectable(name: str) -> bool:
    """Whether a request field of that name is ours to fill."""
    folded = fold(name.encode("utf-8", "replace")).decode("utf-8", "replace")
    return bool(TOKEN.fullmatch(name)) and folded not in _NOT_OURS and not folded.startswith("outrigger-")


def auth_problems(auth: AuthSettings | None) -> Iterator[Problem]:
    """Everything that is wrong, one by one."""
    if isinstance(auth, OAuth2Auth):
        yield from _oauth2(auth)
    elif isinstance(auth, HmacAuth):
        yield from _hmac(auth)
    elif isinstance(auth, BasicAuth):
        yield from _basic(auth)
    elif isinstance(auth, AwsSigV4Auth):
        for key in ("region", "service"):
            if not _WORD.fullmatch(getattr(auth, key)):
                yield Problem(key, "letters, digits and -, as us-east-1 or s3", "another word")


def _basic(auth: BasicAuth) -> Iterator[Problem]:
    if (auth.username is None) == (auth.user is None):
        yield Problem("username", "username, the name of a secret, or user, the name itself", "both or neither")
    elif auth.user is not None and not _USER.fullmatch(auth.user):
        yield Problem("user", "printable ASCII without a colon", "another name")


def _oauth2(auth: OAuth2Auth) -> Iterator[Problem]:
    path = auth.token_url.partition("?")[0]  # a query may be part of it (RFC 6749, 3.2)
    problem = url_problem(path)
    if problem is not None or "#" in auth.token_url or _CONTROL.search(auth.token_url):
        yield Problem("token_url", URL, problem or "another address")
    for key in _NEEDS[auth.grant]:
        if getattr(auth, key) is None:
            yield Problem("grant", f"{auth.grant} with {key}, the name of a secret", f"{auth.grant} without {key}")
    for key, grant in _OTHERS.items():
        if getattr(auth, key) is not None and auth.grant != grant:
            yield Problem(key, f"{key} only with grant: {grant}", f"{key} with {auth.grant}")
    if auth.audience is not None and auth.grant == "refresh_token":
        yield Problem("audience", "audience with client_credentials or jwt_bearer", "audience with refresh_token")


def _hmac(auth: HmacAuth) -> Iterator[Problem]:
    for key, name in (("header", auth.header), ("timestamp", auth.timestamp)):
        if name is not None and not injectable(name):
            yield Problem(key, FREE, "a name that cannot be injected")
    if auth.timestamp is not None and auth.timestamp.lower() == auth.header.lower():
        yield Problem("timestamp", "a header of its own", "the header of the MAC")
    if auth.prefix is not None and (_CONTROL.search(auth.prefix) or not auth.prefix.isascii()):
        yield Problem("prefix", "ASCII text without control characters", "other text")
    try:
        compile_signed(auth)
    except ValueError as error:
        yield Problem(
            "signed", "text with {body}, {timestamp}, {method}, {path}, {query}, {url}, {crc32} or locators", str(error)
        )
