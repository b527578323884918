"""A provider on a real socket that answers by its script and remembers what came, and when."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import h11


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    at: float
    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    connection: int

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


Answer = bytes | Iterable[bytes | float]  # raw bytes; floats are pauses in seconds
Line = Answer | Callable[[Seen], Answer]


def plain(status: int = 200, body: bytes = b"", *headers: tuple[str, str]) -> bytes:
    """A whole answer with its length."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} X\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


class ScriptedUpstream:
    """One line of the script a request, the last one for all that follow. An empty answer closes the connection."""

    def __init__(self, *script: Line, port: int = 0) -> None:
        self._script: list[Line] = list(script) or [plain()]
        self._lock = threading.Lock()
        self.requests: list[Seen] = []
        self.connections = 0
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends listening and all connections: further connects are refused."""
        for one in [self._listening, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def play(self, *script: Line) -> None:
        """A new script from the next request on."""
        with self._lock:
            self._script = list(script)

    def times(self) -> Sequence[float]:
        return [seen.at for seen in self.requests]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
                self._sockets.append(connection)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection:
            while self._serve_one(connection, number):
                pass

    def _serve_one(self, connection: socket.socket, number: int) -> bool:
        seen = self._request(connection, number)
        if seen is None:
            return False
        with self._lock:
            self.requests.append(seen)
            line = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        answer = line(seen) if callable(line) else line
        pieces = [answer] if isinstance(answer, bytes) else answer
        closed = True
        for piece in pieces:
            if isinstance(piece, float):
                time.sleep(piece)
            elif piece:
                connection.sendall(piece)
                closed = False
        return not closed

    def _request(self, connection: socket.socket, number: int) -> Seen | None:
        reader = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        head, body = None, b""
        while True:
            event = reader.next_event()
            if event is h11.NEED_DATA:
                reader.receive_data(connection.recv(1 << 16))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                fields = [(bytes(name), bytes(value)) for name, value in head.headers.raw_items()]
                return Seen(time.monotonic(), head.method.decode(), bytes(head.target), fields, body, number)
            else:
                return None
