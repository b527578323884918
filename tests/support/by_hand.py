"""Both ends of a connection driven byte by byte, for what no HTTP library would send or show."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

PATIENCE = 10.0  # real seconds until a byte that does not come fails the test
PIECE = bytes(1 << 20)


class Peer:
    """One end. What it reads stays in order, and `until` gives no more than was asked for."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.socket = connection
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, mark: bytes) -> bytes:
        """Bytes up to and with `mark`. Raises `EOFError` where the connection ends first."""
        while mark not in self._read:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError(self._read)
            self._read += data
        found, _, self._read = self._read.partition(mark)
        return found + mark

    def head(self) -> bytes:
        return self.until(b"\r\n\r\n")

    def exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError(self._read)
            self._read += data
        found, self._read = self._read[:size], self._read[size:]
        return found

    def rest(self) -> bytes:
        """All until the other end closes. Raises `ConnectionResetError` where it resets."""
        while data := self.socket.recv(1 << 16):
            self._read += data
        found, self._read = self._read, b""
        return found

    def count(self, most: int) -> int:
        """Reads away up to `most` bytes, without keeping them; how many came."""
        came, self._read = len(self._read), b""
        buffer = bytearray(1 << 20)
        while came < most:
            size = self.socket.recv_into(buffer, min(len(buffer), most - came))
            if not size:
                break
            came += size
        return came

    def pour(self, size: int) -> None:
        """Sends `size` zeros."""
        for _ in range(size // len(PIECE)):
            self.socket.sendall(PIECE)

    def pour_until_stuck(self, size: int, stuck: float = 0.5) -> int:
        """Sends up to `size` zeros, until nothing more was taken for `stuck` seconds; how many went."""
        self.socket.settimeout(stuck)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < size:
                sent += self.socket.send(PIECE)
        self.socket.settimeout(PATIENCE)
        return sent

    def ended(self) -> bool:
        """True once the other end closed or reset; what it sent before is dropped."""
        try:
            while self.socket.recv(1 << 20):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def connect(url: str) -> Peer:
    """A connection to where `url` points: `http://host:port`, or a path of a Unix socket."""
    if url.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(url.removeprefix("unix:"))
        return Peer(connection)
    parts = urlsplit(url)
    return Peer(socket.create_connection((parts.hostname, parts.port)))


class ByHand:
    """A provider that serves each connection with `serve`; a connection ends when that returns."""

    def __init__(self, serve: Callable[[Peer], None]) -> None:
        self._serve = serve
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Stops accepting, cuts what is being served, and waits for its end."""
        for one in [self._listening, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._sockets.append(connection)
            thread = threading.Thread(target=self._one, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _one(self, connection: socket.socket) -> None:
        with Peer(connection) as peer, contextlib.suppress(OSError, EOFError):  # the program hung up
            self._serve(peer)
