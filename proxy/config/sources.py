"""Where secrets come from: the section `secrets:`, and one reading of a source.

The one thing a reader would get wrong: nothing here may end in a message. A literal, a value, even an unknown key under
a secret's name may be the secret itself.
"""

from __future__ import annotations

import os
import re
import stat
from codecs import BOM_UTF8
from collections.abc import Mapping
from pathlib import Path

from proxy.config.complaints import near
from proxy.config.fill import Filling, shape
from proxy.config.schema import SecretSource
from proxy.config.tree import Node, entries, text

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
MAX_VALUE = 64 << 10  # bytes; a larger file is no secret
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_SOURCE = "a source: {env: VARIABLE} or {file: path}"
_LATER = ("encrypted", "command")


class Unreadable(Exception):
    """A source without a usable value; `reason` is a word or two of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def reading(source: SecretSource, environ: Mapping[str, str]) -> bytes:
    """The value that a source has now. Raises `Unreadable`; never blocks on what is no regular file."""
    if source.file is None:
        found = environ.get(source.env or "")
        if found is None:
            raise Unreadable("missing")
        return _usable(found.encode("utf-8", "surrogateescape"))
    return _usable(_contents(source.file).removeprefix(BOM_UTF8))  # an editor's mark, no part of what it marks


def loose(path: str) -> bool:
    """Whether group or others can read the file."""
    try:
        return bool(Path(path).stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def _contents(path: str) -> bytes:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable("not a file")
            raw = file.read(MAX_VALUE + 1)
    except FileNotFoundError:
        raise Unreadable("missing") from None
    except OSError:
        raise Unreadable("unreadable") from None
    if len(raw) > MAX_VALUE:
        raise Unreadable("too large")
    return raw


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would hold up the program until somebody wrote


def _usable(raw: bytes) -> bytes:
    value = raw[: -len(b"\r\n")] if raw.endswith(b"\r\n") else raw.removesuffix(b"\n")
    if not value:
        raise Unreadable("empty")
    if _CONTROL.search(value) and not _is_armour(value):
        raise Unreadable("spoilt by a control byte")
    try:
        value.decode()
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None
    return value


def _is_armour(value: bytes) -> bool:
    """True for keys and certificates in PEM (RFC 7468) and nothing else; line ends are part of that form."""
    label = None
    for line in value.replace(b"\r\n", b"\n").split(b"\n"):
        begin = _BEGIN.fullmatch(line)
        if _CONTROL.search(line) or (label is None and line and begin is None):
            return False
        if label is None:
            label = begin and begin[1]
        elif line == b"-----END %b-----" % label:
            label = None
    return label is None and bool(_BEGIN.match(value))


def sources(section: Node | None, filling: Filling) -> dict[str, SecretSource]:
    """The section's sources by name; what is wrong with it goes to the complaints."""
    if section is None or section.empty:
        return {}
    if not isinstance(section.content, dict):
        filling.complaints.add(section, "a map of names and sources")
    found = {name: _source(name, node, filling) for name, node in entries(section).items()}
    return {name: source for name, source in found.items() if source is not None}


def _source(name: str, node: Node, filling: Filling) -> SecretSource | None:
    complaints = filling.complaints
    if not NAME.fullmatch(name):
        complaints.add(node, "letters, digits, _ and -, a letter first", given="a name of another shape")
    if not isinstance(node.content, dict):
        complaints.add(node, _SOURCE, given="a literal, which is not shown" if text(node) else "no source")
        return None
    if not _known_keys(node, filling):
        return None
    given = sorted({"env", "file"} & set(node.content))
    if len(given) != 1:
        complaints.add(node, _SOURCE, given="both env and file" if given else "no source")
        return None
    variable = text(node.content.get("env"))
    if variable is not None and not _VARIABLE.fullmatch(variable):
        complaints.add(node.content["env"], "the name of a variable", given="text that is not shown")
        return None
    if text(node.content.get("file")) == "":
        complaints.add(node.content["file"], "the path of a file", given="nothing")
        return None
    return filling.settings(SecretSource, node, f"secrets.{name}")


def _known_keys(node: Node, filling: Filling) -> bool:
    known = shape(SecretSource)
    strange = {key: one for key, one in entries(node).items() if key not in known}
    for key, one in strange.items():
        if key in _LATER:
            filling.complaints.not_yet(one, "env or file", given=key)
        elif key == "refresh" and "command" not in strange:
            filling.complaints.add(one, "env, file, max_stale", given="refresh, which goes with command")
        elif key != "refresh":
            meant = near(key, known)  # a key that resembles none of ours may be the secret, braces forgotten
            given = "an unknown key" if meant else "an unknown key, which is not shown"
            filling.complaints.add(one if meant else node, "env, file, max_stale", given=given, meant=meant)
    return not strange
