"""Stripe in memory: routes, idempotency keys, errors. Each object has a module of its own beside this one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import NamedTuple

from proxy.capabilities.memory import Shelf
from proxy.integrations import forms
from proxy.integrations.ids import Ids
from proxy.integrations.routes import Routes
from proxy.integrations.stand_in import Asked, Said, StandIn, Tell, Told, said_json, silent
from proxy.integrations.stripe import charges, customers, listing, payment_intents, payment_methods
from proxy.integrations.stripe.account import Account, Record
from proxy.integrations.stripe.parameters import Parameters
from proxy.integrations.stripe.refusals import Refused, invalid, shape
from proxy.pipeline import Handler

VERSION = "2024-12-18.acacia"  # answered to callers that name none; the manifest's
_KEPT = 86_400.0  # seconds that an idempotency key is remembered
_LONGEST_KEY = 255


def _read_event(account: Account, _: Parameters, id: str) -> Record:
    return account.find("event", id)


def _list_events(account: Account, given: Parameters) -> Record:
    return listing.page(account, "event", given, "type")


ROUTES = Routes[Callable[..., Record]](
    {
        "POST /v1/payment_intents": payment_intents.create,
        "GET /v1/payment_intents": payment_intents.list_,
        "GET /v1/payment_intents/{id}": payment_intents.read,
        "POST /v1/payment_intents/{id}": payment_intents.update,
        "POST /v1/payment_intents/{id}/confirm": payment_intents.confirm,
        "POST /v1/payment_intents/{id}/capture": payment_intents.capture,
        "POST /v1/payment_intents/{id}/cancel": payment_intents.cancel,
        "POST /v1/charges": charges.create,
        "GET /v1/charges": charges.list_,
        "GET /v1/charges/{id}": charges.read,
        "POST /v1/charges/{id}": charges.update,
        "POST /v1/charges/{id}/capture": charges.capture,
        "POST /v1/refunds": charges.refund,
        "GET /v1/refunds": charges.list_refunds,
        "GET /v1/refunds/{id}": charges.read_refund,
        "POST /v1/refunds/{id}": charges.update_refund,
        "POST /v1/customers": customers.create,
        "GET /v1/customers": customers.list_,
        "GET /v1/customers/{id}": customers.read,
        "POST /v1/customers/{id}": customers.update,
        "DELETE /v1/customers/{id}": customers.delete,
        "GET /v1/customers/{id}/payment_methods": customers.list_payment_methods,
        "POST /v1/payment_methods": payment_methods.create,
        "GET /v1/payment_methods": payment_methods.list_,
        "GET /v1/payment_methods/{id}": payment_methods.read,
        "POST /v1/payment_methods/{id}/attach": payment_methods.attach,
        "POST /v1/payment_methods/{id}/detach": payment_methods.detach,
        "GET /v1/events": _list_events,
        "GET /v1/events/{id}": _read_event,
        "GET /v1/balance": charges.balance,
    }
)


TOLD = frozenset(  # types of events that are sent
    {
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "charge.refunded",
        "customer.created",
    }
)


def fake(*, wall: Callable[[], float], tell: Tell = silent) -> Handler:
    """A new, empty account. `wall`: Unix seconds."""
    return StandIn(Stripe(wall), tell)


def _told(event: Record) -> Told:
    content = json.dumps({**event, "pending_webhooks": 1}, indent=2).encode()
    return Told(content, {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0"})


class _Kept(NamedTuple):
    digest: str
    until: float
    said: Said


class Stripe:
    """The provider: one account, and the answers that were given under a key."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._account = Account(wall, VERSION)
        self._answers: Shelf[_Kept] = Shelf()

    def answer(self, asked: Asked) -> Said:
        echoed = {"Stripe-Version": asked.headers.get("stripe-version", VERSION)}
        key = asked.headers.get("idempotency-key") if asked.method == "POST" else None
        if key is not None:
            echoed["Idempotency-Key"] = key
        try:
            said = self._act(asked) if key is None else self._act_once(asked, key)
        except Refused as refused:
            said = said_json(refused.status, {"error": refused.error})
        happened, self._account.happened = self._account.happened, []
        told = tuple(_told(event) for event in happened if event["type"] in TOLD)
        return replace(said, headers={**said.headers, **echoed}, told=told)

    def error(self, status: int, _: Asked) -> Said:
        return said_json(status, {"error": shape(status)})

    def request_id(self, ids: Ids) -> tuple[str, str]:
        return "Request-Id", f"req_{ids.letters(14)}"

    def _act_once(self, asked: Asked, key: str) -> Said:
        if not 0 < len(key) <= _LONGEST_KEY:
            raise invalid(f"An idempotency key has 1 to {_LONGEST_KEY} characters.")
        digest = sha256(f"{asked.path}\n{asked.content_type}\n{sorted(forms.pairs(asked.body))}".encode()).hexdigest()
        kept = self._answers.get(key)
        if kept is not None and kept.until > self._wall():
            if kept.digest != digest:
                words = "Keys for idempotent requests can only be used again with the same parameters."
                raise Refused(400, "idempotency_error", words)
            return replace(kept.said, headers={**kept.said.headers, "Idempotent-Replayed": "true"})
        said = self._act_to_the_end(asked)
        self._answers.put(key, _Kept(digest, self._wall() + _KEPT, said))
        return said

    def _act_to_the_end(self, asked: Asked) -> Said:
        """An answer worth keeping: what failed validation raises, a card's refusal is as final as a success."""
        try:
            return self._act(asked)
        except Refused as refused:
            if refused.status != 402:
                raise
            return said_json(refused.status, {"error": refused.error})

    def _act(self, asked: Asked) -> Said:
        found = ROUTES.find(asked.method, asked.segments)
        if found is None or asked.origin is not None:
            raise invalid(f"Unrecognized request URL ({asked.method}: {asked.path}).", status=404)
        if asked.body and asked.content_type not in {"", "application/x-www-form-urlencoded"}:
            raise invalid("The request body must be form-encoded (application/x-www-form-urlencoded).")
        function, ids = found
        given = Parameters(forms.nested(asked.query + forms.pairs(asked.body)))
        paths = given.words("expand")
        return said_json(200, listing.expanded(self._account, function(self._account, given, *ids), paths))
