"""Posts a request exactly as it stands, and asks the running program what it made of it.

The one thing a reader would get wrong: no field is added but Host and Content-Length, and none merged; a header may
have to come twice.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections import Counter
from typing import NamedTuple
from urllib.parse import urlsplit

from proxy.cli.control import Unreachable, ask
from proxy.cli.terminal import WRONG, Ended
from proxy.config.addresses import address
from proxy.config.schema import Settings
from proxy.rules.placing import Outgoing

_PATIENCE = 35.0  # seconds; a `sync` webhook waits up to 30 for the application
_COUNTED = re.compile(r"^outrigger_webhook_events_total\{(.*)\} ([0-9.e+]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Where(NamedTuple):
    """`path`: of a Unix socket. `target`: instead of the request's own, None: that one."""

    host: str
    port: int
    tls: bool = False
    path: str | None = None
    target: bytes | None = None

    @property
    def shown(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"


def address_of(listening: str, to: str | None) -> Where:
    """Where to send: `to`, else the webhook listener's configured address. Raises `Ended`."""
    if to is not None:
        parts = urlsplit(to)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Ended(f"--to {to}: write it as http://127.0.0.1:8601/stripe", WRONG)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        tls = parts.scheme == "https"
        return Where(parts.hostname, parts.port or (443 if tls else 80), tls, target=target.encode())
    where = address(listening)
    if not where.path and not where.port:
        hint = "with port 0 say --to http://HOST:PORT/PATH, host and port as the program printed them"
        raise Ended(f"listen.webhooks is {listening}: {hint}", WRONG)
    host = where.host or "localhost"
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing listens there
    return Where(reached, where.port or 0, path=where.path)


def post(where: Where, request: Outgoing) -> int:
    """The status of the answer. Raises `OSError` where nobody answers."""
    connection = _Connection(where)
    target = request.target if where.target is None else _with_query(where.target, request.target)
    try:
        connection.putrequest(request.method, target.decode("latin-1"), skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", where.host if where.path else where.shown)
        for name, value in request.headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise ConnectionError(f"no HTTP answer ({type(error).__name__})") from None
    finally:
        connection.close()


class Counted:
    """What the running program counted of one webhook, by outcome."""

    def __init__(self, settings: Settings, webhook: str) -> None:
        self._settings = settings
        self._webhook = webhook

    def now(self) -> Counter[str] | None:
        """None where it cannot be asked."""
        try:
            status, body = ask(self._settings, "GET", "/metrics")
        except Unreachable:
            return None
        found: Counter[str] = Counter()
        for labels, count in _COUNTED.findall(body.decode("utf-8", "replace")):
            named = dict(_LABEL.findall(labels))
            if named.get("webhook") == self._webhook:
                found[named.get("outcome", "")] += round(float(count))
        return found if status == 200 else None

    def since(self, before: Counter[str] | None, status: int) -> str:
        """The outcome of the one request made since, else a word for the status."""
        after = None if before is None else self.now()
        if before is not None and after is not None:
            counted = [outcome for outcome, _ in (after - before).most_common() if outcome]
            if len(counted) == 1:
                return counted[0]
        return "accepted" if 200 <= status < 300 else "refused"


class _Connection(http.client.HTTPSConnection):
    """To a host, with TLS or without, or to a Unix socket."""

    def __init__(self, where: Where) -> None:
        super().__init__(where.host, where.port or None, timeout=_PATIENCE, context=ssl.create_default_context())
        self._where = where

    def connect(self) -> None:
        if self._where.tls:
            super().connect()
        elif self._where.path:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(_PATIENCE)
            self.sock.connect(self._where.path)
        else:
            self.sock = socket.create_connection((self._where.host, self._where.port), _PATIENCE)


def _with_query(target: bytes, signed: bytes) -> bytes:
    """The query that was signed goes with the request, wherever it is sent."""
    query = signed.partition(b"?")[2]
    return target if not query or b"?" in target else target + b"?" + query
