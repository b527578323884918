"""Large bodies: CPU per gibibyte as a ratio to the peers, and what a gibibyte leaves in memory."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench.peers import Process, outrigger

SIZE = 10 << 20  # bytes of one body
AT_ONCE = 4
PIECE = b"x" * 65_536
DOWN, UP = "down", "up"
GIB = 1 << 30
SETTLED = 2.0  # seconds after which all that a start leaves for later is in memory


def ten_mebibytes(peers: list[Process], rounds: int) -> None:
    """CPU seconds per GiB of 10 MiB bodies, either way; rounds of all programs alternate."""
    with ExitStack() as running:
        for peer in peers:
            running.enter_context(peer)
            for way in (DOWN, UP):
                transfer(peer.port, way, AT_ONCE)
        for way in (DOWN, UP):
            costs: dict[str, list[float]] = {peer.name: [] for peer in peers}
            for peer in peers * rounds:
                before = peer.cpu()
                sent = transfer(peer.port, way, 24)
                costs[peer.name].append((peer.cpu() - before) / sent * GIB)
            middle = {name: statistics.median(values) for name, values in costs.items()}
            said = "  ".join(f"{name} {value:.2f}" for name, value in middle.items())
            ratios = "  ".join(
                f"÷ {name} {middle['outrigger'] / value:.2f}" for name, value in middle.items() if name != "outrigger"
            )
            print(f"body_10MiB     {way:4} CPU s/GiB  {said}  {ratios}")


def growth(folder: Path, upstream: int) -> None:
    """Resident memory before and after a gibibyte, either way."""
    for way in (DOWN, UP):
        with outrigger(folder, upstream, f"growth-{way}") as one:
            transfer(one.port, way, AT_ONCE)
            time.sleep(SETTLED)
            before = one.rss()
            transfer(one.port, way, GIB // SIZE)
            print(f"body_1GiB      {way:4} rss {before:.1f}→{one.rss():.1f} MiB, {one.rss() - before:+.1f}")


def idle(folder: Path, upstream: int, connections: int = 500) -> None:
    """What a kept connection of an application costs that has had one answer and is silent."""
    with outrigger(folder, upstream, "idle") as one:
        time.sleep(SETTLED)
        grown = uvloop.run(_idle(one, connections))
        print(f"idle           {grown * 1024 / connections:.1f} KiB for a kept connection, {connections} of them")


def transfer(port: int, way: str, bodies: int) -> int:
    """Moves so many bodies through whatever listens on `port`, and returns their bytes."""
    uvloop.run(_transfer(port, way, bodies))
    return bodies * SIZE


async def _transfer(port: int, way: str, bodies: int) -> None:
    left = bodies

    async def one() -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        while left > 0:
            left -= 1
            await (_get if way == DOWN else _post)(reader, writer)
        writer.close()

    await asyncio.gather(*[one() for _ in range(min(AT_ONCE, bodies))])


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /api/large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    left = SIZE
    while left:
        piece = await reader.read(min(left, 1 << 18))
        assert piece, "the body broke off"
        left -= len(piece)


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"POST /api/swallow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % SIZE)
    for _ in range(SIZE // len(PIECE)):
        writer.write(PIECE)
        await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)


async def _idle(one: Process, connections: int) -> float:
    async def asked() -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(b"GET /api/small HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        return writer

    kept = [await asked() for _ in range(20)]
    before = one.rss()
    kept += [await asked() for _ in range(connections)]
    grown = one.rss() - before
    for writer in kept:
        writer.close()
    return grown
