"""The inbox by its URL: `sqlite:PATH` or `postgresql://…`."""

from __future__ import annotations

from typing import Protocol

from proxy.config.schema import InboxSettings
from proxy.events import Events
from proxy.timing import Clock
from proxy.webhooks.inbox import Inbox, InboxUnavailable


class OpenInbox(Inbox, Protocol):
    """An inbox that is open."""

    @property
    def pending(self) -> int:
        """Undelivered events, without asking the store: for `inbox.max_pending` on every request."""


async def open_inbox(settings: InboxSettings, *, clock: Clock, report: Events) -> OpenInbox:
    """The inbox that `settings.url` names, made where there is none yet. To be called in the running loop.

    `report.warned` hears when the store stops to work and when it works again. Raises `InboxUnavailable`, with a text
    for people, for what no waiting can put right: a foreign or damaged file, a newer version, another Outrigger on it,
    a driver that is not installed. A store that is only locked, full or down is opened all the same and heals.
    """
    raise InboxUnavailable(f"{settings.url.partition(':')[0]}: not built yet")
