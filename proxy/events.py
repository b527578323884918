"""What can happen, one method each. Stages report; metrics and logs listen; nobody here decides anything.

The one thing a reader would get wrong: `call_ended` comes when the body is over, not when the head was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from proxy.model import Call


class Events:
    """Hears everything and does nothing: listeners override what they want to hear. Times are seconds."""

    def call_started(self, upstream: str) -> None:
        """A call of the application entered the pipeline of `upstream`."""

    def call_ended(self, call: Call, status: int, outcome: str, seconds: float) -> None:
        """A call is over, body included. `status` 0: no head was sent.

        `outcome`: `ok`, `upstream_error` (4xx or 5xx of the upstream), `client_gone` or a code of `CODES`.
        """

    def attempt_ended(self, upstream: str, outcome: str, seconds: float) -> None:
        """An attempt has its head or its failure. `outcome`: `ok`, `4xx`, `5xx`, `429` or a code of `CODES`."""

    def retried(self, upstream: str, reason: str, wait: float, *, told: bool) -> None:
        """An attempt will be repeated after `wait`. `reason`: the attempt's outcome, as in `attempt_ended`."""

    def retry_stopped(self, upstream: str, reason: str) -> None:
        """A failed attempt was not repeated; `reason` is the word of `Outrigger-Retry-Stopped`."""

    def breaker_moved(self, upstream: str, to: str, *, by_hand: bool) -> None:
        """The breaker changed to `closed`, `open` or `half_open`."""

    def cooldown_began(self, upstream: str, seconds: float) -> None:
        """The provider said wait; `seconds` from now it is over."""

    def queued(self, upstream: str, change: int) -> None:
        """`change` (+1 or -1) calls wait for a cooldown, a rate or a place."""

    def wait_unreadable(self, upstream: str, count: int) -> None:
        """`count` wait headers of an answer could not be read and were ignored."""

    def secret_read(self, secret: str) -> None:
        """A secret has a new good value."""

    def secret_failed(self, secret: str, reason: str, source: str = "") -> None:
        """A secret could not be read; `reason` is a word of ours (`missing`, `empty`, `unreadable`…), never a value.

        `source`: where it was looked for, as in `env STRIPE_KEY`; "" for what comes from no source.
        """

    def credential_refused(self, upstream: str, secrets: Sequence[str]) -> None:
        """The provider refused the credential that was injected, which is made of `secrets`."""

    def unread(self, listener: str, code: str, reason: str) -> None:
        """A request that `listener` could not read was refused; `reason` names the rule."""

    def webhook_ended(self, webhook: str, outcome: str, secret: str | None, detail: str) -> None:
        """A webhook request was answered. `outcome`: the list of `webhooks.md` §2.2; `detail`: the exact reason."""

    def delivery_ended(self, webhook: str, outcome: str, *, event: str, attempt: int, detail: str) -> None:
        """An event's delivery was `delivered`, `failed` (it comes again) or `dead`.

        `event`: our id; `attempt` 0: the application was not reached; `detail`: the exact reason.
        """

    def reloaded(self, *, ok: bool, detail: str = "") -> None:
        """A configuration was read anew and taken (`ok`) or refused; `detail` is for people."""

    def debug_dropped(self, upstream: str) -> None:
        """The debug log's queue was full and an exchange was not kept."""

    def bug(self, where: str, error: BaseException) -> None:
        """Something that should not be possible happened; the call was answered `internal_error`."""

    def warned(self, text: str) -> None:
        """Something an operator should know that fits no other method."""


class Fanout(Events):
    """Passes every event to each of several listeners, in order."""

    def __init__(self, listeners: Sequence[Events]) -> None:
        for name, silence in vars(Events).items():
            if not name.startswith("_"):
                hearers = [getattr(one, name) for one in listeners if getattr(type(one), name) is not silence]
                setattr(self, name, hearers[0] if len(hearers) == 1 else _to_all(hearers))


def _to_all(hearers: Sequence[Callable[..., None]]) -> Callable[..., None]:
    if len(hearers) == 2:  # metrics and log, for every call
        return _to_both(*hearers)

    if not hearers:
        return _to_none

    def tell(*args: object, **named: object) -> None:
        for hear in hearers:
            hear(*args, **named)

    return tell


def _to_none(*_: object, **__: object) -> None:
    pass


def _to_both(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def tell(*args: object, **named: object) -> None:
        first(*args, **named)
        second(*args, **named)

    return tell
