"""The webhook side of the program: inbox, receivers and deliveries, through start, reload and drain.

The one thing a reader would get wrong: a reload may bring the first webhook, and with it the inbox is opened. Until it
is, senders are told to come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from proxy.config.schema import Settings, WebhookSettings
from proxy.edges.debug_refused import RefusedRecord
from proxy.edges.inbox_store import OpenInbox, open_inbox
from proxy.edges.webhook_desk import WebhookDesk
from proxy.edges.webhook_server import WebhookServer
from proxy.model import Request, Response
from proxy.parts import Parts, fetcher, transport
from proxy.pipeline import Handler
from proxy.rules.egress import EgressSettings
from proxy.rules.proofs import Proofs
from proxy.rules.redaction import Redactor
from proxy.rules.rotation import Rotation
from proxy.upstream import TimeoutSettings, TlsSettings
from proxy.webhooks.accept import Acceptance, Ways
from proxy.webhooks.answers import RETRY_AFTER, answer
from proxy.webhooks.deliver import World
from proxy.webhooks.deliveries import Deliveries, Wanted
from proxy.webhooks.forward import Forward
from proxy.webhooks.inbox import InboxUnavailable
from proxy.webhooks.intake import Intake
from proxy.webhooks.keeping import Keeping
from proxy.webhooks.outgoing import Writer
from proxy.webhooks.receive import Receiver, Surroundings
from proxy.webhooks.refused import RefusedRequest, RefusedRequests
from proxy.webhooks.routing import Routing
from proxy.webhooks.trying import Try
from proxy.webhooks.why import said_in_full, why_last

ANYWHERE = EgressSettings(allow=("0.0.0.0/0", "::/0"))  # the operator's own application; metadata services stay denied


class WebhookSide:
    """One program's webhooks."""

    def __init__(self, settings: Settings, parts: Parts, *, redactor: Redactor) -> None:
        self.server = WebhookServer({}, parts.events)
        self.refused = RefusedRequests(self._keep_refused)
        self.desk: WebhookDesk | None = None  # None until there is a webhook
        self._keeping: Keeping | None = None
        self._redactor = redactor
        self._deliveries: Deliveries | None = None
        self._inbox: OpenInbox | None = None
        self._routing: Routing | None = None
        self._intake = Intake(parts.clock.now, parts.alarms)
        self._settings = settings
        self._parts = parts
        self._opening: asyncio.Task[None] | None = None
        self._rotation = Rotation()

    async def start(self) -> None:
        """Opens the inbox where there are webhooks. Raises `InboxUnavailable` for what no waiting can put right."""
        if self._settings.webhooks:
            await self._open()

    def use(self, settings: Settings) -> None:
        """Serves these settings from now on, where something serves yet."""
        before, self._settings = self._settings.webhooks, settings
        for name, one in settings.webhooks.items():
            if name in before and not _proven_alike(before[name], one):
                self._rotation.forget(name)
        if self._keeping is not None and self._deliveries is not None and self.desk is not None:
            self.server.receivers = self._receivers(self._keeping, self._deliveries)
            self.desk.names = {one.name: one.deliver.url is not None for one in settings.webhooks.values()}
            self.desk.proofs = Proofs({one.name: one.verify for one in settings.webhooks.values()})
            self._deliveries.adopt(self._wanted(), settings.inbox)
            if self._routing is not None:
                self._routing.adopt(self.desk.names)
        elif settings.webhooks:
            self.server.receivers = {one.path.encode(): _later for one in settings.webhooks.values()}
            if self._opening is None:
                self._opening = self._parts.loop.create_task(self._open_later())

    def look_at_secrets(self, matches: Mapping[tuple[str, ...], float]) -> None:
        """Notes which secrets prove anything. `matches`: proven requests so far, by webhook and secret."""
        secret, now = self._parts.secrets.get, self._parts.clock.now()
        self._rotation.look(
            {
                (one.name, name): (secret(name), matches.get((one.name, name), 0.0))
                for one in self._settings.webhooks.values()
                if len(one.verify.secrets) > 1
                for name in one.verify.secrets
            },
            now,
        )

    def _spare(self, webhook: str) -> list[str]:
        settings = self._settings.webhooks.get(webhook)
        names = () if settings is None else settings.verify.secrets
        return self._rotation.spare(webhook, names, self._parts.clock.now())

    @property
    def trouble(self) -> str | None:
        """Why the program is not ready; None: it is."""
        return None if self._keeping is None else self._keeping.trouble

    async def drain(self, until: float) -> None:
        """Takes no more events from the inbox; deliveries in flight have until then (monotonic seconds)."""
        if self._opening is not None:
            self._opening.cancel()
        if self._routing is not None:
            self._routing.close()
        if self._deliveries is not None:
            await self._deliveries.drain(until)

    async def close(self) -> None:
        """Lets go of the inbox, when nobody asks it for anything any more."""
        if self._inbox is not None:
            await self._inbox.close()

    async def _open(self) -> None:
        parts = self._parts
        inbox = await open_inbox(self._settings.inbox, clock=parts.clock, report=parts.events)
        keeping = Keeping(inbox, self._settings.inbox, parts.clock.now)
        world = World(inbox=inbox, loop=parts.loop, clock=parts.clock, dice=parts.dice, events=parts.events)
        deliveries = Deliveries(keeping, self._settings.inbox, world)
        wall = parts.clock.wall
        self.desk = WebhookDesk(keeping, self.refused, self._redactor, wall, deliveries.wake, self._why)
        self.desk.spare = self._spare
        self._inbox, self._keeping, self._deliveries = inbox, keeping, deliveries
        self._routing = Routing(inbox, deliveries.wake, loop=parts.loop, clock=parts.clock, events=parts.events)
        self.use(self._settings)
        deliveries.start()

    def _keep_refused(self, request: RefusedRequest) -> None:
        if self._parts.store is not None and self.desk is not None:
            self._parts.store.keep(RefusedRecord(request, self.desk.proofs))

    def _why(self, webhook: str, at: float | None) -> dict[str, object] | None:
        last = self.refused.last(webhook)
        judged = last if at is None else [replace(one, at=at) for one in last]
        found = why_last(self._settings, webhook, judged, self._parts.secrets.get)
        return None if found is None else said_in_full(found)

    async def _open_later(self) -> None:
        try:
            await self._open()
        except InboxUnavailable as error:
            self._parts.events.warned(f"the inbox cannot be opened, so webhooks are refused: {error}")
        finally:
            self._opening = None

    def _receivers(self, keeping: Keeping, deliveries: Deliveries) -> dict[bytes, Handler]:
        parts = self._parts
        around = Surroundings(
            secret=parts.secrets.get,
            intake=self._intake,
            keeping=keeping,
            refused=self.refused,
            events=parts.events,
            clock=parts.clock,
            fetch=fetcher(parts),
        )
        return {
            one.path.encode(): Receiver(one, Acceptance(one, self._ways(one, keeping, deliveries)), around)
            for one in self._settings.webhooks.values()
        }

    def _ways(self, webhook: WebhookSettings, keeping: Keeping, deliveries: Deliveries) -> Ways:
        parts, deliver = self._parts, webhook.deliver
        forward = None
        if deliver.url is not None and deliver.mode != "stored":
            application = self._application(webhook, deliver.url)
            forward = Forward(application, self._writer(webhook), deliver, parts.clock.now, parts.alarms)
        return Ways(
            keeping=keeping,
            forward=forward,
            wake=lambda: deliveries.wake(webhook.name),
            events=parts.events,
        )

    def _wanted(self) -> dict[str, Wanted]:
        """The webhooks that deliver what is stored; one in `sync` may have had another mode before."""
        found = {}
        for webhook in self._settings.webhooks.values():
            deliver = webhook.deliver
            if deliver.url is not None:
                application = self._application(webhook, deliver.url)
                attempt = Try(
                    application,
                    self._writer(webhook),
                    deliver.timeout,
                    clock=self._parts.clock,
                    alarms=self._parts.alarms,
                    events=self._parts.events,
                )
                found[webhook.name] = Wanted(webhook, attempt, _split(deliver.url)[0])
        return found

    def _writer(self, webhook: WebhookSettings) -> Writer:
        return Writer(webhook, self._parts.secrets.get, self._parts.clock.wall)

    def _application(self, webhook: WebhookSettings, url: str) -> Handler:
        """Passes requests to the application's own address."""
        origin, path = _split(url)
        timeout = TimeoutSettings(first_byte=webhook.deliver.timeout, total=webhook.deliver.timeout)
        post = transport(self._parts, f"webhook {webhook.name}", origin, timeout, TlsSettings(), ANYWHERE)
        return lambda request: post(request.with_headers(request.headers, path + request.target))


def _proven_alike(one: WebhookSettings, other: WebhookSettings) -> bool:
    """True where they differ neither in address nor in what is signed; they may in secrets."""
    verify = replace(one.verify, secrets=other.verify.secrets)
    return (one.path, one.public_url, verify) == (other.path, other.public_url, other.verify)


def _split(url: str) -> tuple[str, bytes]:
    """Scheme and authority; the path, as it goes into a request line."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", (parts.path or "/").encode()


async def _later(_request: Request) -> Response:
    return answer(503, headers=(RETRY_AFTER,), made_here="inbox_unavailable")
