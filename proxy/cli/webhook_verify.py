"""`outrigger webhook verify`: why a signature failed, of a saved request or of the last one that was refused.

The one thing a reader would get wrong: `--last` is answered by the running program, which alone has the request; what
it hands out elsewhere is redacted and can prove nothing.
"""

from __future__ import annotations

import contextlib
import json as text
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from proxy.cli.options import Config, Json
from proxy.cli.terminal import DONE, FAILED, WRONG, Ended, visible
from proxy.config.load import find

if TYPE_CHECKING:
    from proxy.config.schema import Settings
    from proxy.rules.credentials import Secret

_LATEST = 1e12  # Unix seconds
_KEYS = ("ok", "reason", "finding", "proof", "fix", "skew_seconds", "matched_secret")


def verify(
    webhook: Annotated[str, typer.Option(metavar="NAME", help="as it stands under webhooks:")],
    file: Annotated[
        str | None,
        typer.Option(metavar="REQUEST", help="a raw HTTP/1.1 request: line, headers, empty line, body; or -"),
    ] = None,
    at: Annotated[float | None, typer.Option(metavar="UNIX", help="judge it as of that time")] = None,
    config: Config = None,
    *,
    last: Annotated[bool, typer.Option("--last", help="the last request that the running program refused")] = False,
    json: Json = False,
) -> None:
    """Say why a webhook's signature failed, and what to change. Exit 0: verified, 1: not."""
    if last == (file is not None):
        raise typer.BadParameter("say either --last or --file REQUEST")
    if at is not None and not 0 <= at < _LATEST:  # nan is not, either
        raise typer.BadParameter(f"--at {at:g}: write Unix seconds, as 1790000000")
    try:
        found = _diagnosis(find(config, os.environ), webhook, file, at)
    except Ended as ended:
        print(ended, file=sys.stderr)
        raise typer.Exit(ended.code) from None
    if json:
        print(text.dumps({key: found[key] for key in _KEYS}))
    else:
        _print(found)
    raise typer.Exit(DONE if found["ok"] else FAILED)


def _diagnosis(path: Path, webhook: str, file: str | None, at: float | None) -> Mapping[str, Any]:
    settings = settings_with(path, webhook)
    return _of_last(settings, webhook, at) if file is None else _of_file(settings, webhook, file, at)


def settings_with(path: Path, webhook: str) -> Settings:
    """The configuration, which has a webhook of that name. Raises `Ended`."""
    from proxy.cli.control import loaded
    from proxy.config.complaints import near

    settings = loaded(path)
    if webhook not in settings.webhooks:
        meant = near(webhook, settings.webhooks)
        known = ", ".join(settings.webhooks) or "none is configured"
        hint = f"; did you mean {meant}?" if meant else ""
        raise Ended(f"no webhook is called {webhook}; there are {known}{hint}", WRONG)
    return settings


def _of_file(settings: Settings, webhook: str, file: str, at: float | None) -> Mapping[str, Any]:
    from proxy.rules.request_file import parse_request
    from proxy.webhooks.why import said_in_full, why

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        incoming = parse_request(data)
    except OSError as error:
        raise Ended(f"{file}: {error.strerror}", WRONG) from None
    except ValueError as error:
        raise Ended(f"{file}: {error}", WRONG) from None
    wall = datetime.now(UTC).timestamp() if at is None else at
    found = why(
        settings,
        webhook,
        incoming,
        lambda name: secret_of(settings, name),
        wall,
        unusable=lambda name: _unusable(settings, name),
    )
    return said_in_full(found)


def _of_last(settings: Settings, webhook: str, at: float | None) -> Mapping[str, Any]:
    from proxy.cli.control import told

    given = {"webhook": webhook} | ({} if at is None else {"at": f"{at:.3f}"})
    found: Mapping[str, Any] = text.loads(told(settings, "GET", f"/api/webhooks/verify?{urlencode(given)}"))
    return found


def secret_of(settings: Settings, name: str) -> Secret | None:
    """The secret's value now, None where it cannot be read."""
    from proxy.config.sources import Unreadable, reading
    from proxy.rules.credentials import Secret

    try:
        return Secret(name, reading(settings.secrets[name], os.environ))
    except (KeyError, Unreadable):
        return None


def _unusable(settings: Settings, name: str) -> Secret | None:
    """What stands where the secret is read from, whatever it is; None where nothing does."""
    from proxy.rules.credentials import Secret

    source = settings.secrets.get(name)
    value = b""
    if source is not None and source.env:
        value = os.environ.get(source.env, "").encode("utf-8", "surrogateescape")
    elif source is not None and source.file:
        with contextlib.suppress(OSError):
            value = Path(source.file).read_bytes()
    return Secret(name, value) if value else None


def _print(found: Mapping[str, Any]) -> None:
    if found["ok"]:
        print(f"verified: {found['what']}")
    else:
        hint = "nothing is proven" if found["finding"] == "unknown" else "a hint, not proven"
        certain = "proven" if found["proof"] else hint
        print(f"{found['reason']}: {found['finding']} ({certain})")
        print(f"  {visible(found['what'])}")
        print(f"  fix: {visible(found['fix'] or '')}")
    if found["signed"]:
        print(f"  signed text: {visible(found['signed'])}")
