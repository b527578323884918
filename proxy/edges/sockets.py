"""Listening sockets: TCP on a name or address, or a Unix socket that only owner and group may use."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from pathlib import Path

BACKLOG = 1_024  # connections that the kernel holds while accept is paused


async def listening_socket(loop: asyncio.AbstractEventLoop, address: str) -> tuple[socket.socket, str]:
    """A socket that does not block, and where it is bound. `address`: `host:port`, `[v6]:port` or `unix:/path`.

    Port 0 picks a free one. Raises `OSError` where the address cannot be had, `ValueError` where it is none.
    """
    try:
        if address.startswith("unix:"):
            listening = _unix_socket(Path(address.removeprefix("unix:")))
        else:
            listening = await _tcp_socket(loop, *_tcp_address(address))
            address = f"{address.rpartition(':')[0]}:{listening.getsockname()[1]}"
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = address  # else it says what happened, and not where
        raise
    listening.settimeout(0)
    return listening, address


def unbind(listening: socket.socket, address: str) -> None:
    """Closes the socket; a Unix socket's file goes with it."""
    listening.close()
    if address.startswith("unix:"):
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)


def _tcp_address(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{address!r} is not `host:port`, `[v6]:port` or `unix:/path`")
    if (":" in bare) != (bare != host):
        raise ValueError(f"{address!r} is not `host:port`; an IPv6 address stands in brackets")
    return bare, int(port)


async def _tcp_socket(loop: asyncio.AbstractEventLoop, host: str, port: int) -> socket.socket:
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, where = min(found, key=lambda one: one[0] != socket.AF_INET)  # `localhost`: 127.0.0.1
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))  # [::] is everywhere
        listening.bind(where)
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _unix_socket(path: Path) -> socket.socket:
    if path.parent.stat().st_mode & stat.S_IWOTH:
        raise PermissionError(errno.EACCES, "anyone may write to the directory of a Unix socket", str(path.parent))
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o117)  # 0660 from the start: chmod after bind would leave a moment
    try:
        _remove_stale(path)
        listening.bind(str(path))
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    finally:
        os.umask(old)
    return listening


def _remove_stale(path: Path) -> None:
    """Removes a socket that a killed process left behind; one that answers stays, and `bind` fails on it."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(0)
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError:
            pass
