"""The command line: arguments in, an exit code out. 0 done, 1 failed, 2 wrong usage or configuration.

What a command needs is imported when it is called, so that `run` starts fast and `--help` faster.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="outrigger",
    help="A sidecar between your application and third-party APIs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Config = Annotated[
    str | None, typer.Option("-c", "--config", metavar="FILE", help="default: $OUTRIGGER_CONFIG, else ./config.yaml")
]
Json = Annotated[bool, typer.Option("--json", help="for programs")]


class Held(StrEnum):
    """What an operator may ask of a breaker."""

    OPEN = "open"
    CLOSED = "closed"
    AUTO = "auto"


def main() -> None:
    """Entry point of `outrigger` and `python -m proxy`."""
    app()


@app.command(epilog="Example: outrigger run -c config.yaml")
def run(config: Config = None) -> None:
    """Serve until SIGTERM; SIGHUP or a changed file reloads."""
    from proxy.cli.serve import serve

    raise typer.Exit(serve(config_path(config)))


@app.command(epilog="Example: outrigger check -c config.yaml")
def check(config: Config = None, *, json: Json = False) -> None:
    """Say everything that is wrong with the configuration, in one go."""
    from proxy.cli import explain as explaining

    raise typer.Exit(explaining.check(config_path(config), json_output=json))


@app.command(epilog="Example: outrigger explain stripe, outrigger explain upstreams.stripe.timeout")
def explain(
    what: Annotated[str, typer.Argument(metavar="UPSTREAM|KEY")], config: Config = None, *, json: Json = False
) -> None:
    """Show the settings in force and where each came from."""
    from proxy.cli import explain as explaining

    raise typer.Exit(explaining.explain(config_path(config), what, json_output=json))


@app.command(epilog="Example: outrigger breaker stripe open")
def breaker(
    upstream: Annotated[str, typer.Argument()],
    state: Annotated[Held, typer.Argument(help="open and closed hold until auto")],
    config: Config = None,
) -> None:
    """Hold an upstream's breaker open or closed, or let it go."""
    from proxy.cli.control import set_breaker

    raise typer.Exit(set_breaker(config_path(config), upstream, state.value))


def config_path(given: str | None) -> Path:
    """The configuration file to use: the one given, else $OUTRIGGER_CONFIG, else ./config.yaml."""
    return Path(given or os.environ.get("OUTRIGGER_CONFIG") or "config.yaml")


@app.command(hidden=True)
def health(config: Config = None) -> None:
    """Ask the running program's /healthz; for the image's health check."""
    from proxy.cli.control import is_healthy

    healthy = is_healthy(config_path(config))
    if not healthy:
        print("no answer from /healthz", file=sys.stderr)
    raise typer.Exit(0 if healthy else 1)
