"""Commands that ask the running program: it is found, and its token read, through the same configuration file."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from proxy.cli.terminal import DONE, WRONG, Ended
from proxy.config.addresses import address
from proxy.config.complaints import ConfigurationError
from proxy.config.load import load
from proxy.config.schema import Settings
from proxy.config.sources import Unreadable, reading

_PATIENCE = 3.0  # seconds


class Unreachable(Exception):
    """Nobody answers at the admin listener's address."""


def is_healthy(path: Path) -> bool:
    """True if the program that serves this configuration answers its health check."""
    try:
        return ask(load(path, os.environ), "GET", "/healthz")[0] == 200
    except (ConfigurationError, Unreachable):
        return False


def set_breaker(path: Path, upstream: str, state: str) -> int:
    """Holds the breaker `open` or `closed`, or lets it go (`auto`). Returns an exit code."""
    return _changed(path, upstream, "breaker", {"state": state}, f"the breaker is {state}")


def set_faults(path: Path, upstream: str, fault: Mapping[str, object], length: str) -> int:
    """Strikes calls with `fault` for so long, or with none from now on where it is empty. Returns an exit code."""
    content = {"faults": [fault] if fault else [], "for": length}
    return _changed(path, upstream, "faults", content, f"faults for {length}" if fault else "no faults asked for")


def _changed(path: Path, upstream: str, what: str, content: object, done: str) -> int:
    try:
        told(loaded(path), "POST", f"/api/upstreams/{quote(upstream, safe='')}/{what}", content)
    except Ended as ended:
        print(ended, file=sys.stderr)
        return ended.code
    print(f"{upstream}: {done}")
    return DONE


def loaded(path: Path) -> Settings:
    """The configuration. Raises `Ended` for one that cannot be served."""
    try:
        return load(path, os.environ)
    except ConfigurationError as error:
        raise Ended(str(error), WRONG) from None


def told(settings: Settings, method: str, path: str, content: object = None) -> bytes:
    """What the running program says to a question that it takes. Raises `Ended` with the reason where it does not."""
    try:
        status, body = ask(settings, method, path, content)
    except Unreachable as error:
        raise Ended(str(error)) from None
    if status >= 300:
        raise Ended(_reason_in(body) or f"the running program answers {status}")
    return body


def ask(settings: Settings, method: str, path: str, content: object = None) -> tuple[int, bytes]:
    """Status and body of the running program's answer. Raises `Unreachable`."""
    headers = {"Host": "localhost", "Accept": "application/json"}
    body = None
    if content is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(content)
    token = _token(settings)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = Connection(settings.listen.admin)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        raise Unreachable(f"nobody answers at {settings.listen.admin}; is it running with this file?") from None
    finally:
        connection.close()


class Connection(http.client.HTTPConnection):
    """A connection to one of our listeners, which may be a Unix socket. `patience`: seconds for each answer."""

    def __init__(self, listening: str, patience: float = _PATIENCE) -> None:
        self._where = address(listening)
        super().__init__(self._where.host or "localhost", self._where.port or None, timeout=patience)

    def connect(self) -> None:
        if not self._where.path:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._where.path)


def _token(settings: Settings) -> str | None:
    name = settings.admin_token
    if name is None:
        return None
    try:
        return reading(settings.secrets[name], os.environ).decode("ascii")
    except (Unreadable, UnicodeDecodeError):
        return None


def _reason_in(body: bytes) -> str | None:
    """What a problem document says, None if it is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    return "\n".join([str(document.get("detail")), *document.get("complaints", ())])
