"""The chain of rules and stages alone: the default pipeline around an upstream that answers at once, no sockets."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from bench.peers import CONFIG
from proxy.body import Whole
from proxy.chain import stages_for
from proxy.config.load import load
from proxy.edges.http1.listener import loop_factory
from proxy.model import Call, Request, Response
from proxy.pipeline import onion
from proxy.program import Program

SENT = ((b"User-Agent", b"bench"), (b"Accept", b"*/*"))
GIVEN = ((b"Content-Type", b"application/json"),)
ROUNDS, CALLS = 60, 500


def chain(folder: Path) -> float:
    """Microseconds of CPU for a call; the best of many short rounds, since other work on the core only adds."""
    config = folder / "chain.yaml"
    config.write_text(CONFIG.format(port=0, admin=0, upstream=1, more=""))
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(_chain(config))


async def _chain(config: Path) -> float:
    environ = {"BENCH_KEY": "measured-by-bench"}
    quiet = os.open(os.devnull, os.O_WRONLY)
    program = Program(load(config, environ), environ, quiet)
    upstream = program.snapshot.upstreams[b"api"]
    handle = onion(stages_for(upstream.settings, upstream.state, program.parts), _answer)
    now = program.parts.clock.now
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            response = await handle(Request("GET", b"/small", SENT, None, Call("bench", now())))
            response.close()
        best = min(best, (time.process_time() - began) / CALLS * 1e6)
    await program.stop()
    os.close(quiet)
    return best


async def _answer(request: Request) -> Response:  # noqa: ARG001 - every request gets the same
    return Response(200, b"OK", GIVEN, Whole(b"{}"), 2)
