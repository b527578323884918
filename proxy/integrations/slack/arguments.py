"""The arguments of one call, wherever the library put them: query, form or JSON; and cursors."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, TypeVar

from proxy.integrations import forms
from proxy.integrations.slack.workspace import Record, Refused
from proxy.integrations.stand_in import Asked

Item = TypeVar("Item")

_MOST = 1000  # items of a page


class Arguments:
    """Raises `Refused` for a body that cannot be read."""

    def __init__(self, asked: Asked) -> None:
        self._values: dict[str, Any] = dict(asked.query)
        if asked.content_type == "application/json":
            self._values |= _read_json(asked.body)
        else:
            self._values |= dict(forms.pairs(asked.body))
        self._values.pop("token", None)

    def all(self) -> dict[str, str]:
        """Everything as text, but for the token."""
        return {name: _as_text(value) for name, value in self._values.items()}

    def text(self, name: str) -> str:
        """The value as text, "" where it is absent."""
        return _as_text(self._values.get(name))

    def structure(self, name: str) -> Any:
        """A value that forms carry as JSON, None where it is absent. Raises `Refused`."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except (ValueError, RecursionError):
            raise Refused("invalid_arguments") from None

    def page(self, items: Sequence[Item]) -> tuple[Sequence[Item], str]:
        """The items from `cursor` on, `limit` of them, and the next cursor, "" at the end."""
        limit = self.text("limit") or "100"
        if not limit.isascii() or not limit.isdecimal() or not 0 < int(limit[:9]) <= _MOST:
            raise Refused("invalid_limit")
        start = _place(self.text("cursor"))
        end = start + int(limit)
        return items[start:end], _cursor(end) if end < len(items) else ""


def with_cursor(answer: Record, cursor: str) -> Record:
    """The answer with the place where the next page begins."""
    return {**answer, "response_metadata": {"next_cursor": cursor}}


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise Refused("invalid_json") from None
    if not isinstance(values, dict):
        raise Refused("json_not_object")
    return values


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value)


def _cursor(place: int) -> str:
    return urlsafe_b64encode(f"next:{place}".encode()).decode()


def _place(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        word, _, place = urlsafe_b64decode(cursor).decode().partition(":")
        if word != "next" or not 0 <= int(place) < 10**9:
            raise ValueError(cursor)
        return int(place)
    except ValueError:
        raise Refused("invalid_cursor") from None
