"""An integration's rules over status, headers, JSON and XML: which answers mean what (`integrations.md` §3).

The one thing a reader would get wrong: a rule without `as` does not end the search, it only adds its modifiers, and
of two modifiers of one kind the first found stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, cast

from proxy.model import Headers
from proxy.rules import conditions, json_pointer
from proxy.rules.answer_view import AnswerView
from proxy.rules.conditions import Test
from proxy.rules.finding import SILENT, Again, Finding
from proxy.rules.outcome import VERDICTS
from proxy.rules.retry_after import NOTHING, Told, told_wait
from proxy.units import size

PEEK = 64 << 10  # bytes of a body that are looked at
MOST_PEEK = 1 << 20
FORMATS = {  # format of a wait -> the header whose reading it shares
    "seconds": b"Retry-After",
    "ms": b"Retry-After-Ms",
    "epoch": b"Retry-After",
    "epoch_ms": b"Retry-After",
    "http_date": b"Retry-After",
    "rfc3339": b"Retry-After",
    "duration": b"Retry-After",
}
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_ANY_STATUS = frozenset(range(100, 1000))


class _Value(NamedTuple):
    """Where a value stands; `in_body` None: in a header."""

    read: Callable[[AnswerView], list[str]]
    in_body: Literal["json", "xml"] | None


class _Wait(NamedTuple):
    value: _Value
    header: bytes


class _Rule(NamedTuple):
    statuses: frozenset[int]
    head: Sequence[Test]
    body: Sequence[tuple[Literal["json", "xml"], Test]]
    outcome: str | None
    retry: Again | None
    wait: _Wait | None
    codes: Sequence[_Value]

    def kinds(self) -> Iterable[str | None]:
        """The forms of a body that something in this rule would read."""
        values = [*self.codes, *([] if self.wait is None else [self.wait.value])]
        return {kind for kind, _ in self.body} | {value.in_body for value in values}


class Classifier:
    """Made once from `classify`. Raises `ValueError` that names the rule and what is wrong with it."""

    def __init__(self, written: Mapping[str, object]) -> None:
        _known(written, "peek", "rules")
        self.peek = size(written.get("peek", PEEK))
        if self.peek > MOST_PEEK:
            raise ValueError("peek is at most 1MiB")
        rules = written.get("rules", [])
        if not isinstance(rules, list | tuple):
            raise ValueError("rules is a list")
        compiled = [_numbered(number, rule) for number, rule in enumerate(rules)]
        chosen = {status: tuple(rule for rule in compiled if status in rule.statuses) for status in _ANY_STATUS}
        self._rules = {status: those for status, those in chosen.items() if those}

    def concerns(self, status: int) -> bool:
        """True if there is a rule for this status."""
        return status in self._rules

    def wants_body(self, status: int, headers: Headers) -> bool:
        """True if what the rules say of this answer may depend on its body, and the body is of a form they read."""
        rules = self._rules.get(status)
        if rules is None or status == 206:
            return False
        answer = AnswerView(status, headers, peek=self.peek)
        readable = {"json": answer.is_json, "xml": answer.is_xml}
        for rule in rules:
            if not all(test(answer) for test in rule.head):
                continue
            if any(kind is not None and readable[kind] for kind in rule.kinds()):
                return True
            if rule.outcome is not None and not rule.body:
                return False
        return False

    def find(self, status: int, headers: Headers, body: bytes | None, wall: float) -> Finding:
        """`body` None: not looked at, or longer than `peek`. `wall`: Unix seconds at which the answer came."""
        rules = self._rules.get(status)
        if rules is None:
            return SILENT
        answer = AnswerView(status, headers, body, peek=self.peek)
        finding = SILENT
        for rule in rules:
            if all(test(answer) for test in rule.head) and all(test(answer) for _, test in rule.body):
                finding = _added(finding, rule, answer, wall)
                if finding.outcome is not None:
                    break
        return finding


def _added(finding: Finding, rule: _Rule, answer: AnswerView, wall: float) -> Finding:
    told = finding.told
    if told == NOTHING and rule.wait is not None:
        told = _told(rule.wait, answer, wall)
    return Finding(rule.outcome, finding.retry or rule.retry, told, finding.code or _code(rule.codes, answer))


def _told(wait: _Wait, answer: AnswerView, wall: float) -> Told:
    dates = tuple(field for field in answer.headers if field[0].lower() == b"date")
    fields = tuple((wait.header, value.encode("latin-1", "replace")) for value in wait.value.read(answer))
    return told_wait(answer.status, fields + dates, wall) if fields else NOTHING


def _code(places: Sequence[_Value], answer: AnswerView) -> str | None:
    for place in places:
        for value in place.read(answer):
            if _CODE.fullmatch(value):
                return value
    return None


def _numbered(number: int, written: object) -> _Rule:
    try:
        return _rule(_section(written))
    except ValueError as error:
        raise ValueError(f"rules[{number}]: {error}") from None


def _rule(written: Mapping[str, object]) -> _Rule:
    _known(written, "when", "as", "retry", "wait", "code")
    when = _section(written.get("when"))
    _known(when, "status", "header", "json", "xml")
    if not when:
        raise ValueError("when asks for nothing")
    body: list[tuple[Literal["json", "xml"], Test]] = []
    if "json" in when:
        body.append(("json", conditions.json_test(when["json"])))
    if "xml" in when:
        body.append(("xml", conditions.xml_test(when["xml"])))
    return _Rule(
        conditions.statuses(when["status"]) if "status" in when else _ANY_STATUS,
        [conditions.header_test(when["header"])] if "header" in when else [],
        body,
        _word(written, "as", VERDICTS),
        cast("Again | None", _word(written, "retry", ("never", "safe", "always"))),
        _wait(_section(written["wait"])) if "wait" in written else None,
        list(_places(_section(written["code"]))) if "code" in written else [],
    )


def _wait(written: Mapping[str, object]) -> _Wait:
    _known(written, "json", "header", "format")
    form = _word(written, "format", FORMATS)
    if form is None:
        raise ValueError(f"wait needs a format: {', '.join(FORMATS)}")
    return _Wait(_value({key: value for key, value in written.items() if key != "format"}), FORMATS[form])


def _places(written: Mapping[str, object]) -> Iterable[_Value]:
    """The place of a code, and those to look at where it has none."""
    more = written.get("else")
    yield _value({key: value for key, value in written.items() if key != "else"})
    if more is not None:
        yield from _places(_section(more))


def _value(written: Mapping[str, object]) -> _Value:
    _known(written, "json", "header", "xml")
    if len(written) != 1:
        raise ValueError("one of json, header and xml is wanted")
    ((kind, place),) = written.items()
    if not isinstance(place, str):
        raise ValueError(f"{kind} is a word")
    if kind == "header":
        name = place.lower().encode("latin-1")
        return _Value(lambda answer: answer.values(name), None)
    if kind == "json":
        pointer = json_pointer.parse(place)
        return _Value(lambda answer: [*map(_as_text, json_pointer.found(answer.json, pointer))], "json")
    path = conditions.xml_path(place)
    return _Value(lambda answer: [*map(conditions.unprefixed, conditions.texts(answer, path))], "xml")


def _as_text(value: object) -> str:
    """Words and numbers as text; anything else is no code and no wait."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)[:80]


def _section(written: object) -> Mapping[str, object]:
    if not isinstance(written, Mapping):
        raise ValueError(f"a map is wanted in place of {written!r}")
    return written


def _known(written: Mapping[str, object], *names: str) -> None:
    for name in written:
        if name not in names:
            raise ValueError(f"unknown key {name!r}; allowed: {', '.join(names)}")


def _word(written: Mapping[str, object], name: str, allowed: Iterable[str]) -> str | None:
    value = written.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name}: {value!r} is none of {', '.join(allowed)}")
    return value
