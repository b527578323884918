"""YAML text -> a tree of nodes, by the rules of YAML 1.2 and none of its surprises.

No tags, no merge keys, no second document; a key given twice is a complaint; anchors may be used, but not to make a
small file large. The one thing a reader would get wrong: the parser's events are read here, not its objects, since
only these still know their lines, and PyYAML's own resolver is that of YAML 1.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import yaml

from proxy.config.complaints import Complaints
from proxy.config.tree import Node, Source

MAX_FILE = 1 << 20  # bytes
MAX_DEPTH = 32
MAX_NODES = 50_000  # after anchors were followed
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast, and not in every build


def read(data: bytes, source: Source, complaints: Complaints) -> Node:
    """The file's tree; an empty map where it cannot be read at all, which `complaints` then says."""
    nothing = Node({}, "", source, 1)
    if len(data) > MAX_FILE:
        complaints.add(nothing, "at most 1 MiB", given="a file that is larger")
        return nothing
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        complaints.add(replace(nothing, line=line), "UTF-8", given="bytes that are not UTF-8")
        return nothing
    try:
        return _Builder(yaml.parse(content, Loader=_LOADER), source, complaints).document()
    except _TooMuch as problem:
        complaints.add(problem.node, problem.allowed, given=problem.given)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        complaints.add(
            replace(nothing, line=mark.line + 1 if mark else 1),
            "YAML 1.2",
            given=f"text that is not YAML ({getattr(error, 'problem', None) or 'unreadable'})",
        )
    return nothing


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _TooMuch(Exception):
    def __init__(self, node: Node, given: str, allowed: str) -> None:
        super().__init__(given)
        self.node, self.given, self.allowed = node, given, allowed


class _Builder:
    def __init__(self, events: Iterator[yaml.Event], source: Source, complaints: Complaints) -> None:
        self._events = events
        self._source = source
        self._complaints = complaints
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def document(self) -> Node:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                root = self._node(next(self._events), "", _line(event), 0)
                self._no_more()
                return root
        return Node({}, "", self._source, 1)

    def _no_more(self) -> None:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                second = Node({}, "", self._source, _line(event))
                self._complaints.add(second, "one document", given="a second document")

    def _node(self, event: yaml.Event, key: str, line: int, depth: int) -> Node:
        here = Node("", key, self._source, line)
        self._count += 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            raise _TooMuch(here, "too much", f"{MAX_DEPTH} levels and {MAX_NODES} values, anchors followed")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", here, depth)
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            raise TypeError(event)  # the parser's grammar knows no other at this place
        if event.tag is not None:
            self._complaints.add(here, "plain values", given=f"the tag {event.tag}")
        plain = isinstance(event, yaml.ScalarEvent) and event.implicit[0]
        node = Node(self._content(event, here, depth), key, self._source, line, plain)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _content(self, event: yaml.Event, here: Node, depth: int) -> str | list[Node] | dict[str, Node]:
        if isinstance(event, yaml.ScalarEvent):
            return event.value
        return self._list(here, depth) if isinstance(event, yaml.SequenceStartEvent) else self._map(here, depth)

    def _list(self, here: Node, depth: int) -> list[Node]:
        found: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._node(event, f"{here.key}[{len(found)}]", _line(event), depth + 1))
        return found

    def _map(self, here: Node, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise _TooMuch(replace(here, line=line), "a key that is no text", "keys that are text")
            name = f"{here.key}.{event.value}" if here.key else event.value
            value = self._node(next(self._events), name, line, depth + 1)
            if event.value in found:
                first = f"the key a second time (first on line {found[event.value].line})"
                self._complaints.add(value, "each key once", given=first)
            found.setdefault(event.value, value)
        return found

    def _alias(self, anchor: str, here: Node, depth: int) -> Node:
        target = self._anchors.get(anchor)
        if target is None:
            raise _TooMuch(here, f"the alias *{anchor}", "aliases of an anchor that stands before them")
        return self._copied(target, here.key, depth)

    def _copied(self, node: Node, key: str, depth: int) -> Node:
        self._count += 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            raise _TooMuch(node, "too much", f"{MAX_DEPTH} levels and {MAX_NODES} values, anchors followed")
        if isinstance(node.content, dict):
            inner = {name: self._copied(one, f"{key}.{name}", depth + 1) for name, one in node.content.items()}
            return replace(node, key=key, content=inner)
        if isinstance(node.content, list):
            listed = [self._copied(one, f"{key}[{at}]", depth + 1) for at, one in enumerate(node.content)]
            return replace(node, key=key, content=listed)
        return replace(node, key=key)
