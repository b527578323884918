"""Says what happens, one line each: a call that was not plainly fine, a breaker that moved, a secret that is missing.

The one thing a reader would get wrong: no line holds a path, a query or a body, and none the message of a library's
exception, because those quote their input.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from proxy.config.schema import LogSettings
from proxy.edges.log_lines import Fields, Lines, as_json, as_text
from proxy.errors import CODES
from proxy.events import Events
from proxy.model import Call

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
LONGEST = 1_000  # characters of one value
FRAMES = 20  # of a trace
QUIET = 10.0  # seconds between two lines about what comes in floods
MINUTE = 60.0  # seconds between two lines about a credential that is refused again and again
_ROOT = Path(__file__).parent.parent.parent
_FINE_WEBHOOKS = frozenset({"accepted", "duplicate", "handshake"})


class Logs(Events):
    """Hears everything and writes what `settings` ask for; `redact` goes over every value first."""

    def __init__(
        self, settings: LogSettings, lines: Lines, redact: Callable[[str], str], wall: Callable[[], float]
    ) -> None:
        self._lines = lines
        self._redact = redact
        self._wall = wall
        self._lost = 0  # lines that could not be written and were not told of
        self._failing: dict[str, str] = {}  # secret -> why it cannot be read
        self._read: set[str] = set()  # secrets that had a value
        self._flood_told = -QUIET
        self._refusals_told: dict[str, float] = {}  # by upstream, as many as are configured
        self.adopt(settings)

    def adopt(self, settings: LogSettings) -> None:
        """Writes by these settings from now on."""
        text = settings.format == "text" or (settings.format == "auto" and self._lines.on_terminal)
        self._format = as_text if text else as_json
        self._level = LEVELS[settings.level]
        self._calls = settings.requests != "none"
        self._fine_calls = settings.requests == "all"

    def say(self, level: str, event: str, fields: Fields) -> None:
        """Writes a line, unless its level is below the one that is wanted."""
        if LEVELS[level] < self._level:
            return
        if self._lost and self._written("warning", "log_dropped", {"lines": self._lost}):
            self._lost = 0
        if not self._written(level, event, fields):
            self._lost += 1

    def call_ended(self, call: Call, status: int, outcome: str, seconds: float) -> None:
        fine = outcome == "ok" and call.attempts < 2 and not call.waited
        if not self._calls or (fine and not self._fine_calls):
            return
        code = outcome if outcome in CODES or outcome == "client_gone" else None
        fields: Fields = {
            "id": call.id,
            "upstream": call.upstream or None,
            "method": call.method[:32] or None,
            "status": status or None,
            "code": code,
            "reason": call.reason or None,
            "attempts": call.attempts,
            "waited_ms": round(call.waited * 1000),
            "duration_ms": round(seconds * 1000, 1),
            "stopped": call.stopped,
            "upstream_request_id": call.provider_id,
        }
        self.say(_level_of_call(outcome), "call", fields)

    def retried(self, upstream: str, reason: str, wait: float, *, told: bool) -> None:
        self.say(
            "debug", "retry", {"upstream": upstream, "reason": reason, "wait_ms": round(wait * 1000), "told": told}
        )

    def breaker_moved(self, upstream: str, to: str, *, by_hand: bool) -> None:
        level = "warning" if to == "open" else "info"
        self.say(level, "breaker", {"upstream": upstream, "state": to, "by_hand": by_hand or None})

    def cooldown_began(self, upstream: str, seconds: float) -> None:
        self.say("info", "cooldown", {"upstream": upstream, "seconds": round(seconds, 3)})

    def wait_unreadable(self, upstream: str, count: int) -> None:
        self.say("debug", "wait_unreadable", {"upstream": upstream, "headers": count})

    def secret_read(self, secret: str) -> None:
        first = secret not in self._read
        self._read.add(secret)
        again = self._failing.pop(secret, None)
        self.say("debug" if first and not again else "info", "secret_read", {"secret": secret, "after": again})

    def secret_failed(self, secret: str, reason: str, source: str = "") -> None:
        if self._failing.get(secret) != reason:  # once per change, not per reading
            self._failing[secret] = reason
            self.say("error", "secret_failed", {"secret": secret, "reason": reason, "source": source or None})

    def credential_refused(self, upstream: str, secrets: Sequence[str]) -> None:
        now = self._wall()
        if now - self._refusals_told.get(upstream, -math.inf) >= MINUTE:
            self._refusals_told[upstream] = now
            self.say("warning", "credential_refused", {"upstream": upstream, "secrets": ", ".join(secrets) or None})

    def unread(self, listener: str, code: str, reason: str) -> None:
        if self._calls:
            self.say("warning", "unread", {"listener": listener, "code": code, "reason": reason or None})

    def webhook_ended(self, webhook: str, outcome: str, secret: str | None, detail: str) -> None:
        fine = outcome in _FINE_WEBHOOKS
        if self._calls and (not fine or self._fine_calls):
            fields: Fields = {"webhook": webhook, "outcome": outcome, "secret": secret, "reason": detail or None}
            self.say("info" if fine else "warning", "webhook", fields)

    def delivery_ended(self, webhook: str, outcome: str, *, event: str, attempt: int, detail: str) -> None:
        fine = outcome == "delivered"
        if self._calls and (not fine or attempt > 1 or self._fine_calls):
            fields: Fields = {
                "webhook": webhook,
                "outcome": outcome,
                "id": event,
                "attempt": attempt or None,
                "reason": detail or None,
            }
            self.say("info" if fine else "warning", "delivery", fields)

    def reloaded(self, *, ok: bool, detail: str = "") -> None:
        self.say("info" if ok else "error", "reload", {"taken": ok, "reason": detail or None})

    def debug_dropped(self, upstream: str) -> None:
        now = self._wall()
        if now - self._flood_told >= QUIET:
            self._flood_told = now
            self.say("warning", "debug_dropped", {"upstream": upstream})

    def bug(self, where: str, error: BaseException) -> None:
        self.say("error", "bug", {"where": where, **traced(error)})

    def warned(self, text: str) -> None:
        self.say("warning", "warning", {"text": text})

    def _written(self, level: str, event: str, fields: Fields) -> bool:
        return self._lines.write(self._format(self._wall(), level, event, self._clean(fields)))

    def _clean(self, fields: Fields) -> Fields:
        texts = {name: value for name, value in fields.items() if isinstance(value, str)}
        together = "\n".join(texts.values())  # one search, for almost no line holds anything
        if len(together) <= LONGEST and self._redact(together) == together:
            return fields
        return {**fields, **{name: _cut(self._redact(value)) for name, value in texts.items()}}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def traced(error: BaseException) -> Fields:
    """What may be said of an exception: the types in its chain, and the places of our code that it passed."""
    kinds: list[str] = []
    places: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(kinds) < FRAMES:
        kinds.append(type(seen).__name__)
        for frame in traceback.extract_tb(seen.__traceback__):
            file = Path(frame.filename)
            if file.is_relative_to(_ROOT / "proxy"):
                places.append(f"{file.relative_to(_ROOT)}:{frame.lineno} {frame.name}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return {"error": " < ".join(kinds), "trace": places[-FRAMES:]}


def _level_of_call(outcome: str) -> str:
    if outcome == "internal_error":
        return "error"
    return "warning" if outcome in CODES else "info"
