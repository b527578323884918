"""Options that many commands take, each spelt and explained once."""

from __future__ import annotations

from typing import Annotated

import typer

Config = Annotated[
    str | None, typer.Option("-c", "--config", metavar="FILE", help="default: $OUTRIGGER_CONFIG, else ./config.yaml")
]
Json = Annotated[bool, typer.Option("--json", help="for programs")]
