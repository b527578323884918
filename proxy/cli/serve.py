"""`run`: from a configuration file to a process that serves until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from proxy.cli.hints import hints
from proxy.cli.terminal import DONE, FAILED, WRONG
from proxy.config.complaints import ConfigurationError
from proxy.config.load import load
from proxy.config.schema import Settings
from proxy.edges import process
from proxy.edges.http1.listener import loop_factory
from proxy.program import Program
from proxy.webhooks.inbox import InboxUnavailable


def serve(path: Path) -> int:
    """Serves the configuration at `path` until SIGTERM or SIGINT; the exit code."""
    debugging = process.refuse_debugging()
    if debugging:
        return _failed(debugging)
    try:
        settings = load(path, os.environ)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return WRONG
    warnings = process.harden()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(_serve(settings, warnings))


async def _serve(settings: Settings, warnings: list[str]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    program = Program(settings, os.environ, sys.stderr.fileno())
    try:
        await program.start()
    except OSError as error:
        return _failed(f"cannot start: {error.strerror or error}")  # its number says nothing to people
    except (ValueError, InboxUnavailable) as error:
        return _failed(f"cannot start: {error}")
    for line in warnings:
        program.events.warned(line)

    def told_to_stop() -> None:
        if stop.is_set():
            os._exit(FAILED)  # a second signal means now
        stop.set()

    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, told_to_stop)
    loop.add_signal_handler(signal.SIGHUP, program.reload)
    bound = program.bound
    places = [f"{name}={bound[name]}" for name in ("proxy", "webhooks", "admin")]
    places += [f"{name}={where}" for name, where in bound.items() if name.startswith("upstreams.")]
    print("listening", *places, flush=True)
    for line in hints(settings, bound["proxy"]):
        print(f"try: {line}", flush=True)
    process.settle()
    await stop.wait()
    await program.stop()
    return DONE


def _failed(why: str) -> int:
    print(why, file=sys.stderr)
    return FAILED
