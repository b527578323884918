"""The parts of a classification rule's `when`: what each asks of an answer (`integrations.md` §3).

All parts must hold; a list is "one of"; `present` is true for null too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from proxy.rules import json_pointer
from proxy.rules.answer_view import AnswerView
from proxy.rules.xml_tree import below

Test = Callable[[AnswerView], bool]
PRESENT, ABSENT = "present", "absent"

_RANGE = re.compile(r"([1-9]\d\d)-([1-9]\d\d)")
_SCALARS = (str, int, float, bool, type(None))


def statuses(wanted: object) -> frozenset[int]:
    """`429` or `[200, 500-599]` as statuses. Raises `ValueError`."""
    return frozenset(status for item in _listed(wanted) for status in _status_range(item))


def header_test(fields: object) -> Test:
    """Of `{X-Name: ["a", "prefix*"], X-There: present, X-Gone: absent}`."""
    tests = [_one_header(name.lower().encode("latin-1"), wanted) for name, wanted in _mapping(fields).items()]
    return _all(tests)


def json_test(values: object) -> Test:
    """Of `{/ok: false, /error: [a, b], "/errors/*/code": [x], /errors: present}`."""
    return _all([_one_pointer(json_pointer.parse(pointer), wanted) for pointer, wanted in _mapping(values).items()])


def xml_test(values: object) -> Test:
    """Of `{Fault/faultcode: [Client]}`."""
    return _all([_one_path(xml_path(path), wanted) for path, wanted in _mapping(values).items()])


def xml_path(text: str) -> tuple[str, ...]:
    """Local names, one below the other. Raises `ValueError`."""
    path = tuple(text.split("/"))
    if not all(path) or ":" in text:
        raise ValueError(f"{text!r} is no path of local names such as Fault/faultcode")
    return path


def unprefixed(value: str) -> str:
    """A QName's text without its prefix: `s:Client.OutOfStock` as `Client.OutOfStock`."""
    return value.strip().rpartition(":")[2]


def _one_header(name: bytes, wanted: object) -> Test:
    if wanted == PRESENT:
        return lambda answer: bool(answer.values(name))
    if wanted == ABSENT:
        return lambda answer: not answer.values(name)
    words = [_word(item) for item in _listed(wanted)]
    whole = frozenset(word for word in words if not word.endswith("*"))
    begun = tuple(word[:-1] for word in words if word.endswith("*"))
    return lambda answer: any(value in whole or value.startswith(begun) for value in answer.values(name))


def _one_pointer(pointer: json_pointer.Pointer, wanted: object) -> Test:
    if wanted == PRESENT:
        return lambda answer: bool(json_pointer.found(answer.json, pointer))
    scalars = [_scalar(item) for item in _listed(wanted)]
    return lambda answer: any(_is_one_of(value, scalars) for value in json_pointer.found(answer.json, pointer))


def _one_path(path: tuple[str, ...], wanted: object) -> Test:
    if wanted == PRESENT:
        return lambda answer: bool(texts(answer, path))
    words = frozenset(_word(item) for item in _listed(wanted))
    return lambda answer: any(not words.isdisjoint(_readings(text)) for text in texts(answer, path))


def texts(answer: AnswerView, path: tuple[str, ...]) -> list[str]:
    """The trimmed texts of the elements at a path."""
    return [] if answer.xml is None else [(element.text or "").strip() for element in below(answer.xml, path)]


def _readings(text: str) -> Iterable[str]:
    """As it stands, and as a QName without prefix and tail."""
    return text, unprefixed(text).partition(".")[0]


def _is_one_of(value: Any, scalars: Sequence[object]) -> bool:
    """JSON's equality: `false` is neither 0 nor "false"."""
    return any(value == scalar and isinstance(value, bool) == isinstance(scalar, bool) for scalar in scalars)


def _status_range(item: object) -> range:
    if isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 999:
        return range(item, item + 1)
    found = _RANGE.fullmatch(item) if isinstance(item, str) else None
    if found is None or int(found[1]) > int(found[2]):
        raise ValueError(f"{item!r} is neither a status such as 429 nor a range such as 500-599")
    return range(int(found[1]), int(found[2]) + 1)


def _all(tests: Sequence[Test]) -> Test:
    return lambda answer: all(test(answer) for test in tests)


def _listed(wanted: object) -> Sequence[object]:
    return wanted if isinstance(wanted, list | tuple) else [wanted]


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"a map is wanted in place of {value!r}")
    return value


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(_scalar(value))


def _scalar(value: object) -> object:
    if not isinstance(value, _SCALARS):
        raise ValueError(f"a word, number, true, false or null is wanted in place of {value!r}")
    return value
