"""Payment methods: made from a token or a number, kept by a customer. Only cards."""

from __future__ import annotations

from proxy.integrations.stripe import cards, listing
from proxy.integrations.stripe.account import Account, Record
from proxy.integrations.stripe.cards import Card
from proxy.integrations.stripe.parameters import Parameters
from proxy.integrations.stripe.refusals import invalid, missing


def create(account: Account, given: Parameters) -> Record:
    if given.required("type") != "card":
        raise invalid("This fake knows payment methods of type card only.", "type")
    return made(account, given)


def read(account: Account, _: Parameters, id: str) -> Record:
    return resolved(account, id, status=404)


def list_(account: Account, given: Parameters) -> Record:
    return listing.page(account, "payment_method", given, "customer", "type")


def attach(account: Account, given: Parameters, id: str) -> Record:
    customer = account.find("customer", given.required("customer"), "customer", status=400)
    method = resolved(account, id, status=404)
    if method["customer"] not in {None, customer["id"]}:
        raise invalid("The payment method is already attached to a customer.", "payment_method")
    check_savable(account, method)
    method["customer"] = customer["id"]
    account.event("payment_method.attached", method)
    return method


def detach(account: Account, _: Parameters, id: str) -> Record:
    method = account.find("payment_method", id, "payment_method")
    if method["customer"] is None:
        raise invalid("The payment method is not attached to a customer.", "payment_method")
    method["customer"] = None
    account.event("payment_method.detached", method)
    return method


def made(account: Account, given: Parameters) -> Record:
    """A new payment method from `card[token]` or `card[number]`."""
    card = given.inner("card")
    token = card.text("token")
    if token is None:
        found = cards.numbered(card.required("number"), card.called("number"))
    else:
        named = cards.named(token)
        if named is None:
            raise missing("token", token, card.called("token"), status=400)
        found = named
    return of_card(account, found, given.metadata())


def resolved(account: Account, id: str, param: str = "payment_method", *, status: int = 400) -> Record:
    """The payment method of that id; a test card's name makes a new one, as with Stripe."""
    card = None if account.get("payment_method", id) else cards.named(id)
    if card is not None:
        return of_card(account, card)
    return account.find("payment_method", id, param, status=status)


def chosen(account: Account, given: Parameters) -> Record | None:
    """What `payment_method` or `payment_method_data` name, None where neither is given."""
    existing = given.text("payment_method")
    if existing is not None:
        return resolved(account, existing)
    if "payment_method_data" in given:
        return create(account, given.inner("payment_method_data"))
    return None


def of_card(account: Account, card: Card, metadata: dict[str, str] | None = None) -> Record:
    """A new payment method of a card."""
    billing = {"address": None, "email": None, "name": None, "phone": None}
    fields = {"type": "card", "card": cards.details(card), "billing_details": billing, "customer": None}
    method = account.new("payment_method", {**fields, "metadata": metadata or {}})
    account.cards.put(method["id"], card)
    return method


def check_savable(account: Account, method: Record) -> None:
    """Raises what saving the card for a customer is refused with."""
    card = card_of(account, method)
    if card.code is not None and not card.attaches:
        raise cards.refusal(card)


def card_of(account: Account, method: Record) -> Card:
    """The card behind a payment method."""
    return account.cards.get(method["id"]) or cards.CARDS["visa"]
