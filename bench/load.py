"""The load: wrk where it is installed, else a loop of our own; bounded in time, on loopback only."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from typing import NamedTuple

import uvloop


class Run(NamedTuple):
    """What one round gave. Latencies in milliseconds."""

    answers: int
    errors: int
    p50: float
    p99: float


def load(port: int, path: str, connections: int, seconds: float) -> Run:
    """Keep-alive requests from `connections` connections for `seconds`."""
    if shutil.which("wrk") is None:
        return uvloop.run(_load(port, path, connections, seconds))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", f"http://127.0.0.1:{port}{path}"]
    said = subprocess.run(["taskset", "-c", "0", *command], capture_output=True, text=True, check=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    errors = (int(failed[1]) if failed else 0) + (sum(map(int, broken.groups())) if broken else 0)
    answers = re.search(r"(\d+) requests in", said)
    assert answers is not None, said
    return Run(int(answers[1]), errors, _latency(said, 50), _latency(said, 99))


def _latency(said: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", said)
    assert found is not None, said
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]


async def _load(port: int, path: str, connections: int, seconds: float) -> Run:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    end = time.perf_counter() + seconds
    waits: list[float] = []
    errors = 0

    async def ask() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            waits.append((time.perf_counter() - began) * 1000)
            errors += not head.startswith(b"HTTP/1.1 2")
        writer.close()

    await asyncio.gather(*[ask() for _ in range(connections)])
    waits.sort()
    return Run(len(waits), errors, waits[len(waits) // 2], waits[len(waits) * 99 // 100])
