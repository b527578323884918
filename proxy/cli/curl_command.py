"""A call of the debug log as a command that makes it again, through the proxy, which adds the credential.

The one thing a reader would get wrong: what was redacted cannot be had back; the command says what it lacks.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

_REDACTED = re.compile(r"\[redacted [^\]]*\]")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})  # curl makes its own

Call = dict[str, Any]  # in the shape of the admin API


def command_for(call: Call, proxy: str) -> tuple[str, list[str]]:
    """The command, and what of the call it lacks, one line each. `proxy`: the listener's address."""
    exchanges = call["exchanges"]
    request = exchanges[0]["request"] if exchanges else {"headers": [], "body": "", "truncated": False, **call}
    asked = call["target"]  # the application's own, which names a further host of the provider as /~name
    target = _REDACTED.sub("REDACTED", asked)
    lost = [] if target == asked else ["a redacted value of the target is REDACTED"]
    words = ["curl", *_method(request), *_place(proxy, call["upstream"], target), *_fields(request, lost)]
    if proxy.endswith(":0"):
        lost.append("the port is picked at start: `run` prints it")
    body = request["body"]
    if body is None:
        lost.append("the body was not kept")
    elif request["truncated"]:
        lost.append("the body is cut: see debug.max_body")
    if isinstance(body, dict):
        return f"printf %s {body['base64']} | base64 -d | {shlex.join([*words, '--data-binary', '@-'])}", lost
    if body:
        words += ["--data-raw", body]
        if _REDACTED.search(body):
            lost.append("a part of the body was redacted")
    return shlex.join(words), lost


def _method(request: Call) -> list[str]:
    usual = "POST" if request["body"] else "GET"
    if request["method"] == "HEAD":
        return ["--head"]
    return [] if request["method"] == usual else ["-X", request["method"]]


def _place(proxy: str, upstream: str, target: str) -> list[str]:
    literally = ["--globoff"] if set(target) & set("[]{}") else []
    if "/." in target or "/%2e" in target.lower():
        literally.append("--path-as-is")
    path = f"/{upstream}{target}"
    if proxy.startswith("unix:"):
        return [*literally, "--unix-socket", proxy.removeprefix("unix:"), f"http://localhost{path}"]
    host, _, port = proxy.rpartition(":")
    near = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - nothing is bound here
    return [*literally, f"http://{near}:{port}{path}"]


def _fields(request: Call, lost: list[str]) -> list[str]:
    words = []
    for name, value in request["headers"]:
        if _REDACTED.search(value):
            lost.append(f"the header {name} was redacted")
        elif name.lower() == "content-encoding":
            lost.append("the body was compressed, and is sent as it reads")
        elif name.lower() not in _OURS:
            words += ["-H", f"{name}: {value}" if value else f"{name};"]
    if request["body"] and not any(name.lower() == "content-type" for name, _ in request["headers"]):
        words += ["-H", "Content-Type:"]  # none was sent, and curl would add one
    return words
