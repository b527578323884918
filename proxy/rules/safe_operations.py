"""Operations that an integration names as repeatable though their method is not: paths, and SOAP actions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from proxy.model import Request
from proxy.rules.scope import first_match

_ACTION = re.compile(rb'(?:^|;)\s*action="?([^";]+)', re.IGNORECASE)
_FIRST_CHILD = re.compile(rb"<(?:[\w.-]+:)?Body(?:\s[^>]*)?>\s*(?:<!--.*?-->\s*)*<(?:[\w.-]+:)?([\w.-]+)", re.DOTALL)
_HEAD = 65_536  # bytes of a body in which its first child is looked for


def safe_operations(entries: Sequence[str | Mapping[str, str]]) -> Callable[[Request], bool]:
    """A function that says whether a request is one of `entries`: `METHOD /path`, or `{method, action}` for SOAP."""
    find = first_match([entry for entry in entries if isinstance(entry, str)])
    paths = {entry.encode() for entry in entries if isinstance(entry, str)}
    actions = [(entry["method"], entry["action"]) for entry in entries if not isinstance(entry, str)]

    def is_safe(request: Request) -> bool:
        if paths and find(request.method, request.place) in paths:
            return True
        wanted = [pattern for method, pattern in actions if method in ("*", request.method)]
        return bool(wanted) and any(fnmatchcase(soap_action(request), pattern) for pattern in wanted)

    return is_safe


def soap_action(request: Request) -> str:
    """The last part of what `SOAPAction` or the content type's `action` says, else the body's first child; "" for none.

    SOAP 1.1, 6.1.1; SOAP 1.2 part 2, 6.5.3. The body is looked at as far as it was kept.
    """
    named = {name.lower(): value for name, value in request.headers if name.lower() in (b"soapaction", b"content-type")}
    action = named.get(b"soapaction", b"").strip(b' "')
    if not action and (found := _ACTION.search(named.get(b"content-type", b""))):
        action = found[1]
    if not action and request.body is not None and request.body.kept:
        child = _FIRST_CHILD.search(b"".join(request.body.kept)[:_HEAD])
        action = child[1] if child else b""
    return re.split(r"[#/:]", action.decode("latin-1"))[-1]
