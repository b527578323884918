"""A past call in plain words: as a story for those who run this, as a ticket for the provider's support.

The one thing a reader would get wrong: the two have different readers. A ticket leaves this house, so it holds the
request's first line and the provider's own answer, never the request's headers or body.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from proxy.errors import CODES
from proxy.stages.observe import COMMON_IDS

SHOWN = 1000  # characters of the provider's answer in a ticket
_STOPPED = {
    "attempts": "that was the last attempt that retry.attempts allows",
    "deadline": "the next wait did not fit into the call's time (timeout.total, or Outrigger-Timeout)",
    "budget": "the upstream's retry.budget was spent",
    "not_idempotent": "a repeat could have done it twice: no idempotency key, no Outrigger-Idempotent",
    "body_not_replayable": "its body was over body.replay, and not kept for a repeat",
    "retry_after_too_long": "the provider asked for a longer wait than retry.max_retry_after",
    "circuit_open": "the breaker had opened by then",
    "off": "repeats are off for it (retry.attempts: 1, or Outrigger-Retry: off)",
    "response_started": "the answer had begun to reach the application",
    "provider_says_no": "the provider says that a repeat is of no use",
    "draining": "Outrigger was shutting down",
    "cooldown": "the provider had said wait, and the wait did not fit",
    "rate_limited": "the rate_limit had no place for it in time",
    "concurrency_full": "concurrency had no place for it in time",
}
_ENDINGS = {"client_gone": "the application hung up"}

Call = dict[str, Any]  # in the shape of the admin API


def story(call: Call, id_headers: Iterable[str]) -> Iterator[str]:
    """What happened, line by line. `id_headers`: where the provider says its own id of a request."""
    yield f"{call['method']} {call['target']} to {call['upstream']}, {_time(call['started']):%Y-%m-%d %H:%M:%S} UTC"
    yield f"It ended with {_ending(call)} after {call['duration_ms']:.0f} ms; {_sent(call['attempts'])}."
    for at, line in sorted(_happened(call, tuple(id_headers)), key=lambda one: one[0]):
        yield f"{at:>9.1f} ms  {line}"
    if call["stopped"]:
        yield f"It was not repeated further: {_STOPPED.get(call['stopped'], call['stopped'])}."
    if call["upstream_request_id"]:
        yield f"The provider knows it as {call['upstream_request_id']}: --ticket writes what to send to its support."
    if not call["exchanges"]:
        yield "Nothing was kept of what was sent: no attempt was made, or debug.sample and debug.when left it out."


def ticket(call: Call, id_headers: Iterable[str]) -> Iterator[str]:
    """Text for the provider's support, line by line; see `story`."""
    names = tuple(id_headers)
    exchanges = call["exchanges"]
    last = next((one["response"] for one in reversed(exchanges) if one["response"]), None)
    target = exchanges[-1]["request"]["target"] if exchanges else call["target"]
    what = f"{call['method']} {target.partition('?')[0]}"
    yield f"Subject: {what}: {_outcome(exchanges[-1]) if exchanges else _ending(call)}"
    yield ""
    yield f"Request:         {call['method']} {target}"
    yield f"Your request id: {call['upstream_request_id'] or 'none was answered'}"
    yield f"Our id:          {call['id']}"
    yield f"Time (UTC):      {_stamp(call['started'])}"
    yield f"It ended with:   {_ending(call)} after {call['duration_ms']:.0f} ms, {_sent(call['attempts'])}"
    for one in exchanges:
        yield f"  attempt {one['attempt']}: {_stamp(call['started'] + one['started_ms'] / 1000)}, {_ended(one, names)}"
    if last is not None and last["status"] >= 400 and isinstance(last["body"], str) and last["body"]:
        yield ""
        yield f"Your answer ({last['status']}):"
        yield last["body"] if len(last["body"]) <= SHOWN else f"{last['body'][:SHOWN]}…"


def _happened(call: Call, names: tuple[str, ...]) -> Iterator[tuple[float, str]]:
    for one in (one for one in call["exchanges"] if one["attempt"]):  # 0: a webhook's request, which goes nowhere
        yield one["started_ms"], f"attempt {one['attempt']} goes out: {_ended(one, names)}"
    for decision in call["decisions"]:
        yield decision["at_ms"], f"{decision['stage']}: {decision['text']}"


def _ended(exchange: Call, names: tuple[str, ...]) -> str:
    told = provider_id(exchange["response"], names)
    return f"{_outcome(exchange)} after {exchange['duration_ms']:.0f} ms" + (f", their id {told}" if told else "")


def _outcome(exchange: Call) -> str:
    response, outcome = exchange["response"], exchange["outcome"]
    ended = _words(outcome)
    if response is None:
        return ended
    broken = outcome in CODES or outcome in _ENDINGS
    return f"{response['status']}, whose body broke off: {ended}" if broken else str(response["status"])


def provider_id(response: Call | None, names: tuple[str, ...]) -> str | None:
    """The provider's own id in an answer, None where it has none."""
    fields: list[tuple[str, str]] = [] if response is None else response["headers"]
    wanted = {name.lower() for name in names or COMMON_IDS}
    return next((value for name, value in fields if name.lower() in wanted), None)


def _ending(call: Call) -> str:
    code, status = call["code"], call["status"]
    if code is None:
        return str(status)
    return _words(code) if status is None else f"{status} {_words(code)}"


def _words(outcome: str) -> str:
    return f"{outcome} ({CODES[outcome].title})" if outcome in CODES else _ENDINGS.get(outcome, outcome)


def _sent(attempts: int) -> str:
    return {0: "no attempt was made", 1: "1 attempt was made"}.get(attempts, f"{attempts} attempts were made")


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _stamp(seconds: float) -> str:
    return f"{_time(seconds):%Y-%m-%d %H:%M:%S.%f}"[:-3]
