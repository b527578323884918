"""`${VAR}`, `${VAR:-default}` and `${VAR:?message}` in a file's values, from the environment.

The one thing a reader would get wrong: a value that a variable went into is read like one without quotes, so that
`"${ATTEMPTS:-3}"` is a number. Keys are never touched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from proxy.config.complaints import Complaints
from proxy.config.tree import Node

_USE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:-|:\?)([^{}]*))?\}|\$\{")
_FORMS = "${VAR}, ${VAR:-default}, ${VAR:?message}, or $${ for a literal ${"


def filled(node: Node, environ: Mapping[str, str], complaints: Complaints) -> Node:
    """The tree with all variables filled in; what cannot be filled is complained about and stays as written."""
    if isinstance(node.content, dict):
        return replace(node, content={key: filled(one, environ, complaints) for key, one in node.content.items()})
    if isinstance(node.content, list):
        return replace(node, content=[filled(one, environ, complaints) for one in node.content])
    if "${" not in node.content:
        return node
    return _scalar(node, node.content, environ, complaints)


def by_name(written: str) -> str:
    """A value as the file writes it, each variable as `${VAR}` alone: neither what it holds nor a default."""
    return _USE.sub(lambda use: use[0] if use[1] is None else f"${{{use[1]}}}", written)


def _scalar(node: Node, written: str, environ: Mapping[str, str], complaints: Complaints) -> Node:
    problems: list[tuple[str, str]] = []
    content = _USE.sub(lambda use: _value(use, environ, problems), written)
    for allowed, given in problems:
        complaints.add(node, allowed, given=given)
    if all(use[1] is None for use in _USE.finditer(written)):
        return replace(node, content=content, broken=bool(problems))
    return replace(node, content=content, plain=True, written=written, broken=bool(problems))


def _value(use: re.Match[str], environ: Mapping[str, str], problems: list[tuple[str, str]]) -> str:
    name, how, words = use[1], use[2], use[3]
    if use[0] == "$${":
        return "${"
    if name is None:
        problems.append((_FORMS, "a ${ that is no variable"))
        return ""
    found = environ.get(name)
    if how == ":-":
        return found or words
    if how == ":?" and not found:
        problems.append(("a value", f"${{{name}}}, which is not set: {words or 'it is needed'}"))
    elif found is None:
        problems.append((f"a variable that is set, or ${{{name}:-default}}", f"${{{name}}}, which is not set"))
    return found or ""
