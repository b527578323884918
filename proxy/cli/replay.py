"""`replay`: makes a call of the debug log again, through the proxy, which adds the credential and protects it as usual.

The one thing a reader would get wrong: what was cut or redacted is not made up. Such a call is refused, because what
the provider would get is not what it got; a credential that the proxy puts in itself is no loss.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import sys
from typing import Any

from proxy.cli.control import Connection
from proxy.cli.terminal import visible
from proxy.config.schema import Settings
from proxy.config.sources import Unreadable, reading
from proxy.rules.auth_settings import fields_of
from proxy.rules.credentials import CREDENTIALS
from proxy.rules.redaction import Redactor
from proxy.upstream import UpstreamSettings

DONE, FAILED = 0, 1  # exit codes
PATIENCE = 120.0  # seconds: twice the usual timeout.total
_REDACTED = re.compile(r"\[redacted [^\]]*\]")
# made anew; and an answer that is to be read comes uncompressed
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})

Call = dict[str, Any]  # in the shape of the admin API
Fields = list[tuple[str, bytes]]


class Lost(Exception):
    """The call cannot be made again as it was; the text says what is missing, for people."""


def replay(settings: Settings, call: Call, *, json_output: bool = False) -> int:
    """Sends the call and prints the answer, head and body. Returns 0 for any answer, 1 where there is none."""
    try:
        request, sent = _whole(call)
        fields = _fields(request, settings.upstreams.get(call["upstream"]))
        status, reason, headers, content = _sent(settings, call, fields, sent)
    except Lost as lost:
        print(f"cannot be made again: {lost}", file=sys.stderr)
        return FAILED
    except (OSError, http.client.HTTPException):
        print(f"nobody answers at {settings.listen.proxy}; is it running with this file?", file=sys.stderr)
        return FAILED
    headers, text = _less_secrets(settings, call["upstream"], headers, content)
    if json_output:
        print(json.dumps({"status": status, "headers": headers, "body": text}, indent=2))
        return DONE
    print(visible("\n".join([f"HTTP/1.1 {status} {reason}", *(": ".join(one) for one in headers), "", text])))
    return DONE


def _whole(call: Call) -> tuple[Call, bytes]:
    """The request as it was first sent, and its body. Raises `Lost`."""
    if not call["exchanges"]:
        raise Lost("no attempt of it was kept (debug.raw, debug.sample, debug.when), or none was made")
    request = call["exchanges"][0]["request"]
    if _REDACTED.search(call["target"]):
        raise Lost("a part of its target was redacted")
    body = request["body"]
    if body is None:
        raise Lost("its body was not kept")
    if request["truncated"]:
        raise Lost("its body was cut: see debug.max_body")
    if isinstance(body, dict):
        return request, base64.b64decode(body["base64"])
    if _REDACTED.search(body):
        raise Lost("a part of its body was redacted")
    return request, body.encode()


def _fields(request: Call, upstream: UpstreamSettings | None) -> Fields:
    """The application's own header fields. Raises `Lost` for one that was redacted and is not filled by the proxy."""
    if upstream is None:
        raise Lost("its upstream is not in the configuration any more")
    filled = _filled(upstream)
    kept: Fields = []
    for name, value in request["headers"]:
        folded = name.lower().replace("_", "-")
        if folded in filled or folded in _OURS:
            continue
        if folded == "content-encoding":
            raise Lost("its body was compressed, and is kept as it reads")
        if _REDACTED.search(value):
            raise Lost(f"the header {name} was redacted")
        kept.append((name, value.encode()))
    return kept


def _filled(upstream: UpstreamSettings) -> set[str]:
    names = {*upstream.inject.headers, *(name.decode() for name in fields_of(upstream.auth))}
    if names or upstream.inject.query or upstream.auth is not None:
        names |= {name.decode() for name in CREDENTIALS}
    return {name.lower().replace("_", "-") for name in names}


def _sent(settings: Settings, call: Call, fields: Fields, body: bytes) -> tuple[int, str, list[tuple[str, str]], bytes]:
    if settings.listen.proxy.endswith(":0"):
        raise Lost("the proxy's port is picked at start, and no file says which it is")
    connection = Connection(settings.listen.proxy, PATIENCE)
    request = call["exchanges"][0]["request"]
    try:
        connection.putrequest(
            request["method"], f"/{call['upstream']}{call['target']}", skip_host=True, skip_accept_encoding=True
        )
        connection.putheader("Host", "localhost")
        for name, value in [*fields, *_token(settings, call["upstream"])]:
            connection.putheader(name, value)
        if body or any(name.lower() == "content-length" for name, _ in request["headers"]):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        return answer.status, answer.reason, answer.getheaders(), answer.read()
    finally:
        connection.close()


def _token(settings: Settings, upstream: str) -> Fields:
    """The first of the callers' tokens that opens this upstream."""
    for one in () if settings.callers is None else settings.callers.tokens:
        if one.upstreams is None or upstream in one.upstreams:
            try:
                return [("Outrigger-Caller-Token", reading(settings.secrets[one.secret], os.environ))]
            except Unreadable:
                continue
    return []


def _less_secrets(
    settings: Settings, upstream: str, headers: list[tuple[str, str]], content: bytes
) -> tuple[list[tuple[str, str]], str]:
    """What may be printed: a provider that hands a secret back hands it to the application, not to a terminal."""
    redactor = Redactor()
    unknown = []
    for name, source in settings.secrets.items():
        try:
            redactor.learn(name, reading(source, os.environ))
        except Unreadable:
            unknown.append(name)
    used = set(unknown) & set(settings.upstreams[upstream].secret_names)
    if used:
        ours = [(name, value) for name, value in headers if name.lower().startswith("outrigger-")]
        return ours, f"(not shown: it might hold the secret {min(used)}, which cannot be read here)"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return headers, f"({len(content)} bytes that are no text)"
    return [(name, redactor.text(value)) for name, value in headers], redactor.text(text)
