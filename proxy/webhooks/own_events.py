"""What fakes would send to a webhook, signed and sent to our own: a payment is rehearsed to its event, offline.

The one thing a reader would get wrong: no socket is opened. The event enters where the webhook listener hands over a
request, and from there it is verified, stored and delivered as any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from proxy.body import whole_body
from proxy.config.schema import WebhookSettings
from proxy.events import Events
from proxy.integrations.stand_in import Tell, Told
from proxy.model import Call, Request
from proxy.pipeline import Handler
from proxy.rules.credentials import Secret
from proxy.rules.placing import Outgoing
from proxy.rules.signing import CannotSign, Pen, sign
from proxy.timing import Clock


class OwnEvents:
    """`listener`: what answers the webhook listener's requests. `webhooks`: those configured now."""

    def __init__(
        self,
        listener: Handler,
        webhooks: Callable[[], Mapping[str, WebhookSettings]],
        *,
        secret: Callable[[str], Secret | None],
        new_call: Callable[[], Call],
        clock: Clock,
        events: Events,
    ) -> None:
        self._listener = listener
        self._webhooks = webhooks
        self._secret = secret
        self._new_call = new_call
        self._clock = clock
        self._events = events
        self._running: set[asyncio.Task[None]] = set()

    def teller(self, integration: str) -> Tell:
        """What the fake of an integration is given."""
        return lambda told: self._start(self._send(integration, told))

    def unsigned(self, integrations: Iterable[str]) -> list[str]:
        """A line for each of these integrations whose events cannot be signed, for the log at start."""
        found = {name: self._webhook(name) for name in dict.fromkeys(integrations)}
        return [
            f"webhooks.{one.name}: the fake of {name} sends no events, because {one.verify.secrets[0]} is not set"
            for name, one in found.items()
            if one is not None and one.verify.secrets and self._secret(one.verify.secrets[0]) is None
        ]

    def close(self) -> None:
        """Sends nothing more."""
        for task in self._running:
            task.cancel()

    def _start(self, sending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(sending)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _send(self, integration: str, told: Told) -> None:
        try:
            await asyncio.sleep(told.after)
            request = self._request(integration, told)
            if request is None:
                return
            response = await self._listener(request)
            try:
                while await response.body.read():
                    pass
            finally:
                response.close()
        except Exception as error:  # noqa: BLE001 - an event that is lost must not be lost in silence
            self._events.bug("an event of a fake", error)

    def _request(self, integration: str, told: Told) -> Request | None:
        """The event as its sender would send it; None where nobody wants it, or it cannot be signed."""
        webhook = self._webhook(integration)
        secret = None if webhook is None or not webhook.verify.secrets else self._secret(webhook.verify.secrets[0])
        if webhook is None or secret is None:
            return None
        fields = tuple((name.encode(), value.encode()) for name, value in told.headers.items())
        call = self._new_call()
        pen = Pen(secret.reveal(), self._clock.wall(), call.id.encode())
        try:
            signed = sign(
                webhook.verify, webhook.public_url, Outgoing("POST", webhook.path.encode(), fields, told.body), pen
            )
        except CannotSign as error:
            self._events.warned(f"webhooks.{webhook.name}: the event of a fake cannot be signed: {error}")
            return None
        body = whole_body(signed.body)
        return Request(signed.method, signed.target, signed.headers, body, call)

    def _webhook(self, integration: str) -> WebhookSettings | None:
        return next((one for one in self._webhooks().values() if one.integration == integration), None)
