"""Customers, with the card that they keep as default source."""

from __future__ import annotations

from proxy.integrations.stripe import addresses, listing, payment_methods
from proxy.integrations.stripe.account import Account, Record
from proxy.integrations.stripe.parameters import Parameters

_TEXTS = ("description", "email", "name", "phone")


def create(account: Account, given: Parameters) -> Record:
    source, method = _saved(account, given, "source"), _saved(account, given, "payment_method")
    fields: Record = {
        "address": addresses.address(given),
        "balance": 0,
        "currency": None,
        "default_source": None if source is None else source["id"],
        "delinquent": False,
        "invoice_settings": {"default_payment_method": None, **_settings(given)},
        **dict.fromkeys(_TEXTS),
        **given.changes(*_TEXTS),
        "shipping": addresses.shipping(given),
        "metadata": given.metadata(),
    }
    customer = account.new("customer", fields)
    for kept in (source, method):
        if kept is not None:
            kept["customer"] = customer["id"]
    account.event("customer.created", customer)
    return customer


def read(account: Account, _: Parameters, id: str) -> Record:
    customer = account.get("customer", id)
    if customer is not None and customer.get("deleted"):
        return {"id": id, "object": "customer", "deleted": True}
    return account.find("customer", id)


def update(account: Account, given: Parameters, id: str) -> Record:
    customer = account.find("customer", id)
    source = _saved(account, given, "source")
    if source is not None:
        source["customer"] = id
        customer["default_source"] = source["id"]
    customer.update(addresses.changes(given))
    customer.update(given.changes(*_TEXTS), metadata=given.metadata(customer["metadata"]))
    customer["invoice_settings"] |= _settings(given)
    account.event("customer.updated", customer)
    return customer


def delete(account: Account, given: Parameters, id: str) -> Record:
    customer = account.find("customer", id)
    account.event("customer.deleted", customer)
    customer["deleted"] = True
    return read(account, given, id)


def list_(account: Account, given: Parameters) -> Record:
    return listing.page(account, "customer", given, "email")


def list_payment_methods(account: Account, given: Parameters, id: str) -> Record:
    account.find("customer", id)
    page = listing.page(account, "payment_method", given.with_text("customer", id), "customer", "type")
    return {**page, "url": f"/v1/customers/{id}/payment_methods"}


def _saved(account: Account, given: Parameters, name: str) -> Record | None:
    """The card that the parameter names, refused as it is when a customer is to keep it."""
    token = given.text(name)
    if token is None:
        return None
    method = payment_methods.resolved(account, token, name)
    payment_methods.check_savable(account, method)
    return method


def _settings(given: Parameters) -> dict[str, str | None]:
    return given.inner("invoice_settings").changes("default_payment_method")
