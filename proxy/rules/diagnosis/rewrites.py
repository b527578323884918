"""What a body may have been before something on the way wrote it anew: each guess in words, and its bytes.

JSON is rewritten as text, token by token, never through numbers and dictionaries: `1.0` stays `1.0`, and order stays.
Guesses that change one thing come before those that change two or three.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product

MOST = 1 << 20  # bytes of a JSON body that is rewritten
_INFLATED = 8 << 20  # bytes that a compressed body may unfold to
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_PAIR = r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"  # of one character beyond U+FFFF
_BOM = b"\xef\xbb\xbf"

Rewrite = Callable[[bytes], bytes | None]


def rewrites(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Guesses that differ from `body`, likeliest first, none twice."""
    seen = {body}
    for what, guess in _guesses(body):
        if guess is not None and guess not in seen:
            seen.add(guess)
            yield what, guess


def _guesses(body: bytes) -> Iterator[tuple[str, bytes | None]]:
    for what, rewrite in PLAIN:
        yield what, rewrite(body)
    if len(body) <= MOST:
        yield from _json(body)


def _inflated(body: bytes) -> bytes | None:
    try:
        engine = zlib.decompressobj(wbits=47)  # gzip or zlib, as the header says
        found = engine.decompress(body, _INFLATED)
    except zlib.error:
        return None
    return found if engine.eof else None


def _recoded(body: bytes, source: str, target: str) -> bytes | None:
    try:
        return body.decode(source).encode(target)
    except UnicodeError:
        return None


PLAIN: Sequence[tuple[str, Rewrite]] = (
    ("without the line end behind it", lambda body: body.removesuffix(b"\n")),
    ("without the CRLF behind it", lambda body: body.removesuffix(b"\r\n")),
    ("without the blanks around it", bytes.strip),
    ("with a line end behind it", lambda body: body + b"\n"),
    ("with a CRLF behind it", lambda body: body + b"\r\n"),
    ("with LF for CRLF", lambda body: body.replace(b"\r\n", b"\n")),
    ("with CRLF for LF", lambda body: body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
    ("without its byte order mark", lambda body: body.removeprefix(_BOM)),
    ("with a byte order mark", lambda body: _BOM + body),
    ("unpacked (gunzip)", _inflated),
    ("in latin-1", lambda body: _recoded(body, "utf-8", "latin-1")),
    ("in UTF-8, read as latin-1 on the way", lambda body: _recoded(body, "latin-1", "utf-8")),
)


def _json(body: bytes) -> Iterator[tuple[str, bytes | None]]:
    try:
        text = body.decode("utf-8-sig")
        json.loads(text)
    except (ValueError, RecursionError):
        return
    tokens = _TOKENS.findall(text)
    spaced = {name: "".join(pieces(tokens)) for name, pieces in _SPACED.items()} | {"": text}
    for said, (spacing, *changes) in _combined():
        yield said, _written(spaced[spacing], changes)


def _combined() -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Spacing, `\\u` escapes, slashes: every combination, those with fewer changes first."""
    found = [each for each in product(_SPACINGS, _UNICODE, _SLASHES) if any(each)]
    for each in sorted(found, key=lambda each: sum(map(bool, each))):
        yield ", ".join(_SAID[part] for part in each if part), each


_SPACINGS = ("", "compact", "spaced", "indent2", "indent4")
_UNICODE = ("", "unescaped", "escaped", "ESCAPED", "html")
_SLASHES = ("", "slashed", "unslashed")
_SAID = {
    "compact": "compacted (JSON without blanks)",
    "spaced": "spaced (JSON with a blank behind , and :)",
    "indent2": "indented by two",
    "indent4": "indented by four",
    "unescaped": r"with characters for \u escapes",
    "escaped": r"with \u escapes for characters",
    "ESCAPED": r"with \u escapes in capitals",
    "html": r"with \u escapes for <, > and &",
    "slashed": r"with / written \/",
    "unslashed": r"with \/ written /",
}


def _written(text: str, changes: Sequence[str]) -> bytes | None:
    for change in reversed(changes):  # slashes first: escapes bring new backslashes
        if change:
            pattern, replacement = _REPLACED[change]
            text = pattern.sub(replacement, text)
    try:
        return text.encode()
    except UnicodeError:
        return None


def _indented(marks: Sequence[str], step: str) -> Iterator[str]:
    depth, last = 0, ""
    for mark, following in zip(marks, [*marks[1:], ""], strict=True):
        if mark in _CLOSING and last not in _OPENING:
            depth -= 1
            yield "\n" + step * depth
        yield ": " if mark == ":" else mark
        if mark in _OPENING and following not in _CLOSING:
            depth += 1
            yield "\n" + step * depth
        elif mark == ",":
            yield "\n" + step * depth
        last = mark


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return chr(0x10000 + ((int(found[1], 16) - 0xD800) << 10) + int(found[2], 16) - 0xDC00)
    number = int(found[3], 16) if found[3] else 0
    kept = number < 0x20 or 0xD800 <= number < 0xE000 or chr(number) in '"\\'  # must be escaped in JSON
    return found[0] if kept else chr(number)


def _escape(found: re.Match[str], form: str = "%04x") -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join("\\u" + form % int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))


_OPENING, _CLOSING = ("{", "["), ("}", "]")
_SPACED: dict[str, Callable[[Sequence[str]], Iterable[str]]] = {
    "compact": lambda tokens: tokens,
    "spaced": lambda tokens: ({",": ", ", ":": ": "}.get(token, token) for token in tokens),
    "indent2": lambda tokens: _indented(tokens, "  "),
    "indent4": lambda tokens: _indented(tokens, "    "),
}
_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_REPLACED: dict[str, tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = {
    "unescaped": (re.compile(_PAIR + r"|\\u([0-9a-fA-F]{4})|\\[^u]"), _unescaped),
    "escaped": (_NON_ASCII, _escape),
    "ESCAPED": (_NON_ASCII, lambda found: _escape(found, "%04X")),
    "html": (re.compile(r"[<>&\u2028\u2029]"), _escape),
    "slashed": (re.compile(r"\\.|/"), lambda found: "\\/" if found[0] == "/" else found[0]),
    "unslashed": (re.compile(r"\\."), lambda found: "/" if found[0] == "\\/" else found[0]),
}
