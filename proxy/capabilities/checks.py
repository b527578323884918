"""Checks of what an application asks for, before anything leaves: each returns the value or raises `InvalidRequest`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.capabilities.errors import InvalidRequest, failure

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*")


def invalid(field: str, detail: str) -> InvalidRequest:
    """`detail`: our own words, without the value."""
    return InvalidRequest("invalid_request", detail, field=field)


def idempotency_key(value: str | None) -> str:
    """Raises `IdempotencyError` for what is no key."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise failure("idempotency_key_required")
    return value


def positive(field: str, value: object) -> int:
    """A whole number over 0 that any database holds."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 53:
        raise invalid(field, f"{field} is a whole number over 0.")
    return value


def text(field: str, value: object, most: int = 500) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise invalid(field, f"{field} is a text of 1 to {most} characters.")
    if any(0xD800 <= ord(mark) < 0xE000 for mark in value):  # half a pair, which JSON can say and nobody can send
        raise invalid(field, f"{field} holds half of a surrogate pair.")
    return value


def optional(field: str, value: object, most: int = 500) -> str | None:
    """Text, or None where it was left out."""
    return None if value is None else text(field, value, most)


def currency(value: object) -> str:
    """ISO 4217, in lower case."""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise invalid("currency", "currency is a code of 3 letters, such as eur.")
    return value.lower()


def phone(field: str, value: object) -> str:
    """E.164: `+`, then 7 to 15 digits."""
    if not isinstance(value, str) or not _PHONE.fullmatch(value):
        raise invalid(field, f"{field} is a phone number in E.164, such as +15005550006.")
    return value


def url(field: str, value: object) -> str | None:
    """An address of http or https, or None where it was left out."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 2000 or not _URL.fullmatch(value):
        raise invalid(field, f"{field} is a URL of http or https.")
    return value


def metadata(value: object) -> Mapping[str, str]:
    """Names and texts; none where it was left out."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for pair in value.items() for one in pair):
        raise invalid("metadata", "metadata is a map of texts.")
    if not all(re.fullmatch(r"[A-Za-z0-9_.:-]{1,40}", name) for name in value):
        raise invalid("metadata", "A name in metadata has 1 to 40 letters, digits, _ . : and -.")
    return {name: text("metadata", one) for name, one in value.items() if one}
