"""The command line: arguments in, an exit code out. 0 done, 1 failed, 2 wrong usage or configuration.

What a command needs is imported when it is called, so that `run` starts fast and `--help` faster.
"""

from __future__ import annotations

import gc
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli import webhook
from proxy.cli.options import Config, Json
from proxy.config.load import find

app = typer.Typer(
    name="outrigger",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(webhook.app)
Id = Annotated[str, typer.Argument(help="the call's Outrigger-Request-Id")]


class Held(StrEnum):
    """What an operator may ask of a breaker."""

    OPEN = "open"
    CLOSED = "closed"
    AUTO = "auto"


class Mode(StrEnum):
    """How an upstream is served."""

    MOCK = "mock"
    SANDBOX = "sandbox"
    LIVE = "live"


def main() -> None:
    """Entry point of `outrigger` and `python -m proxy`."""
    app()


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - as the library calls it
    if wanted:
        from proxy.edges.process import released

        print(released())
        raise typer.Exit


@app.callback()
def outrigger(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """A sidecar between your application and third-party APIs."""


@app.command(epilog="Example: outrigger run -c config.yaml")
def run(config: Config = None) -> None:
    """Serve until SIGTERM; SIGHUP or a changed file reloads."""
    gc.disable()  # until all is loaded
    from proxy.cli.serve import serve

    raise typer.Exit(serve(_path(config)))


@app.command(epilog="Example: outrigger check -c config.yaml")
def check(config: Config = None, *, json: Json = False) -> None:
    """Say everything that is wrong with the configuration, in one go."""
    from proxy.cli import explain as explaining

    raise typer.Exit(explaining.check(_path(config), json_output=json))


@app.command(epilog="Example: outrigger init stripe slack --mode sandbox")
def init(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="INTEGRATION...", help="asked for where left out")
    ] = None,
    config: Config = None,
    mode: Annotated[Mode, typer.Option(help="how the upstreams start")] = Mode.MOCK,
    *,
    webhooks: Annotated[
        bool, typer.Option("--webhooks", help="receive events too; else they are commented out")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="overwrite a file that is there")] = False,
) -> None:
    """Write a commented config.yaml for chosen integrations."""
    from proxy.cli import init as beginning

    wishes = beginning.Wishes(names=names or (), mode=mode.value, webhooks=webhooks, force=force)
    raise typer.Exit(beginning.init(_path(config), wishes))


@app.command(epilog="Example: outrigger doctor -c config.yaml")
def doctor(config: Config = None, *, json: Json = False) -> None:
    """Check secrets, ports, names, TLS, credentials and the clock, and say what to fix."""
    from proxy.cli import doctor as examining

    raise typer.Exit(examining.doctor(_path(config), json_output=json))


@app.command(
    epilog="Example: outrigger explain stripe; outrigger explain timeout.connect; "
    "outrigger explain stripe POST /v1/customers -H 'Idempotency-Key: order-17'; "
    "outrigger explain 01990a3c-5f0e-7c7e-a5b1-8d4f3e2a1b0c --ticket"
)
def explain(  # noqa: PLR0913 - an option each
    what: Annotated[str, typer.Argument(metavar="UPSTREAM|KEY|ID", help="ID: of a past call, in the debug log")],
    method: Annotated[str | None, typer.Argument(metavar="METHOD")] = None,
    target: Annotated[str | None, typer.Argument(metavar="PATH", help="behind the upstream's name")] = None,
    header: Annotated[list[str] | None, typer.Option("-H", "--header", help="of the request: 'Name: value'")] = None,
    config: Config = None,
    *,
    ticket: Annotated[bool, typer.Option("--ticket", help="what to send to the provider's support about it")] = False,
    json: Json = False,
) -> None:
    """Show settings and where each came from, what would happen to a request, or what happened to a past call."""
    from proxy.cli import explain as explaining
    from proxy.cli import history
    from proxy.cli.rehearse import rehearse

    if method is None and (ticket or history.knows(_path(config), what)):
        raise typer.Exit(history.explain(_path(config), what, ticket=ticket, json_output=json))
    if method is None:
        raise typer.Exit(explaining.explain(_path(config), what, json_output=json))
    if target is None:
        raise typer.BadParameter("METHOD needs a PATH: outrigger explain stripe GET /v1/customers")
    raise typer.Exit(rehearse(_path(config), what, method.upper(), target, header or (), json_output=json))


@app.command(epilog="Example: outrigger env >> .env")
def env(config: Config = None, *, json: Json = False) -> None:
    """Print the variables that point SDKs at the proxy, for those that read one."""
    from proxy.cli import pointing

    raise typer.Exit(pointing.env(_path(config), json_output=json))


@app.command(epilog="Example: outrigger snippet stripe python")
def snippet(
    upstream: Annotated[str, typer.Argument(metavar="UPSTREAM")],
    language: Annotated[str | None, typer.Argument(metavar="LANGUAGE", help="all where left out")] = None,
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Print the lines that point an upstream's SDK at the proxy."""
    from proxy.cli import pointing

    raise typer.Exit(pointing.snippet(_path(config), upstream, language, json_output=json))


@app.command(epilog="Example: outrigger tail --upstream stripe --status 5xx -f")
def tail(  # noqa: PLR0913 - an option each
    upstream: Annotated[str | None, typer.Option(help="calls of this upstream only")] = None,
    status: Annotated[str | None, typer.Option(help="503 or 5xx")] = None,
    code: Annotated[str | None, typer.Option(help="an error code of Outrigger's own, as circuit_open")] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1000, help="how many of the last calls")] = 20,
    config: Config = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="and those to come")] = False,
    json: Json = False,
) -> None:
    """Show the last calls of the debug log, one a line."""
    from proxy.cli import history

    filters = history.Filters(upstream=upstream, status=status, code=code, limit=limit)
    raise typer.Exit(history.tail(_path(config), filters, follow=follow, json_output=json))


@app.command(epilog="Example: outrigger show 01990a3c-5f0e-7c7e-a5b1-8d4f3e2a1b0c")
def show(id: Id, config: Config = None, *, json: Json = False) -> None:
    """Show one call of the debug log: what was decided, and each attempt as it was sent and received."""
    from proxy.cli import history

    raise typer.Exit(history.show(_path(config), id, json_output=json))


@app.command(epilog="Example: outrigger curl 01990a3c-5f0e-7c7e-a5b1-8d4f3e2a1b0c")
def curl(id: Id, config: Config = None, *, json: Json = False) -> None:
    """Print the command that makes a call of the debug log again, through the proxy."""
    from proxy.cli import history

    raise typer.Exit(history.curl(_path(config), id, json_output=json))


@app.command(epilog="Example: outrigger replay 01990a3c-5f0e-7c7e-a5b1-8d4f3e2a1b0c")
def replay(id: Id, config: Config = None, *, json: Json = False) -> None:
    """Make a call of the debug log again, through the running proxy, and print the answer."""
    from proxy.cli import history

    raise typer.Exit(history.replay(_path(config), id, json_output=json))


@app.command(epilog="Example: outrigger har --upstream stripe -n 50 > calls.har")
def har(
    upstream: Annotated[str | None, typer.Option(help="calls of this upstream only")] = None,
    status: Annotated[str | None, typer.Option(help="503 or 5xx")] = None,
    code: Annotated[str | None, typer.Option(help="an error code of Outrigger's own, as circuit_open")] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1000, help="how many of the last calls")] = 100,
    config: Config = None,
) -> None:
    """Print the last calls of the debug log as an HTTP Archive, for a browser or an API tool."""
    from proxy.cli import history

    filters = history.Filters(upstream=upstream, status=status, code=code, limit=limit)
    raise typer.Exit(history.har(_path(config), filters))


@app.command(epilog="Example: outrigger breaker stripe open")
def breaker(
    upstream: Annotated[str, typer.Argument()],
    state: Annotated[Held, typer.Argument(help="open and closed hold until auto")],
    config: Config = None,
) -> None:
    """Hold an upstream's breaker open or closed, or let it go."""
    from proxy.cli.control import set_breaker

    raise typer.Exit(set_breaker(_path(config), upstream, state.value))


@app.command(epilog="Example: outrigger fault stripe --match 'POST /v1/*' --status 503 --percent 20% --for 1m")
def fault(  # noqa: PLR0913 - an option each
    upstream: Annotated[str, typer.Argument()],
    *,
    match: Annotated[str, typer.Option(help="METHOD|* /path; * is one segment, a final ** any rest")] = "* /**",
    percent: Annotated[str, typer.Option(help="share of the attempts that match")] = "100%",
    delay: Annotated[str | None, typer.Option(help="wait as long before all else, as 2s")] = None,
    status: Annotated[int | None, typer.Option(help="answer with it in the upstream's place")] = None,
    header: Annotated[list[str] | None, typer.Option("-H", "--header", help="of that answer: 'Name: value'")] = None,
    length: Annotated[str, typer.Option("--for", help="then all is well again")] = "5m",
    config: Config = None,
    reset: Annotated[bool, typer.Option("--reset", help="end the connection before the head")] = False,
    off: Annotated[bool, typer.Option("--off", help="end what was asked for")] = False,
) -> None:
    """Strike an upstream's calls with a fault, for a while."""
    from proxy.cli.control import set_faults

    what = {"delay": delay, "status": status, "reset": reset or None}
    asked: dict[str, object] = {name: value for name, value in what.items() if value is not None}
    if off == bool(asked):
        raise typer.BadParameter("one of --delay, --status, --reset, or --off alone")
    if header:
        asked["headers"] = dict(_header(line) for line in header)
    wanted = {"match": match, "percent": percent, **asked} if asked else {}
    raise typer.Exit(set_faults(_path(config), upstream, wanted, length))


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


@app.command(hidden=True, epilog="Example: outrigger health -c config.yaml")
def health(config: Config = None) -> None:
    """Ask the running program's /healthz; for the image's health check."""
    from proxy.cli.control import is_healthy

    healthy = is_healthy(_path(config))
    if not healthy:
        print("no answer from /healthz", file=sys.stderr)
    raise typer.Exit(0 if healthy else 1)


def _path(given: str | None) -> Path:
    return find(given, os.environ)
