"""`tail`, `show`, `curl`, `replay`, `har`, `explain ID`: what the debug log knows, whether or not the program runs.

The one thing a reader would get wrong: everything printed here came from outside once, so control characters are shown
and not sent to the terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from proxy.cli import story as telling
from proxy.cli.curl_command import Call, command_for
from proxy.cli.terminal import DONE, FAILED, WRONG, visible
from proxy.config.complaints import ConfigurationError
from proxy.config.load import load
from proxy.config.schema import Settings
from proxy.edges.debug_reader import DebugReader, Unreadable, Wanted
from proxy.webhooks.refused import PLACE

PAUSE = 0.5  # seconds between two looks at a log that is followed
_STATUS_WORDS = "--status is like 503 or 5xx"
_OURS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")  # a UUID of version 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What `tail` shows; None: everything."""

    upstream: str | None = None
    status: str | None = None  # 503 or 5xx
    code: str | None = None
    limit: int = 20


def tail(config: Path, filters: Filters, *, follow: bool = False, json_output: bool = False) -> int:
    """Prints the last calls, oldest first, and with `follow` those to come until it is interrupted."""
    wanted = _wanted(filters)
    if wanted is None:
        return _wrong(_STATUS_WORDS)

    def print_them(settings: Settings, log: DebugReader) -> int:
        place, _nothing = log.since(None)
        calls = _list(log.requests(wanted)["requests"])
        for call in reversed(calls):
            print(_line(call, json_output=json_output))
        if not calls and (code := _none_fits(filters, settings)) != DONE:
            return code
        while follow:
            time.sleep(PAUSE)
            place, added = log.since(place)
            for call in added:
                if _fits(call, wanted):
                    print(_line(call, json_output=json_output), flush=True)
        return DONE

    return _reading(config, print_them)


def _none_fits(filters: Filters, settings: Settings) -> int:
    webhooks = (f"{PLACE}{name}" for name in settings.webhooks)  # as their refused requests are called
    if filters.upstream is None or filters.upstream in {*settings.upstreams, *webhooks}:
        print("there is no such call in the debug log", file=sys.stderr)
        return DONE
    known = ", ".join(settings.upstreams) or "none"  # one that is configured no more may still have calls
    return _wrong(f"no upstream is called {filters.upstream}; there are {known}")


def show(config: Path, id: str, *, json_output: bool = False) -> int:
    """Prints one call: what was decided, and each attempt as it was sent and received."""

    def print_it(_: Settings, call: Call) -> int:
        print(json.dumps(call, indent=2) if json_output else "\n".join(map(visible, _story(call))))
        return DONE

    return _with_call(config, id, print_it)


def curl(config: Path, id: str, *, json_output: bool = False) -> int:
    """Prints the command that makes this call again, through the proxy, which adds the credential."""

    def print_it(settings: Settings, call: Call) -> int:
        if _is_refused_webhook(call):
            return _not_again()
        command, lost = command_for(call, settings.listen.proxy)
        for reason in lost:
            print(f"# {reason}", file=sys.stderr)
        print(json.dumps({"command": command, "lost": lost}) if json_output else command)
        return DONE

    return _with_call(config, id, print_it)


def replay(config: Path, id: str, *, json_output: bool = False) -> int:
    """Makes this call again, through the running proxy, and prints the answer."""
    from proxy.cli import replay as replaying

    def make_it(settings: Settings, call: Call) -> int:
        if _is_refused_webhook(call):
            return _not_again()
        return replaying.replay(settings, call, json_output=json_output)

    return _with_call(config, id, make_it)


def har(config: Path, filters: Filters) -> int:
    """Prints the last calls as an HTTP Archive, oldest first."""
    from proxy.cli import har as archive

    wanted = _wanted(filters)
    if wanted is None:
        return _wrong(_STATUS_WORDS)

    def print_them(settings: Settings, log: DebugReader) -> int:
        calls = [log.request(str(one["id"])) for one in reversed(_list(log.requests(wanted)["requests"]))]
        document = archive.har((call for call in calls if call is not None), settings.upstreams)
        print(json.dumps(document, indent=2))
        return DONE

    return _reading(config, print_them)


def explain(config: Path, id: str, *, ticket: bool = False, json_output: bool = False) -> int:
    """Prints what happened to this call, in plain words; with `ticket` what to send to the provider's support."""

    def print_it(settings: Settings, call: Call) -> int:
        upstream = settings.upstreams.get(str(call["upstream"]))
        told = (telling.ticket if ticket else telling.story)(call, upstream.request_id if upstream else ())
        lines = [visible(line) for line in told]
        print(json.dumps({"id": id, "lines": lines}, indent=2) if json_output else "\n".join(lines))
        return DONE

    return _with_call(config, id, print_it)


def knows(config: Path, id: str) -> bool:
    """Whether this is a call's id: one that we made by its shape, an application's own by what the debug log has."""
    if _OURS.fullmatch(id):
        return True
    try:
        return DebugReader(Path(load(config, os.environ).debug_log.path)).request(id) is not None
    except (ConfigurationError, Unreadable):
        return False


def _reading(config: Path, act: Callable[[Settings, DebugReader], int]) -> int:
    try:
        settings = load(config, os.environ)
        return act(settings, DebugReader(Path(settings.debug_log.path)))
    except ConfigurationError as error:
        return _wrong(str(error))
    except Unreadable as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return DONE


def _with_call(config: Path, id: str, act: Callable[[Settings, Call], int]) -> int:
    def find_it(settings: Settings, log: DebugReader) -> int:
        call = log.request(id)
        return _unknown(id) if call is None else act(settings, call)

    return _reading(config, find_it)


def _wanted(filters: Filters) -> Wanted | None:
    found = re.fullmatch(r"([1-5])(xx|\d\d)", filters.status or "100")
    if found is None:
        return None
    return Wanted(
        upstream=filters.upstream,
        status=None if filters.status is None else int(found[1] if found[2] == "xx" else found[0]),
        hundred=found[2] == "xx",
        code=filters.code,
        limit=filters.limit,
    )


def _wrong(why: str) -> int:
    print(why, file=sys.stderr)
    return WRONG


def _unknown(id: str) -> int:
    print(f"no call with the id {visible(id)} is in the debug log", file=sys.stderr)
    return FAILED


def _is_refused_webhook(call: Call) -> bool:
    return str(call["upstream"]).startswith(PLACE)


def _not_again() -> int:
    print(
        "a refused webhook request cannot be made again, what signed it is not kept: "
        "`outrigger webhook verify --last` says why it failed, `outrigger webhook send` makes a new one",
        file=sys.stderr,
    )
    return FAILED


def _list(calls: object) -> list[Call]:
    assert isinstance(calls, list)  # noqa: S101 - the shape of DebugReader.requests
    return calls


def _fits(call: Call, wanted: Wanted) -> bool:
    status = call["status"] // 100 if wanted.hundred and call["status"] else call["status"]
    pairs = ((wanted.upstream, call["upstream"]), (wanted.code, call["code"]), (wanted.status, status))
    return all(want is None or want == have for want, have in pairs)


def _line(call: Call, *, json_output: bool) -> str:
    if json_output:
        return json.dumps(call)
    began = datetime.fromtimestamp(call["started"]).astimezone()
    ended = str(call["status"] or "-") + (f" {call['code']}" if call["code"] else "")
    more = f" attempts={call['attempts']}" if call["attempts"] != 1 else ""
    stopped = f" stopped={call['stopped']}" if call["stopped"] else ""
    what = f"{call['upstream']} {call['method']} {call['target']}"
    took = f"{call['duration_ms']:.0f} ms"
    return visible(f"{began:%H:%M:%S} {call['id']} {what} -> {ended} {took}{more}{stopped}")


def _story(call: Call) -> Iterable[str]:
    yield _line(call, json_output=False)
    if call["upstream_request_id"]:
        yield f"the provider's id: {call['upstream_request_id']}"
    for decision in call["decisions"]:
        yield f"{decision['at_ms']:>9.1f} ms  {decision['stage']}: {decision['text']}"
    for one in call["exchanges"]:
        yield ""
        yield f"attempt {one['attempt']}: {one['outcome']}, at {one['started_ms']} ms, for {one['duration_ms']} ms"
        yield from _message(f"> {one['request']['method']} {one['request']['target']}", one["request"], ">")
        if one["response"]:
            yield from _message(f"< {one['response']['status']}", one["response"], "<")


def _message(first: str, message: Call, mark: str) -> Iterable[str]:
    yield first
    for name, value in message["headers"]:
        yield f"{mark} {name}: {value}"
    yield mark
    body = message["body"]
    if isinstance(body, dict):
        yield f"{mark} (base64) {body['base64']}"
    elif body:
        yield from (f"{mark} {line}" for line in body.split("\n"))
    if message["truncated"]:
        yield f"{mark} (cut here)" if body is not None else f"{mark} (a body that could not be decoded is not kept)"
