"""`outrigger webhook send`: a sample event, signed as its provider would sign it, to the local listener.

The one thing a reader would get wrong: an answer tells its sender no more than a status. The outcome is what the
running program counted meanwhile in its metrics; where that cannot be asked it is guessed from the status.
"""

from __future__ import annotations

import json as text
import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.options import Config, Json
from proxy.cli.terminal import DONE, FAILED, WRONG, Ended
from proxy.config.load import find

if TYPE_CHECKING:
    from proxy.cli.posting import Where
    from proxy.config.schema import Settings, WebhookSettings
    from proxy.rules.placing import Outgoing
    from proxy.webhooks.events import Wish
    from proxy.webhooks.sampling import Blanks


class Bad(StrEnum):
    """What can be wrong with a test event."""

    SIGNATURE = "signature"
    BODY = "body"
    TIME = "time"
    SECRET = "secret"  # noqa: S105 - the word of the option
    DUPLICATE = "duplicate"


def send(  # noqa: PLR0913 - an option each
    webhook: Annotated[str, typer.Argument(metavar="WEBHOOK", help="as it stands under webhooks:")],
    type: Annotated[str, typer.Argument(metavar="TYPE", help="of the event, as payment_intent.succeeded")],
    *,
    to: Annotated[str | None, typer.Option(metavar="URL", help="instead of the local listener")] = None,
    body: Annotated[str | None, typer.Option(metavar="F", help="a body of your own; - is standard input")] = None,
    set: Annotated[list[str] | None, typer.Option(metavar="/POINTER=VALUE", help="changes the body")] = None,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="events, each with an id of its own")] = 1,
    age: Annotated[str, typer.Option(metavar="DURATION", help="how old it is, as 2d")] = "0s",
    bad: Annotated[Bad | None, typer.Option(help="one thing that is wrong with it")] = None,
    key: Annotated[
        str | None, typer.Option(metavar="F", help="private key, in PEM, of ed25519, ecdsa, rsa, jwt")
    ] = None,
    config: Config = None,
    repeat: Annotated[bool, typer.Option("--repeat", help="the same event, id and all, once more")] = False,
    json: Json = False,
) -> None:
    """Sign a sample event and send it. Prints status, outcome and event id. Exit 0: every answer was 2xx."""
    from proxy.cli.posting import address_of
    from proxy.cli.webhook_verify import settings_with
    from proxy.rules.signing import CannotSign
    from proxy.webhooks.events import Wish

    try:
        settings = settings_with(find(config, os.environ), webhook)
        wish = Wish(
            type=type,
            body=None if body is None else _contents(body),
            changes=_changes(set or ()),
            bad=None if bad is None else bad.value,
            key=None if key is None else _contents(key),
        )
        where = address_of(settings.listen.webhooks, to)
        run = _Run(settings, settings.webhooks[webhook], wish, _age(age), where, json_output=json)
        raise typer.Exit(run.several(count, repeat=repeat))
    except CannotSign as error:
        print(f"{webhook}: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    except Ended as ended:
        print(ended, file=sys.stderr)
        raise typer.Exit(ended.code) from None


class _Run:
    """Events of one wish, one after the other."""

    def __init__(
        self,
        settings: Settings,
        webhook: WebhookSettings,
        wish: Wish,
        age: float,
        where: Where,
        *,
        json_output: bool,
    ) -> None:
        from proxy.cli.posting import Counted

        self._webhook = webhook
        self._wish = wish
        self._age = age
        self._secret = _newest(settings, webhook, given=wish.key is not None)
        self._where = where
        self._counted = Counted(settings, webhook.name)
        self._json = json_output

    def several(self, count: int, *, repeat: bool) -> int:
        """Sends `count` events, with `repeat` one of them at least twice. Returns an exit code."""
        if not repeat:
            return max(self._one(self._made(first=not number)) for number in range(count))
        same = self._made(first=True)
        return max(self._one(same) for _ in range(max(count, 2)))

    def _made(self, *, first: bool) -> Outgoing:
        from proxy.webhooks.events import event
        from proxy.webhooks.sampling import types

        made = event(self._webhook, self._wish, self._secret, _blanks(self._wish.type, self._age))
        if first and not made.known:
            known = ", ".join(types(self._webhook.integration)) or "none for this webhook"
            shape = self._webhook.integration or "a plain event"
            print(
                f"no sample {self._wish.type!r}: sending a generic body of {shape}; samples: {known}", file=sys.stderr
            )
        return made.request

    def _one(self, request: Outgoing) -> int:
        from ssl import SSLError

        from proxy.cli.posting import post

        before = self._counted.now()
        try:
            status = post(self._where, request)
        except SSLError as error:
            raise Ended(f"TLS with {self._where.shown} fails: {error.reason or error}") from None
        except OSError as error:
            raise Ended(f"nobody answers at {self._where.shown}: {error.strerror or error}; is it running?") from None
        outcome = self._counted.since(before, status)
        event_id = _id(self._webhook, request)
        if self._json:
            print(text.dumps({"status": status, "outcome": outcome, "event_id": event_id}))
        else:
            print(f"{status} {outcome} {event_id}")
        return DONE if 200 <= status < 300 else FAILED


def _blanks(type: str, age: float) -> Blanks:
    from proxy.webhooks.sampling import Blanks

    wall = datetime.now(UTC).timestamp() - age
    return Blanks(type, wall, lambda alphabet, length: "".join(secrets.choice(alphabet) for _ in range(length)))


def _newest(settings: Settings, webhook: WebhookSettings, *, given: bool) -> bytes:
    """The value of the newest secret; nothing where a private key is `given` in its place."""
    from proxy.cli.webhook_verify import secret_of
    from proxy.rules.special_signing import needs_private_key

    if given and not needs_private_key(webhook.verify):
        raise Ended(
            f"{webhook.name}: --key is for schemes that sign with a private key; this one signs with the secret "
            f"{webhook.verify.secrets[0]}",
            WRONG,
        )
    if given:
        return b""
    if needs_private_key(webhook.verify):
        raise Ended(
            f"{webhook.name}: its secret is a public key, which verifies and cannot sign: give the private one with "
            "--key FILE (PEM); for tests make a pair of your own and configure its public half"
        )
    name = webhook.verify.secrets[0]
    secret = secret_of(settings, name)
    if secret is None:
        source = settings.secrets.get(name)
        place = f"the variable {source.env}" if source and source.env else f"the file {source.file if source else '?'}"
        raise Ended(
            f"{webhook.name}: the secret {name} cannot be read: put it into {place}, here and for the running program "
            "(any made-up value will do where no provider sends)"
        )
    return secret.reveal()


def _id(webhook: WebhookSettings, request: Outgoing) -> str:
    from proxy.rules.event_keys import event_id
    from proxy.rules.schemes import compile_scheme

    incoming = request.seen()
    scheme = compile_scheme(webhook.verify, webhook.public_url)
    scheme.verify(incoming, [], 0.0)  # an id may stand in the token that this reads
    return event_id(incoming, scheme.naming(incoming))


def _contents(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise Ended(f"{name}: {error.strerror}", WRONG) from None


def _changes(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        pointer, mark, value = one.partition("=")
        if not mark or not pointer.startswith("/"):
            raise typer.BadParameter(f"--set {one}: write it as /data/object/amount=5")
        found[pointer] = value
    return found


def _age(given: str) -> float:
    from proxy.units import duration

    try:
        return duration(given)
    except ValueError as error:
        raise typer.BadParameter(f"--age {given}: {error}") from None
