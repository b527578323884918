"""Bytes to a listener and the bytes that come back, for what no HTTP client would send or say."""

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import h11

PATIENCE = 8.0  # real seconds until a silent listener is called stuck


@dataclass(frozen=True)
class Got:
    """One answer. `whole`: its end was seen, so that a client takes the body for complete."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    whole: bool

    @property
    def code(self) -> str:
        """The error code that the proxy gave, empty for an upstream's answer."""
        return self.value(b"outrigger-error").decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    def value(self, name: bytes) -> bytes:
        return next(iter(self.values(name)), b"")


def connect(address: str) -> socket.socket:
    """A connection to `http://host:port`, or to a Unix socket `http://unix:/path`."""
    place = address.removeprefix("http://")
    if place.startswith("unix:"):
        opened = socket.socket(socket.AF_UNIX)
        opened.settimeout(PATIENCE)
        opened.connect(place.removeprefix("unix:"))
        return opened
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), PATIENCE)


def exchange(address: str, raw: bytes) -> bytes:
    """All that comes back until the other side closes; what it had said where it resets or stays silent."""
    came = b""
    with connect(address) as opened, contextlib.suppress(OSError):
        for piece in _pieces(opened, raw):
            came += piece
    return came


def ask(address: str, raw: bytes, method: str = "GET") -> Got:
    """The first answer to `raw`, read as a strict client does; the connection is left at once."""
    with connect(address) as opened:
        return _first(_pieces(opened, raw), method)


def get(address: str, target: str, *fields: str, method: str = "GET", host: str = "localhost") -> Got:
    """The answer to a request whose target and fields are sent as they stand here."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields, "", ""]
    return ask(address, "\r\n".join(lines).encode("latin-1"), method)


def answers(raw: bytes) -> list[int]:
    """The statuses of all answers in what came back, each of which must be whole."""
    found = []
    while raw:
        reader = _reader("GET")
        reader.receive_data(raw)
        reader.receive_data(b"")
        while not isinstance(event := reader.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                found.append(event.status_code)
        raw = reader.trailing_data[0]
    return found


def _pieces(opened: socket.socket, raw: bytes) -> Iterator[bytes]:
    with contextlib.suppress(ConnectionError):  # an answer may come before the whole request was taken
        opened.sendall(raw)
    while piece := opened.recv(1 << 16):
        yield piece


def _first(pieces: Iterator[bytes], method: str) -> Got:
    reader = _reader(method)
    status, headers, body, whole = 0, [], b"", False
    while True:
        try:
            event = reader.next_event()
        except h11.RemoteProtocolError:
            break
        if event is h11.NEED_DATA:
            try:
                reader.receive_data(next(pieces, b""))
            except OSError:  # a reset is no end
                break
        elif isinstance(event, h11.Response):
            status, headers = event.status_code, list(event.headers)
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif not isinstance(event, h11.InformationalResponse):
            whole = isinstance(event, h11.EndOfMessage)
            break
    return Got(status, headers, body, whole)


def _reader(method: str) -> h11.Connection:
    reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    reader.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    reader.send(h11.EndOfMessage())
    return reader
