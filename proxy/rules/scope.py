"""What may be asked of an upstream: METHOD /path/pattern, deny over allow, and the fence around a url's own path.

The one thing a reader would get wrong: patterns are matched on a decoded copy; what passes is sent as it came. A path
that two servers could resolve in two ways is refused rather than resolved (`security.md` §5).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from proxy.errors import Refusal
from proxy.rules.headers import OVERRIDES


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSettings:
    """Entries `METHOD|* /path`; `allow` None: all. A preset's own lists are already in place of the entry `preset`."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


ENTRY = re.compile(r"(\*|[A-Z]+) (/\S*)")
_CLEAR = re.compile(rb"(?:/[A-Za-z0-9_~$+@:,=-][A-Za-z0-9._~$+@:,=-]*)+/?")  # nothing to decode, fold or refuse
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE = re.compile(r"%(?:[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})")  # `%u002e`: as IIS reads it
_DOT = re.compile(rb"\xc0\xae|\xe0\x80\xae|\xf0\x80\x80\xae|%u002e", re.IGNORECASE)  # as careless decoders read them
_ENDED = re.compile(rb"\x00[^/]*|[\x01-\x1f\x7f]")  # what some servers cut a name short at, or leave out
_LAYERS = 8  # of percent-encoding that are looked through for dots


class Scope:
    """The entries of one upstream, compiled."""

    def __init__(self, settings: ScopeSettings) -> None:
        self._allow = None if settings.allow is None else [_compiled(entry) for entry in settings.allow]
        self._deny = [_compiled(entry) for entry in settings.deny]

    def check(self, method: str, target: bytes, notes: Mapping[bytes, bytes]) -> None:
        """Raises `Refusal` `out_of_scope` for what may not be asked. `target`: path and query, as they came."""
        path = matchable(target)
        for asked in (method, *_overriding(notes)):
            if not self._admits(asked, path):
                raise Refusal("out_of_scope", "This method and path are outside the upstream's scope.")

    def _admits(self, method: str, path: str) -> bool:
        if any(matches(method, path) for matches in self._deny):
            return False
        return self._allow is None or any(matches(method, path) for matches in self._allow)


def matchable(target: bytes) -> str:
    """The path as patterns see it: decoded once, `\\` as `/`, without parameters, doubled or final slashes.

    Raises `Refusal` `out_of_scope` for a `.` or `..` segment, a control byte, bytes that are not UTF-8, and what is
    still encoded after decoding.
    """
    path = target.partition(b"?")[0]
    if _CLEAR.fullmatch(path):
        return path.decode().rstrip("/") or "/"
    try:
        text = unquote_to_bytes(path).decode().replace("\\", "/")
    except UnicodeDecodeError:
        raise _unclear("is not UTF-8") from None
    if _CONTROL.search(text):
        raise _unclear("holds a control byte")
    if _ESCAPE.search(text):
        raise _unclear("is encoded twice")
    segments = [segment.partition(";")[0] for segment in text.split("/")]
    if "." in segments or ".." in segments:
        raise _unclear("has a dot segment")
    return "/" + "/".join(segment for segment in segments if segment)


def fence(target: bytes) -> None:
    """Raises `Refusal` `out_of_scope` for a path with a `.` or `..` segment in any spelling, however often encoded."""
    path = target.partition(b"?")[0]
    if _CLEAR.fullmatch(path):
        return
    for _ in range(_LAYERS):
        plain = _ENDED.sub(b"", _DOT.sub(b".", path.replace(b"\\", b"/")))
        segments = [segment.partition(b";")[0] for segment in plain.split(b"/")]
        if b"." in segments or b".." in segments:
            raise _unclear("has a dot segment")
        path, before = unquote_to_bytes(path), path
        if path == before:
            return
    raise _unclear("is encoded too often")


def first_match(entries: Iterable[str]) -> Callable[[str, bytes], bytes]:
    """A function (method, target) -> the first entry that matches, else the raw path: what a provider counts as one."""
    patterns = [_compiled(entry) for entry in entries]

    def find(method: str, target: bytes) -> bytes:
        raw = target.partition(b"?")[0]
        with contextlib.suppress(Refusal):  # a path that no pattern can be asked about stands for itself
            path = matchable(raw)
            for pattern in patterns:
                if pattern(method, path):
                    return pattern.entry.encode()
        return raw

    return find


class Pattern:
    """One entry: `pattern(method, path)` says whether it matches a path as `matchable` gives it."""

    __slots__ = ("_method", "_path", "entry")

    def __init__(self, entry: str, method: str, path: re.Pattern[str]) -> None:
        self.entry = entry
        self._method = method
        self._path = path

    def __call__(self, method: str, path: str) -> bool:
        wanted = self._method
        return (wanted in ("*", method) or (method == "HEAD" and wanted == "GET")) and (
            self._path.fullmatch(path) is not None
        )


def _compiled(entry: str) -> Pattern:
    found = ENTRY.fullmatch(entry)
    if found is None:
        raise ValueError("METHOD /path or * /path")
    method, path = found[1], found[2]
    if path.endswith("/**"):
        body, tail = path[:-3], r"(?:/.*)?"
    elif path.endswith("**"):
        body, tail = path[:-2], r".*"
    else:
        body, tail = path.rstrip("/"), ""
    pieces = [r"[^/]+" if piece == "*" else _segment(piece) for piece in body.split("/")]
    pattern = "/".join(pieces) + tail
    return Pattern(entry, method, re.compile(pattern or "/", re.DOTALL))


def _segment(piece: str) -> str:
    return r"[^/]*".join(re.escape(part) for part in piece.split("*"))


def _overriding(notes: Mapping[bytes, bytes]) -> list[str]:
    """The methods that method-override headers ask for (RFC 9110 has none of them; servers do)."""
    return [
        value.strip().upper().decode("latin-1")
        for name in OVERRIDES
        if name in notes
        for value in notes[name].split(b",")
    ]


def _unclear(why: str) -> Refusal:
    return Refusal("out_of_scope", f"The path {why}, and could be read in more than one way.")
