"""Lines of a log: how one looks, and a way out for it that nobody ever waits for.

The one thing a reader would get wrong: what is written here was redacted before, value by value. A finished line is
already escaped, and cutting into it would break it.
"""

from __future__ import annotations

import json
import os
import re
import select
from collections.abc import Callable, Mapping

from proxy.units import rfc3339

AT_ONCE = 4096  # bytes that a pipe takes whole, or says before that it will not (POSIX: PIPE_BUF)

Value = str | float | bool | list[str] | None
Fields = Mapping[str, Value]
Format = Callable[[float, str, str, Fields], str]
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@%+*()\[\]-]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def as_json(wall: float, level: str, event: str, fields: Fields) -> str:
    """One JSON object; what is None is left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    return json.dumps({"time": rfc3339(wall), "level": level, "event": event, **given}, separators=(",", ":"))


def as_text(wall: float, level: str, event: str, fields: Fields) -> str:
    """For people: `name=value` behind time, level and event. Control characters are written as `\\xNN`."""
    given = [f" {name}={_shown(value)}" for name, value in fields.items() if value is not None]
    line = f"{rfc3339(wall)} {level.upper():7} {event}{''.join(given)}"
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", line)


def _shown(value: Value) -> str:
    if isinstance(value, list):
        return _shown(" < ".join(value))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if _PLAIN.fullmatch(text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Lines:
    """Writes whole lines to a descriptor if it takes them now; else they are counted, and the next one says so."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._ready = select.poll()
        self._ready.register(file, select.POLLOUT)
        self._torn = False  # the last line has no end
        self.dropped = 0

    @property
    def on_terminal(self) -> bool:
        return os.isatty(self._file)

    def write(self, line: str) -> bool:
        """False: the line was dropped, or only its beginning was taken."""
        content = line.encode("utf-8", "backslashreplace") + b"\n"
        if self._torn:
            content = b"\n" + content
        for start in range(0, len(content), AT_ONCE):
            piece = content[start : start + AT_ONCE]
            taken = self._taken(piece)
            if taken < len(piece):
                self._torn = self._torn or start + taken > 0
                self.dropped += 1
                return False
        self._torn = False
        return True

    def _taken(self, piece: bytes) -> int:
        try:
            return os.write(self._file, piece) if self._ready.poll(0) else 0
        except OSError:  # nobody reads any more
            return 0
