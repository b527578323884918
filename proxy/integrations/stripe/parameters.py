"""Reads the parameters of one request, refusing what Stripe would refuse.

The one thing a reader would get wrong: an empty value is not an absent one, it takes a field's value away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.integrations.stripe.refusals import invalid

_INTEGER = re.compile(r"-?\d{1,18}")


class Parameters:
    """Nested values by name; a name in an error is written as the caller wrote it (`card[number]`)."""

    def __init__(self, values: Mapping[str, Any], within: str = "") -> None:
        self._values = values
        self._within = within

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def is_text(self, name: str) -> bool:
        """True if a single value was given."""
        return isinstance(self._values.get(name), str)

    def with_text(self, name: str, value: str) -> Parameters:
        """The same parameters, and one more that the path gave."""
        return Parameters({**self._values, name: value}, self._within)

    def called(self, name: str) -> str:
        """The full name of a parameter."""
        return f"{self._within}[{name}]" if self._within else name

    def text(self, name: str) -> str | None:
        """The value, None where it is absent or empty."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise invalid(f"A string is wanted as {self.called(name)}.", self.called(name), "parameter_invalid_string")
        return value

    def required(self, name: str) -> str:
        """The value; absent and empty are refused."""
        value = self.text(name)
        if value is not None:
            return value
        if name in self._values:
            raise invalid(f"{self.called(name)} must not be empty.", self.called(name), "parameter_invalid_empty")
        raise invalid(f"Missing required param: {self.called(name)}.", self.called(name), "parameter_missing")

    def whole(self, name: str, *, least: int = 1, most: int = 99_999_999) -> int | None:
        """A whole number within bounds, None where it is absent or empty."""
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value) or not least <= int(value) <= most:
            message = f"{self.called(name)} must be a whole number from {least} to {most}."
            raise invalid(message, self.called(name), "parameter_invalid_integer")
        return int(value)

    def amount(self) -> int:
        """The required `amount` in minor units."""
        self.required("amount")
        return self.whole("amount") or 0

    def currency(self) -> str:
        """The required `currency`, in lower case."""
        value = self.required("currency").lower()
        if not re.fullmatch(r"[a-z]{3}", value):
            raise invalid("currency must be a code of three letters.", "currency")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean."""
        value = self.text(name)
        if value is None:
            return default
        if value not in {"true", "false"}:
            raise invalid(f"{self.called(name)} must be true or false.", self.called(name))
        return value == "true"

    def choice(self, name: str, *allowed: str) -> str:
        """One of the words; the first is the default."""
        value = self.text(name)
        if value is None:
            return allowed[0]
        if value not in allowed:
            raise invalid(f"{self.called(name)} must be one of {', '.join(allowed)}.", self.called(name))
        return value

    def inner(self, name: str) -> Parameters:
        """A map of parameters, empty where it is absent or empty."""
        value = self._values.get(name) or {}
        if not isinstance(value, dict):
            raise invalid(f"A map is wanted as {self.called(name)}.", self.called(name))
        return Parameters(value, self.called(name))

    def words(self, name: str) -> list[str]:
        """A list of strings, empty where it is absent."""
        value = self._values.get(name) or []
        words = value if isinstance(value, list) else [value]
        if not all(isinstance(word, str) for word in words):
            raise invalid(f"A list is wanted as {self.called(name)}.", self.called(name))
        return words

    def metadata(self, before: Mapping[str, str] | None = None) -> dict[str, str]:
        """The metadata as it is afterwards: an empty value drops a key, an empty `metadata` drops all."""
        if self._values.get("metadata") == "":
            return {}
        after = dict(before or {})
        given = self.inner("metadata")
        for name in given._values:
            value = given.text(name)
            if value is None:
                after.pop(name, None)
            else:
                after[name] = value
        return after

    def changes(self, *names: str) -> dict[str, str | None]:
        """Those of the named text fields that were given; empty ones become None."""
        return {name: self.text(name) for name in names if name in self._values}
