"""Samples of providers' events, in `samples/PROVIDER/TYPE.json` or `.form`, and the blanks in them that are filled in.

The one thing a reader would get wrong: no sample holds an identifier. `{a:24}` is 24 letters and digits made at
sending, `{now}` the event's time; a text that is nothing but `{now}`, `{now_ms}` or `{n:9}` becomes a number.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from proxy.units import rfc3339

FOLDER = Path(__file__).parent / "samples"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
_GENERIC = "generic"
_ODD = re.compile(r"[^A-Za-z0-9._/-]")
_BLANK = re.compile(r"\{(a|A|h|d|n|uuid|now|now_ms|now_text|now_iso|type)(?::([0-9]{1,2}))?\}")
_ALPHABETS = {
    "a": string.ascii_letters + string.digits,
    "A": string.ascii_uppercase + string.digits,
    "h": "0123456789abcdef",
    "d": string.digits,
    "n": string.digits,
}
_NUMBERS = ("now", "now_ms", "n")

Choose = Callable[[str, int], str]  # an alphabet and a length -> that many of its characters


class Sample(NamedTuple):
    """`known`: there is a sample of exactly that type; else the body has the provider's shape and no more."""

    body: bytes
    content_type: str
    known: bool


class Blanks(NamedTuple):
    """What the blanks are filled with. `wall`: Unix seconds of the event."""

    type: str
    wall: float
    choose: Choose

    def uuid(self) -> str:
        """A random one (version 4)."""
        digits = self.choose(_ALPHABETS["h"], 30)
        return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:18]}-{digits[18:30]}"


def sample(provider: str | None, blanks: Blanks) -> Sample:
    """The sample of that type, else the provider's generic one, else a body with nothing but id, type and time."""
    folder = FOLDER / (provider or "")
    found = _file(folder, blanks.type) if provider else None
    known = found is not None
    if found is None and provider and folder.is_dir():
        found = _file(folder, _GENERIC) or next(iter(sorted(path for path in folder.rglob("*.*"))), None)
    if found is None:
        content: Any = {"id": "evt_{a:24}", "type": "{type}", "created": "{now}", "data": {}}
        return Sample(_as_json(_filled(content, blanks)), JSON, known)
    text = found.read_text("utf-8")
    if found.suffix == ".form":
        return Sample(_as_form(text, blanks), FORM, known)
    return Sample(_as_json(_filled(json.loads(text), blanks)), JSON, known)


def types(provider: str | None) -> Sequence[str]:
    """The types that there are samples of; characters that no file name takes are `_`."""
    folder = FOLDER / (provider or "-")
    names = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.*")}
    return sorted(names - {_GENERIC})


def _file(folder: Path, type: str) -> Path | None:
    name = _ODD.sub("_", type)
    if ".." in name or name.startswith("/"):
        return None
    return next((path for end in (".json", ".form") if (path := folder / f"{name}{end}").is_file()), None)


def _filled(value: Any, blanks: Blanks) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, blanks) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, blanks) for one in value]
    if not isinstance(value, str):
        return value
    whole = _BLANK.fullmatch(value)
    text = _BLANK.sub(lambda found: _word(found, blanks), value)
    return int(text) if whole and whole[1] in _NUMBERS else text


def _word(found: re.Match[str], blanks: Blanks) -> str:
    name, length = found[1], int(found[2] or 1)
    if name in _ALPHABETS:
        first = blanks.choose("123456789", 1) if name == "n" else ""  # a number does not begin with a zero
        return first + blanks.choose(_ALPHABETS[name], length - len(first))
    written: dict[str, Callable[[], str]] = {
        "uuid": blanks.uuid,
        "type": lambda: blanks.type,
        "now": lambda: f"{blanks.wall:.0f}",
        "now_text": lambda: f"{blanks.wall:.0f}",
        "now_ms": lambda: f"{blanks.wall * 1000:.0f}",
        "now_iso": lambda: rfc3339(blanks.wall, "seconds"),
    }
    return written[name]()


def _as_json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _as_form(text: str, blanks: Blanks) -> bytes:
    pairs = (line.partition("=")[::2] for line in text.splitlines() if line)
    return "&".join(
        f"{quote_plus(name)}={quote_plus(_BLANK.sub(lambda found: _word(found, blanks), value))}"
        for name, value in pairs
    ).encode()
