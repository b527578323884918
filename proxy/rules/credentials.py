"""Credentials: what the configuration says and the secrets' values -> header fields and query pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NoReturn


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
class BearerAuth:
    type: Literal["bearer"]
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    type: Literal["basic"]
    username: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyAuth:
    """Of the headers listed (name -> template over the secret) the one that the application used is filled."""

    type: Literal["api_key"]
    secret: str
    headers: Mapping[str, str]


AuthSettings = BearerAuth | BasicAuth | ApiKeyAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class PathParam:
    """A segment equal to `placeholder`, where `pattern` has the parameter's name in braces, becomes `value`."""

    pattern: str
    placeholder: str
    value: str  # template over secret names
