"""Settings as people read them: one row per value, with where it came from.

The one thing a reader would get wrong: text that a variable went into is shown as the file has it, for it may have
brought a secret along; numbers and fixed words are shown as they are in force.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from proxy.config.fill import attribute, shape
from proxy.config.schema import Settings
from proxy.units import Spelling, duration, ratio, size

_NOT_SHOWN = frozenset(
    {"name", "unsafe", "notes", "doubts", "where", "written", "used", "native", "classify", "rewrite", "limits"}
)
_PASSWORD = re.compile(r"(?<=:)[^:/?#]*(?=@)|(?<=password=)[^&#]*")  # of a URL
_WITH_PASSWORD = frozenset({"inbox.url", "state.url"})
_SWITCHES = ("breaker", "slow_after", "tolerance")  # whose absence is written `off`; of all others it is `none`


class Row(NamedTuple):
    """`key` is dotted; `value` is written as a file would write it; `origin`: `default`, `config.yaml:12`, …"""

    key: str
    value: str
    origin: str


def rows(settings: Settings) -> list[Row]:
    """Every value in force, in the order of the sections."""
    return [
        row
        for name, field in shape(Settings).items()
        if name not in _NOT_SHOWN and name != "path"  # that of the file itself
        for row in _rows(name, field.hint, getattr(settings, name), settings)
    ]


def _rows(key: str, hint: Any, value: Any, settings: Settings) -> Iterator[Row]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for name, field in shape(type(value)).items():
            if name not in _NOT_SHOWN:
                yield from _rows(f"{key}.{name}", field.hint, getattr(value, attribute(name)), settings)
    elif isinstance(value, Mapping) and value and hint is not object:
        inner = typing.get_args(_single(hint))
        for name, one in value.items():
            yield from _rows(f"{key}.{name}", inner[1] if len(inner) > 1 else object, one, settings)
    else:
        written = _without_password(key, settings.written.get(key))
        shown = _shown(key, hint, value, settings)
        origin = settings.where.get(key) or _parent(key, settings)
        yield Row(key, shown, origin if written is None or shown == written else f"{origin} ({written})")


def _parent(key: str, settings: Settings) -> str:
    """What only presets bring is traced by its first word alone."""
    section = ".".join(key.split(".")[:3])
    return settings.where.get(section, "default")


def _shown(key: str, hint: Any, value: Any, settings: Settings) -> str:
    if isinstance(value, tuple | frozenset):
        items = sorted(value) if isinstance(value, frozenset) else value
        inner = next(iter(typing.get_args(_single(hint))), object)
        return "[" + ", ".join(_shown(f"{key}[{place}]", inner, one, settings) for place, one in enumerate(items)) + "]"
    if isinstance(value, str) and typing.get_origin(_single(hint)) is not Literal:
        return _without_password(key, settings.written.get(key, value)) or ""
    if isinstance(value, dict | list) and key in settings.written:
        return settings.written[key]
    return "off" if value is None and key.endswith(_SWITCHES) else spelled(hint, value)


def _without_password(key: str, text: str | None) -> str | None:
    return _PASSWORD.sub(_hidden, text) if text is not None and key in _WITH_PASSWORD else text


def _hidden(password: re.Match[str]) -> str:
    """A variable's name may be seen, what is written out may not."""
    return password[0] if password[0].startswith("${") else "[redacted]"


def spelled(hint: Any, value: Any) -> str:
    """A value as a file would write it: `2s`, `64KiB`, `20%`, `true`, `none`."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list) and value:
        return json.dumps(value)
    marks = getattr(_single(hint), "__metadata__", ())
    for mark in marks:
        if isinstance(mark, Spelling) and mark.parse in _WRITERS:
            return _WRITERS[mark.parse](value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _single(hint: Any) -> Any:
    """The type itself, where None would do as well."""
    others = [one for one in typing.get_args(hint) if one is not type(None)]
    optional = type(None) in typing.get_args(hint)
    return others[0] if optional and len(others) == 1 else hint


def _duration(seconds: float) -> str:
    units = {"d": 86400.0, "h": 3600.0, "m": 60.0}
    for unit, length in units.items():
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s" if seconds >= 1 or seconds == 0 else f"{seconds * 1000:g}ms"


def _size(count: float) -> str:
    for unit, length in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count and count % length == 0:
            return f"{count // length:g}{unit}"
    return f"{count:g}"


def _ratio(share: float) -> str:
    return f"{share * 100:g}%"


_WRITERS: dict[Callable[[object], float], Callable[[float], str]] = {
    duration: _duration,
    size: _size,
    ratio: _ratio,
}
