"""Credentials: what the configuration says and the secrets' values -> header fields, query pairs, path segments.

The one thing a reader would get wrong: what the application sent under an injected name is never merged, only replaced.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NoReturn
from urllib.parse import quote, unquote_to_bytes

from proxy.errors import Refusal
from proxy.model import Headers
from proxy.rules.auth_settings import (
    ApiKeyAuth,
    AuthSettings,
    BasicAuth,
    BearerAuth,
    OAuth2Auth,
    fields_of,
    secrets_of,
)
from proxy.rules.headers import fold


class Secret:
    """A secret's value that cannot be printed, formatted or pickled by accident."""

    __slots__ = ("_value", "name")

    def __init__(self, name: str, value: bytes) -> None:
        self.name = name
        self._value = value

    def reveal(self) -> bytes:
        """The value itself; only code that makes a credential or a MAC calls this."""
        return self._value

    def __repr__(self) -> str:
        return f"<secret {self.name}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} is not written anywhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectSettings:
    """Templates over secret names, `{name}`; they replace all that the application sent under that name."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathParam:
    """A segment equal to `placeholder`, where `pattern` has the parameter's name in braces, becomes `value`."""

    pattern: str
    placeholder: str
    value: str  # template over secret names


CREDENTIALS = (b"authorization", b"proxy-authorization", b"x-api-key", b"api-key", b"x-auth-token")
TOKEN = "access token"  # noqa: S105 - what oauth2's is called, read like a secret; no secret of a file can be called so
_NAME = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


class Template:
    """Text with `{name}` for a secret's value; `{{` and `}}` are braces. A value with braces is not read again.

    `stray`: it has a brace that is neither, and goes out as it stands: most likely a `{name` that was never closed.
    """

    def __init__(self, text: str) -> None:
        self._parts: list[bytes | str] = []  # bytes: literal; str: a secret's name
        place = 0
        for found in _NAME.finditer(text):
            self._parts.append(text[place : found.start()].encode())
            self._parts.append(found[0][0].encode() if found[1] is None else found[1])
            place = found.end()
        self._parts.append(text[place:].encode())
        self.names = tuple(part for part in self._parts if isinstance(part, str))
        self.stray = re.search(r"[{}]", _NAME.sub("", text)) is not None

    def fill(self, read: Callable[[str], Secret]) -> bytes:
        """The text with the values in place. Raises what `read` raises, and `Refusal` for a value of several lines."""
        return b"".join(part if isinstance(part, bytes) else one_line(read(part)) for part in self._parts)


def one_line(secret: Secret) -> bytes:
    """The value. Raises `Refusal` for one with line breaks (a private key), which would end a header field."""
    value = secret.reveal()
    if b"\n" in value or b"\r" in value:
        raise Refusal("secret_unavailable", f"The secret {secret.name} has several lines and cannot go into a header.")
    return value


@dataclass(frozen=True, slots=True)
class Rendered:
    """A credential as it goes out. `choices`: of these fields the one that the application used, else the first."""

    headers: Headers = ()
    query: tuple[tuple[bytes, bytes], ...] = ()
    choices: Headers = ()
    path_values: tuple[tuple[PathPattern, bytes], ...] = ()


class PathPattern:
    """A path with one segment in braces: `/Accounts/{account}/**`."""

    def __init__(self, param: PathParam) -> None:
        before = param.pattern.partition("{")[0]
        self._before = before.encode()
        self._placeholder = param.placeholder.encode()

    def fill(self, target: bytes, value: bytes) -> bytes:
        """The target with `value` in the place of the placeholder; as it was where that is not there."""
        if not target.startswith(self._before):
            return target
        end = len(self._before) + len(self._placeholder)
        if target[len(self._before) : end] != self._placeholder or target[end : end + 1] not in (b"", b"/", b"?", b"."):
            return target
        return self._before + value + target[end:]


class Credential:
    """What an upstream's configuration adds to each attempt, compiled; `render` fills in the secrets."""

    def __init__(
        self, inject: InjectSettings, auth: AuthSettings | None, path_params: Mapping[str, PathParam] | None = None
    ) -> None:
        self._headers = [(name.encode(), Template(text)) for name, text in inject.headers.items()]
        self._query = [(name.encode(), Template(text)) for name, text in inject.query.items()]
        self._choices: list[tuple[bytes, Template]] = []
        self._basic: BasicAuth | None = None
        self._path = [(PathPattern(param), Template(param.value)) for param in (path_params or {}).values()]
        if isinstance(auth, BearerAuth):
            self._headers.append((b"Authorization", Template("Bearer {" + auth.secret + "}")))
        elif isinstance(auth, ApiKeyAuth):
            self._choices = [(name.encode(), Template(text)) for name, text in auth.headers.items()]
        elif isinstance(auth, BasicAuth):
            self._basic = auth
        elif isinstance(auth, OAuth2Auth):
            self._headers.append((b"Authorization", Template(f"Bearer {{{TOKEN}}}")))
        self._signed = fields_of(auth)
        self._auth_secrets = tuple(secrets_of(auth).values())

    def __bool__(self) -> bool:
        return bool(self._headers or self._query or self._choices or self._auth_secrets)

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Every secret that the credential is made of, each once."""
        templates = [template for _, template in [*self._headers, *self._query, *self._choices, *self._path]]
        named = [name for template in templates for name in template.names if name != TOKEN]
        return tuple(dict.fromkeys([*named, *self._auth_secrets]))

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the header fields and query pairs that are put in, as the configuration writes them."""
        named = [name.decode() for name, _ in [*self._headers, *self._choices, *self._query]]
        return tuple(dict.fromkeys([*named, *(name.decode() for name in self._signed)]))

    @property
    def replaced(self) -> frozenset[bytes]:
        """Folded names of the request fields that come off: all injected ones, and with a credential the usual ones."""
        named = {fold(name) for name in [*self._signed, *(name for name, _ in [*self._headers, *self._choices])]}
        return frozenset(named | (set(CREDENTIALS) if self else set()))

    @property
    def choices(self) -> tuple[bytes, ...]:
        """Folded names of the fields of which the one that the application used is filled."""
        return tuple(fold(name) for name, _ in self._choices)

    @property
    def query_names(self) -> frozenset[bytes]:
        """Decoded names of the query pairs that are replaced."""
        return frozenset(name for name, _ in self._query)

    def render(self, read: Callable[[str], Secret]) -> Rendered:
        """The fields and pairs with the secrets' values of now. Raises what `read` raises."""
        headers = [(name, template.fill(read)) for name, template in self._headers]
        if self._basic is not None:
            name = self._basic.username
            user = (self._basic.user or "").encode() if name is None else one_line(read(name))
            pair = user + b":" + one_line(read(self._basic.password))
            headers.append((b"Authorization", b"Basic " + b64encode(pair)))
        return Rendered(
            headers=tuple(headers),
            query=tuple((name, template.fill(read)) for name, template in self._query),
            choices=tuple((name, template.fill(read)) for name, template in self._choices),
            path_values=tuple((pattern, template.fill(read)) for pattern, template in self._path),
        )


def presented(headers: Headers) -> bytes:
    """Which credentials of its own an application sent, as a digest that tells nothing of them; b"" for none."""
    sent = sorted((fold(name), value) for name, value in headers if fold(name) in CREDENTIALS)
    return sha256(b"\n".join(b"%b:%b" % field for field in sent)).digest() if sent else b""


def with_query(target: bytes, names: frozenset[bytes], pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """`target` without the pairs of those decoded names, and with `pairs` behind the rest (`security.md` §7.4)."""
    path, _, query = target.partition(b"?")
    kept = [pair for pair in query.split(b"&") if unquote_to_bytes(_key(pair)) not in names] if query else []
    added = [quote(name, safe="").encode() + b"=" + quote(value, safe="").encode() for name, value in pairs]
    return path + b"?" + b"&".join([*kept, *added])


def _key(pair: bytes) -> bytes:
    return pair.partition(b"=")[0].replace(b"+", b" ")
