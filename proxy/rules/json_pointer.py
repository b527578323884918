"""JSON pointers (RFC 6901) in which `*` is any item of an array."""

from __future__ import annotations

from typing import Any

Pointer = tuple[str, ...]


def parse(text: str) -> Pointer:
    """Raises `ValueError` for what is no pointer to a part of a document."""
    if not text.startswith("/"):
        raise ValueError(f"{text!r} must be a JSON pointer, which begins with /")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def found(document: Any, pointer: Pointer) -> list[Any]:
    """Every value there, `None` for null among them; empty where there is none."""
    values = [document]
    for step in pointer:
        values = [each for value in values for each in inner(value, step)]
    return values


def member(value: Any, step: str) -> Any:
    """What one step that is no `*` leads to; `None` where it leads nowhere, or to null."""
    return next(iter(inner(value, step)), None)


def inner(value: Any, step: str) -> list[Any]:
    """What one step leads to; empty where it leads nowhere."""
    if isinstance(value, dict):
        return [value[step]] if step in value else []
    if not isinstance(value, list):
        return []
    if step == "*":
        return value
    number = int(step) if step.isascii() and step.isdecimal() and len(step) < 10 and str(int(step)) == step else -1
    return [value[number]] if 0 <= number < len(value) else []
