"""Charges, refunds and the balance: where the money of this fake goes."""

from __future__ import annotations

from proxy.integrations.stripe import cards, listing, payment_methods
from proxy.integrations.stripe.account import Account, Record
from proxy.integrations.stripe.parameters import Parameters
from proxy.integrations.stripe.refusals import invalid


def create(account: Account, given: Parameters) -> Record:
    amount, currency = given.amount(), given.currency()
    capture = given.flag("capture", default=True)
    customer = given.text("customer")
    source = given.text("source")
    if customer is not None:
        kept = account.find("customer", customer, "customer", status=400)
        source = source or kept["default_source"]
    if source is None:
        raise invalid("A charge needs a source or a customer that has one.", "source", "parameter_missing")
    method = payment_methods.resolved(account, source, "source")
    fields = {"amount": amount, "currency": currency, "customer": customer, "description": given.text("description")}
    charge = attempted(account, method, {**fields, "metadata": given.metadata()}, capture=capture)
    if charge["status"] == "failed":
        raise cards.refusal(payment_methods.card_of(account, method), charge=charge["id"])
    return charge


def read(account: Account, _: Parameters, id: str) -> Record:
    return account.find("charge", id)


def update(account: Account, given: Parameters, id: str) -> Record:
    charge = account.find("charge", id)
    charge.update(given.changes("description", "receipt_email"), metadata=given.metadata(charge["metadata"]))
    account.event("charge.updated", charge)
    return charge


def list_(account: Account, given: Parameters) -> Record:
    return listing.page(account, "charge", given, "customer", "payment_intent")


def capture(account: Account, given: Parameters, id: str) -> Record:
    charge = account.find("charge", id)
    if charge["captured"]:
        raise invalid("The charge has already been captured.", code="charge_already_captured")
    if charge["status"] == "failed":
        raise invalid("The charge failed and cannot be captured.", "id")
    captured(account, charge, given.whole("amount", most=charge["amount"]) or charge["amount"])
    return charge


def attempted(account: Account, method: Record, fields: Record, *, capture: bool) -> Record:
    """A new charge of the payment method, its status `succeeded` or `failed`."""
    card = payment_methods.card_of(account, method)
    pays = card.code is None and not card.authenticates
    charge = account.new("charge", {**_BLANK, **fields})
    charge.update(
        billing_details=method["billing_details"],
        failure_code=None if pays else card.code or "authentication_required",
        failure_message=None if pays else cards.message(card),
        outcome={"network_status": "approved_by_network" if pays else "declined_by_network", "type": "authorized"},
        paid=pays,
        payment_method=method["id"],
        payment_method_details={"card": method["card"], "type": "card"},
        status="succeeded" if pays else "failed",
    )
    if pays and capture:
        captured(account, charge, charge["amount"])
    account.event(f"charge.{charge['status']}", charge)
    return charge


def captured(account: Account, charge: Record, amount: int) -> None:
    """Takes the money; what is not taken of the amount goes back at once."""
    released = charge["amount"] - amount
    charge.update(captured=True, amount_captured=amount, amount_refunded=released)
    account.earn(charge["currency"], amount)


def refund(account: Account, given: Parameters) -> Record:
    charge = _charge_to_refund(account, given)
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] == "failed":
        raise invalid("The charge was not paid, so there is nothing to refund.", "charge")
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = given.whole("amount") or left
    if amount > left:
        raise invalid(f"The refund is larger than what is left of the charge ({left}).", "amount")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    if charge["captured"]:
        account.earn(charge["currency"], -amount)
    fields = {"amount": amount, "currency": charge["currency"], "charge": charge["id"], "status": "succeeded"}
    more = {"payment_intent": charge["payment_intent"], "metadata": given.metadata(), "balance_transaction": None}
    made = account.new("refund", {**fields, **more, "reason": given.text("reason")})
    account.event("charge.refunded", charge)
    return made


def read_refund(account: Account, _: Parameters, id: str) -> Record:
    return account.find("refund", id)


def update_refund(account: Account, given: Parameters, id: str) -> Record:
    made = account.find("refund", id)
    made["metadata"] = given.metadata(made["metadata"])
    return made


def list_refunds(account: Account, given: Parameters) -> Record:
    return listing.page(account, "refund", given, "charge", "payment_intent")


def balance(account: Account, _: Parameters) -> Record:
    """What was taken is pending, as it is with Stripe for the first days."""
    amounts = account.net or {"usd": 0}
    pending = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sorted(amounts.items())
    ]
    available = [{**item, "amount": 0, "source_types": {"card": 0}} for item in pending]
    return {"object": "balance", "available": available, "livemode": False, "pending": pending}


def _charge_to_refund(account: Account, given: Parameters) -> Record:
    intent = given.text("payment_intent")
    if intent is None:
        return account.find("charge", given.required("charge"), "charge")
    latest = account.find("payment_intent", intent, "payment_intent")["latest_charge"]
    if latest is None:
        raise invalid("The payment has no charge to refund.", "payment_intent")
    return account.find("charge", latest)


_BLANK: Record = {  # fields that a new charge has before anything is known of it
    "amount_captured": 0,
    "amount_refunded": 0,
    "balance_transaction": None,
    "captured": False,
    "customer": None,
    "description": None,
    "disputed": False,
    "payment_intent": None,
    "receipt_email": None,
    "refunded": False,
    "statement_descriptor": None,
}
