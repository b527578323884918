"""`outrigger webhook …`: the inbox, asked of the running program.

The one thing a reader would get wrong: `show` takes an event's id, or a webhook's name, of which it shows what was
refused and why.
"""

from __future__ import annotations

import json as text
import os
import re
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from proxy.cli.options import Config, Json
from proxy.cli.terminal import DONE, WRONG, Ended, visible
from proxy.cli.webhook_send import send
from proxy.cli.webhook_verify import verify
from proxy.config.load import find
from proxy.units import rfc3339

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Shown = Mapping[str, Any]


class State(StrEnum):
    """What became of an event."""

    PENDING = "pending"
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


app = typer.Typer(
    name="webhook", help="The inbox: what came, what became of it, what was refused and why.", no_args_is_help=True
)
app.command(epilog="Example: outrigger webhook send stripe payment_intent.succeeded --set /data/object/amount=5")(send)
app.command(epilog="Example: outrigger webhook verify --webhook stripe --last")(verify)


@app.command("list", epilog="Example: outrigger webhook list --webhook stripe --state dead")
def list_events(
    webhook: Annotated[str | None, typer.Option(help="events of this webhook only")] = None,
    state: Annotated[State | None, typer.Option(help="what became of it")] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1000, help="how many of the last events")] = 20,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Show the last events, newest first, one a line."""
    given = {"webhook": webhook, "state": state and state.value, "limit": str(limit)}
    path = "/api/webhooks/events?" + urlencode({name: value for name, value in given.items() if value})

    file = find(config, os.environ)
    listed: list[Shown] = []

    def print_them(found: Shown) -> None:
        listed.extend(found["events"])
        for event in listed:
            print(text.dumps(event) if json else _line(event))

    code = _asked(file, "GET", path, print_them)
    if code == DONE and not listed:  # a webhook that is configured no more may still have some
        wrong = _unknown(file, webhook) if webhook else ""
        print(wrong or "there is no such event in the inbox", file=sys.stderr)
        code = WRONG if wrong else DONE
    raise typer.Exit(code)


@app.command(
    epilog="Example: outrigger webhook show 01990a3c-5f0e-7c7e-a5b1-8d4f3e2a1b0c; outrigger webhook show stripe"
)
def show(
    what: Annotated[str, typer.Argument(metavar="ID|WEBHOOK")],
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Show one event as it came and what became of it; or what a webhook refused lately, with the exact reason."""
    event = _ID.fullmatch(what) is not None
    if not event and (wrong := _unknown(find(config, os.environ), what)):
        print(wrong, file=sys.stderr)
        raise typer.Exit(WRONG)
    path = f"/api/webhooks/events/{what}" if event else f"/api/webhooks/refused?{urlencode({'webhook': what})}"
    print_it = _print_json if json else _print_event if event else _print_refused
    raise typer.Exit(_asked(find(config, os.environ), "GET", path, print_it))


@app.command(epilog="Example: outrigger webhook redeliver 01990a3c-5f0e-7c7e-a5b1-8d4f3e2a1b0c")
def redeliver(
    ids: Annotated[list[str], typer.Argument(metavar="ID…")],
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Make events due again at once; their attempts go on from where they were. Needs `admin.token`."""
    path = find(config, os.environ)
    say: Callable[[Shown], str] = text.dumps if json else _line
    failed = 0
    for event in ids:
        where = f"/api/webhooks/events/{quote(event, safe='')}/redeliver"
        failed = _asked(path, "POST", where, lambda found: print(say(found))) or failed
    raise typer.Exit(failed)


def _unknown(config: Path, name: str) -> str:
    """Why there is no webhook of this name, "" where there is one."""
    from proxy.config.complaints import ConfigurationError
    from proxy.config.load import load

    try:
        there = load(config, os.environ).webhooks
    except ConfigurationError as error:
        return str(error)
    known = ", ".join(there) or "none"
    return "" if name in there else f"no webhook is called {name}, and no event is of that name; there are {known}"


def _asked(config: Path, method: str, path: str, print_it: Callable[[Shown], None]) -> int:
    """Asks the running program and prints what it says. Returns an exit code."""
    from proxy.cli.control import loaded, told

    try:
        print_it(text.loads(told(loaded(config), method, path)))
    except Ended as ended:
        print(ended, file=sys.stderr)
        return ended.code
    return DONE


def _print_json(found: Shown) -> None:
    print(text.dumps(found, indent=2))


def _print_event(event: Shown) -> None:
    print(_line(event))
    more = {"signed with": event.get("key"), "next try": _time(event["next_at"]), "last error": event.get("last_error")}
    for name, value in more.items():
        if value:
            print(f"{name}: {visible(value)}")
    print()
    _print_request(event["request"])


def _print_refused(found: Shown) -> None:
    if not found["refused"]:
        print("nothing was refused since the program started")
    for one in found["refused"]:
        print(f"{_time(one['at'])}  {one['status']} {one['outcome']}: {visible(one['reason'])}")


def _print_request(request: Shown) -> None:
    query = request["query"]
    print(request["method"] if query is None else f"{request['method']} ?{visible(query)}")
    for name, value in request["headers"]:
        print(f"{visible(name)}: {visible(value)}")
    print()
    body = request["body"]
    print(visible(body) if isinstance(body, str) else f"base64 {body['base64']}")


def _line(event: Shown) -> str:
    words = [
        event["id"],
        _time(event["received_at"]) or "",
        event["webhook"],
        event["state"],
        f"attempts={event['attempts']}",
        f"last={event['last_status'] or '-'}",
        event["type"] or "-",
        event["event_id"],
    ]
    return visible("  ".join(words))


def _time(wall: float | None) -> str | None:
    return None if wall is None else rfc3339(wall, "seconds")
