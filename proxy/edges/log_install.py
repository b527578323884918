"""Leads what would print by itself into our log: library loggers, warnings, crashes, the loop's complaints."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from types import TracebackType

from proxy.edges.logs import LEVELS, Logs, traced


def install(logs: Logs, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Nothing prints around `logs` any more. Returns what puts everything back as it was."""
    root = logging.getLogger()
    before = (root.handlers, root.level, sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning)
    root.handlers = [_FromLoggers(logs)]
    root.setLevel(logging.WARNING)
    sys.excepthook = _crash(logs)
    threading.excepthook = lambda args: _broke(logs, "thread", args.exc_value)
    sys.unraisablehook = lambda args: _broke(logs, "finalizer", args.exc_value)
    warnings.showwarning = _showwarning(logs)
    loop.set_exception_handler(lambda _, context: _complaint(logs, context))

    def undo() -> None:
        root.handlers, level, sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning = before
        root.setLevel(level)
        loop.set_exception_handler(None)

    return undo


class _FromLoggers(logging.Handler):
    """Says the message, redacted; of an exception in the record only types and places."""

    def __init__(self, logs: Logs) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        level = next(name for name, number in reversed(LEVELS.items()) if record.levelno >= number or name == "debug")
        try:
            text = record.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit
            text = str(record.msg)
        error = record.exc_info[1] if record.exc_info else None
        self._logs.say(level, "log", {"logger": record.name, "text": text, **(traced(error) if error else {})})


def _crash(logs: Logs) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    def crash(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
        if not isinstance(error, KeyboardInterrupt):
            _broke(logs, "main", error)

    return crash


def _broke(logs: Logs, where: str, error: BaseException | None) -> None:
    if error is not None and not isinstance(error, SystemExit):
        logs.bug(where, error)


def _complaint(logs: Logs, context: dict[str, object]) -> None:
    error = context.get("exception")
    fields = traced(error) if isinstance(error, BaseException) else {}
    logs.say("error", "loop", {"text": str(context.get("message", "")), **fields})


def _showwarning(logs: Logs) -> Callable[..., None]:
    def show(message: Warning | str, category: type[Warning], *_: object) -> None:
        logs.say("warning", "warning", {"kind": category.__name__, "text": str(message)})

    return show
