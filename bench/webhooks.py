"""The webhook gateway: events verified, stored and answered a second, as a share of bare group commits on that disk.

The senders' own work is done before: every request is signed and written out when the clock starts. Events wait to be
pulled: what is measured is taking them in. A disk that others use as well is another one each second, so each short
round of the gateway is held against bare commits right behind it, and the middle of the ratios counts.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench.inbox import FEW, ROUNDS, TOGETHER, bare, random_id
from bench.peers import Process, free_port

EVENTS = 2_000
SHORT_ROUNDS = 3 * ROUNDS
CONFIG = """version: 1
listen: {{proxy: 127.0.0.1:0, webhooks: 127.0.0.1:{port}, admin: 127.0.0.1:{admin}}}
secrets: {{stripe_webhook_secret: {{env: BENCH_KEY}}}}
webhooks: {{stripe: {{integration: stripe}}}}
inbox: {{url: "sqlite:{folder}/inbox.db"}}
"""


class Figures(NamedTuple):
    """Events a second at 32 at once, CPU in µs for each, p99 at 8 in seconds; then what `Bare` says of the disk."""

    events: float
    cpu: float
    p99: float
    bare: float
    rows: float
    commit: float
    bare_p99: float


def webhooks(folder: Path, call: float) -> str:
    """A line of figures; rounds of gateway and bare file alternate. `call`: µs of CPU that a proxied call takes."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})  # the senders' core; the gateway has the other one
    rounds = [_round(folder / f"gateway-{number}") for number in range(SHORT_ROUNDS)]
    middle = Figures(*(statistics.median(values) for values in zip(*rounds, strict=True)))
    share = statistics.median(one.events / one.bare for one in rounds)
    plain = statistics.median(one.events / one.rows for one in rounds)
    commits = statistics.median(one.p99 / one.commit for one in rounds)
    batches = statistics.median(one.p99 / (TOGETHER / one.bare) for one in rounds)
    p99, bare_p99 = f"{middle.p99 * 1e3:.1f} ms", f"{middle.bare_p99 * 1e3:.1f} ms"
    return (
        f"webhook        {middle.events:,.0f}/s at {TOGETHER} at once  ÷ bare commits of {TOGETHER} {share:.2f} "
        f"(one plain table: {plain:.2f})  cpu {middle.cpu:.0f} µs = {middle.cpu / call:.1f} calls  p99 at {FEW} {p99} "
        f"= {batches:.1f} of these commits, {commits:.1f} of one row in {middle.commit * 1e3:.2f} ms "
        f"(bare commits of {FEW}: {bare_p99})"
    )


def _round(folder: Path) -> Figures:
    folder.mkdir()
    port, admin = free_port(), free_port()
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(port=port, admin=admin, folder=folder))
    command = [sys.executable, "-m", "proxy", "run", "-c", str(config)]
    with Process("outrigger", command, admin, admin) as gateway:  # whose listener is the last one to come up
        uvloop.run(_send(port, _signed(EVENTS // 2), TOGETHER))  # warm
        before = gateway.cpu()
        began = time.perf_counter()
        uvloop.run(_send(port, _signed(EVENTS), TOGETHER))
        took, used = time.perf_counter() - began, gateway.cpu() - before
        waits = sorted(uvloop.run(_send(port, _signed(EVENTS // 2), FEW)))
    return Figures(EVENTS / took, used / EVENTS * 1e6, waits[len(waits) * 99 // 100], *bare(folder))


def _signed(count: int) -> list[bytes]:
    now = int(time.time())
    requests = []
    for _ in range(count):
        event = {"id": random_id(), "type": "charge.paid", "more": "x" * 960}
        body = json.dumps(event).encode()
        mac = hmac.digest(b"measured-by-bench", b"%d.%b" % (now, body), "sha256").hex().encode()
        head = b"POST /stripe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        requests.append(
            head + b"Stripe-Signature: t=%d,v1=%b\r\nContent-Length: %d\r\n\r\n" % (now, mac, len(body)) + body
        )
    return requests


async def _send(port: int, requests: list[bytes], connections: int) -> list[float]:
    """Seconds until each answer. Raises `AssertionError` for one that is no 200."""
    loop, left = asyncio.get_running_loop(), iter(requests)
    senders = [_Sender(left, loop.create_future()) for _ in range(connections)]
    for sender in senders:
        await loop.create_connection(lambda sender=sender: sender, "127.0.0.1", port)  # type: ignore[misc]  # inferred
    await asyncio.gather(*(sender.done for sender in senders))
    return [wait for sender in senders for wait in sender.waits]


class _Sender(asyncio.Protocol):
    """One connection; it shares the cores with what is measured, so it does as little as it can."""

    def __init__(self, left: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self.done = done
        self.waits: list[float] = []
        self._left = left

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # streams only
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self.waits.append(time.perf_counter() - self._began)
        if data.startswith(b"HTTP/1.1 200"):
            self._next()
        else:
            self.done.set_exception(AssertionError(data))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or AssertionError("closed"))

    def _next(self) -> None:
        request = next(self._left, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)
