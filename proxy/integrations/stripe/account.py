"""All that one fake Stripe account remembers: objects by kind, cards behind them, events, the balance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from proxy.capabilities.memory import Shelf
from proxy.integrations.ids import Ids
from proxy.integrations.stripe.cards import Card
from proxy.integrations.stripe.refusals import missing

Record = dict[str, Any]

KINDS = {  # kind -> prefix and length of its ids
    "payment_intent": ("pi_", 24),
    "charge": ("ch_", 24),
    "refund": ("re_", 24),
    "customer": ("cus_", 14),
    "payment_method": ("pm_", 24),
    "event": ("evt_", 24),
}


class Account:
    """`wall`: Unix seconds. `net`: what is left of all payments, by currency, in minor units."""

    def __init__(self, wall: Callable[[], float], version: str) -> None:
        self._wall = wall
        self._version = version
        self._shelves: dict[str, Shelf[Record]] = {kind: Shelf() for kind in KINDS}
        self._ids = {kind: Ids(f"stripe {kind}") for kind in KINDS}
        self._ids["event"] = Ids(f"stripe event {wall():.0f}")  # a webhook remembers events across restarts of this
        self._secrets = Ids("stripe client_secret")
        self.cards: Shelf[Card] = Shelf()  # by the id of the payment method
        self.net: dict[str, int] = {}
        self.happened: list[Record] = []  # events that nobody was told of yet

    def now(self) -> int:
        """Unix seconds, whole."""
        return int(self._wall())

    def new(self, kind: str, fields: Record) -> Record:
        """A new object on its shelf."""
        prefix, length = KINDS[kind]
        record: Record = {"id": prefix + self._ids[kind].letters(length), "object": kind, "created": self.now()}
        record |= {"livemode": False, **fields}
        self._shelves[kind].put(record["id"], record)
        return record

    def client_secret(self, id: str) -> str:
        """What a browser would be given to finish a payment."""
        return f"{id}_secret_{self._secrets.letters(25)}"

    def find(self, kind: str, id: str, param: str = "id", *, status: int = 404) -> Record:
        """The object itself, to be read or changed; deleted ones are not there. Raises `Refused`."""
        record = self.get(kind, id)
        if record is None or record.get("deleted"):
            raise missing(kind, id, param, status=status)
        return record

    def get(self, kind: str, id: str) -> Record | None:
        """The object itself, be it deleted; None if it is not there."""
        return self._shelves[kind].get(id)

    def newest_first(self, kind: str) -> Iterator[Record]:
        return self._shelves[kind].newest_first()

    def event(self, type: str, subject: Record) -> None:
        """Remembers that something happened, with the object as it is now."""
        fields = {"type": type, "api_version": self._version, "data": {"object": deepcopy(subject)}}
        more = {"pending_webhooks": 0, "request": {"id": None, "idempotency_key": None}}
        self.happened.append(self.new("event", {**fields, **more}))

    def earn(self, currency: str, amount: int) -> None:
        """Money that came in, or, below zero, went back."""
        self.net[currency] = self.net.get(currency, 0) + amount
