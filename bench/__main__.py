"""`make bench`: what Outrigger costs, as ratios to peers measured in the same minutes. One line a case.

Absolute figures mean something only on the machine they were taken on; the ratios are the result.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import pieces
from bench.bodies import growth, idle, ten_mebibytes
from bench.chain import chain
from bench.inbox import inbox
from bench.load import load
from bench.peers import Process, envoy, haproxy, outrigger, provider
from bench.webhooks import webhooks

ROUNDS = 3
SECONDS = 3.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, provider() as upstream:
        here = Path(folder)
        found = [outrigger(here, upstream.port), envoy(here, upstream.port), haproxy(here, upstream.port)]
        peers = [peer for peer in found if peer is not None]
        call = small(peers)
        ten_mebibytes(peers, ROUNDS)
        added(peers, upstream)
        captured(here, upstream)
        growth(here, upstream.port)
        idle(here, upstream.port)
        start(here, upstream)
        print(inbox(here))
        print(webhooks(here, call))
        print(f"chain_only     {chain(here):.1f} µs   (rules and stages around an upstream that answers at once)")
        print(
            f"headers_out {pieces.headers_out():.1f} µs   breaker_ok {pieces.breaker_ok():.1f} µs   "
            f"metrics {pieces.metrics():.1f} µs   stripe_event_5KiB verified {pieces.verified():.1f} µs"
        )


def small(peers: list[Process], row: str = "request_small") -> float:
    """CPU per request, 1 KB of JSON, 32 connections; rounds of all programs alternate. The first one is ours.

    Returns its µs.
    """
    costs: dict[str, list[float]] = {peer.name: [] for peer in peers}
    lines: dict[str, str] = {}
    with ExitStack() as running:
        for peer in peers:
            running.enter_context(peer)
            load(peer.port, "/api/small", 32, 1.0)
        for peer in peers * ROUNDS:
            before, memory = peer.cpu(), peer.rss()
            run = load(peer.port, "/api/small", 32, SECONDS)
            costs[peer.name].append((peer.cpu() - before) / run.answers * 1e6)
            lines[peer.name] = (
                f"p50 {run.p50:.2f} ms  p99 {run.p99:.2f} ms  {run.answers / SECONDS:,.0f}/s  "
                f"rss {memory:.0f}→{peer.rss():.0f} MiB  errors {run.errors}"
            )
    first = peers[0].name
    ours = statistics.median(costs[first])
    for name, values in costs.items():
        middle = statistics.median(values)
        print(f"{row:14} {name:10} cpu {middle:6.1f} µs ({min(values):.1f}-{max(values):.1f})  {lines[name]}")
    for name, values in costs.items():
        if name != first:
            print(f"{row:14} {first} ÷ {name} = {ours / statistics.median(values):.2f} of its CPU per request")
    return ours


def captured(folder: Path, upstream: Process) -> None:
    """Raw capture of every call, against none."""
    more = f"    debug: {{raw: true}}\ndebug_log: {{enabled: true, path: {folder / 'debug.db'}}}\n"
    small(
        [outrigger(folder, upstream.port, "capture", more), outrigger(folder, upstream.port, "without")], "raw_capture"
    )


def added(peers: list[Process], upstream: Process) -> None:
    """p50 added at one connection, everything on one core."""
    direct = statistics.median(load(upstream.port, "/small", 1, 1.0).p50 for _ in range(ROUNDS))
    plus: dict[str, float] = {}
    for peer in peers:
        peer.core = 0
        with peer:
            load(peer.port, "/api/small", 1, 1.0)
            plus[peer.name] = (
                statistics.median(load(peer.port, "/api/small", 1, 1.0).p50 for _ in range(ROUNDS)) - direct
            )
        peer.core = 1
    for name, value in plus.items():
        print(f"p50_added      {name:10} {value * 1000:6.0f} µs  ÷ envoy {value / plus.get('envoy', value):.2f}")


def start(folder: Path, upstream: Process) -> None:
    """Cold start to a healthy answer, as a ratio to importing aiohttp."""
    ours, imports = [], []
    for number in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import aiohttp"], check=True)
        imports.append(time.perf_counter() - began)
        one = outrigger(folder, upstream.port, f"start-{number}")
        one.port, one.core = one.admin, None
        with one:
            ours.append(one.start)
    ratio = statistics.median(ours) / statistics.median(imports)
    print(f"start          {statistics.median(ours):.2f} s to the admin listener  ÷ import aiohttp {ratio:.2f}")


main()
