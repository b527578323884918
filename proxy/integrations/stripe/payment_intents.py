"""Payment intents: the states of a payment, and what moves it from one to the next."""

from __future__ import annotations

from copy import deepcopy

from proxy.integrations.stripe import addresses, cards, charges, listing, payment_methods
from proxy.integrations.stripe.account import Account, Record
from proxy.integrations.stripe.cards import Card
from proxy.integrations.stripe.parameters import Parameters
from proxy.integrations.stripe.refusals import Refused, invalid

STATES = {  # what may be done -> in which states
    "confirm": {"requires_payment_method", "requires_confirmation", "requires_action"},
    "capture": {"requires_capture"},
    "cancel": {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"},
    "update": {"requires_payment_method", "requires_confirmation", "requires_action"},
}
_TEXTS = ("description", "receipt_email", "statement_descriptor", "setup_future_usage")


def create(account: Account, given: Parameters) -> Record:
    amount, currency = given.amount(), given.currency()
    capture_method = given.choice("capture_method", "automatic_async", "automatic", "manual")
    _known_customer(account, given)
    confirm_now = given.flag("confirm")
    method = payment_methods.chosen(account, given)
    fields: Record = {
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": _automatic(given),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": capture_method,
        "confirmation_method": given.choice("confirmation_method", "automatic", "manual"),
        "currency": currency,
        "customer": given.text("customer"),
        **dict.fromkeys(_TEXTS),
        **given.changes(*_TEXTS),
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": given.metadata(),
        "next_action": None,
        "payment_method": None if method is None else method["id"],
        "payment_method_types": given.words("payment_method_types") or ["card"],
        "shipping": addresses.shipping(given),
        "status": "requires_payment_method" if method is None else "requires_confirmation",
    }
    intent = account.new("payment_intent", fields)
    intent["client_secret"] = account.client_secret(intent["id"])
    account.event("payment_intent.created", intent)
    if confirm_now:
        _pay(account, intent, given)
    return intent


def read(account: Account, _: Parameters, id: str) -> Record:
    return account.find("payment_intent", id, "intent")


def list_(account: Account, given: Parameters) -> Record:
    return listing.page(account, "payment_intent", given, "customer")


def update(account: Account, given: Parameters, id: str) -> Record:
    intent = _ready(account, id, "update")
    _known_customer(account, given)
    amount = given.whole("amount") or intent["amount"]
    if "shipping" in given:
        intent["shipping"] = addresses.shipping(given)
    _choose(account, intent, given)
    intent.update(given.changes("customer", *_TEXTS), amount=amount, metadata=given.metadata(intent["metadata"]))
    return intent


def confirm(account: Account, given: Parameters, id: str) -> Record:
    intent = _ready(account, id, "confirm")
    _choose(account, intent, given)
    _pay(account, intent, given)
    return intent


def capture(account: Account, given: Parameters, id: str) -> Record:
    intent = _ready(account, id, "capture")
    amount = given.whole("amount_to_capture", most=intent["amount_capturable"]) or intent["amount_capturable"]
    charges.captured(account, account.find("charge", intent["latest_charge"]), amount)
    _succeed(account, intent, amount)
    return intent


def cancel(account: Account, given: Parameters, id: str) -> Record:
    intent = _ready(account, id, "cancel")
    reason = given.text("cancellation_reason")
    if intent["status"] == "requires_capture":
        charge = account.find("charge", intent["latest_charge"])
        charge.update(amount_refunded=charge["amount"], refunded=True)
    cancelled = {"status": "canceled", "canceled_at": account.now(), "cancellation_reason": reason}
    intent.update(cancelled, amount_capturable=0, next_action=None)
    account.event("payment_intent.canceled", intent)
    return intent


def _ready(account: Account, id: str, action: str) -> Record:
    intent = account.find("payment_intent", id, "intent")
    if intent["status"] in STATES[action]:
        return intent
    words = f"A payment with status {intent['status']} cannot be used so: {action}."
    more = {"code": "payment_intent_unexpected_state", "payment_intent": deepcopy(intent)}
    raise Refused(400, "invalid_request_error", words, **more)


def _known_customer(account: Account, given: Parameters) -> None:
    customer = given.text("customer")
    if customer is not None:
        account.find("customer", customer, "customer", status=400)


def _automatic(given: Parameters) -> Record | None:
    wishes = given.inner("automatic_payment_methods")
    if not wishes.flag("enabled"):
        return None
    return {"enabled": True, "allow_redirects": wishes.choice("allow_redirects", "always", "never")}


def _choose(account: Account, intent: Record, given: Parameters) -> None:
    method = payment_methods.chosen(account, given)
    if method is not None:
        intent.update(payment_method=method["id"], status="requires_confirmation")


def _pay(account: Account, intent: Record, given: Parameters) -> None:
    if intent["payment_method"] is None:
        words = "A payment method is needed before the payment can be confirmed."
        raise invalid(words, "payment_method", "payment_intent_unexpected_state")
    method = account.find("payment_method", intent["payment_method"], "payment_method", status=400)
    card = payment_methods.card_of(account, method)
    absent = given.text("off_session") not in {None, "false"}
    if card.authenticates and not absent and not given.flag("error_on_requires_action"):
        intent.update(status="requires_action", next_action=_next_action(intent, given))
        account.event("payment_intent.requires_action", intent)
        return
    fields = {name: intent[name] for name in ("amount", "currency", "customer", "description", "metadata")}
    fields = {**fields, "payment_intent": intent["id"], "receipt_email": intent["receipt_email"]}
    charge = charges.attempted(account, method, deepcopy(fields), capture=intent["capture_method"] != "manual")
    intent.update(latest_charge=charge["id"], next_action=None)
    if charge["status"] == "failed":
        raise _failure(account, intent, card, method)
    if charge["captured"]:
        _succeed(account, intent, intent["amount"])
    else:
        intent.update(status="requires_capture", amount_capturable=intent["amount"], last_payment_error=None)
        account.event("payment_intent.amount_capturable_updated", intent)


def _succeed(account: Account, intent: Record, amount: int) -> None:
    intent.update(status="succeeded", amount_capturable=0, amount_received=amount, last_payment_error=None)
    account.event("payment_intent.succeeded", intent)


def _failure(account: Account, intent: Record, card: Card, method: Record) -> Refused:
    refusal = cards.refusal(card, charge=intent["latest_charge"], payment_method=deepcopy(method))
    error = deepcopy(refusal.error)
    intent.update(status="requires_payment_method", payment_method=None, last_payment_error=error)
    account.event("payment_intent.payment_failed", intent)
    refusal.error["payment_intent"] = deepcopy(intent)
    return refusal


def _next_action(intent: Record, given: Parameters) -> Record:
    back = given.text("return_url")
    if back is None:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    url = f"https://hooks.stripe.com/redirect/{intent['id']}"
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": back, "url": url}}
