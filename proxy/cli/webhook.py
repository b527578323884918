"""`outrigger webhook …`: test events, and why a signature failed."""

from __future__ import annotations

import typer

from proxy.cli.webhook_send import send
from proxy.cli.webhook_verify import verify

app = typer.Typer(name="webhook", help="Test events, and why a signature failed.", no_args_is_help=True)
app.command(epilog="Example: outrigger webhook send stripe payment_intent.succeeded --set /data/object/amount=5")(send)
app.command(epilog="Example: outrigger webhook verify --webhook stripe --last")(verify)
