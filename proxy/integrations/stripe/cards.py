"""Stripe's test cards: by token, by ready-made payment method or by number, each with what becomes of it.

Source of names, numbers and codes: docs.stripe.com/testing.
"""

from __future__ import annotations

from typing import NamedTuple

from proxy.integrations.stripe.refusals import Refused


class Card(NamedTuple):
    """`code` None: the card pays. `attaches`: it declines only when it is charged, not when it is saved."""

    number: str
    brand: str = "visa"
    funding: str = "credit"
    code: str | None = None
    decline_code: str | None = None
    authenticates: bool = False
    attaches: bool = False


CARDS = {
    "visa": Card("4242424242424242"),
    "visa_debit": Card("4000056655665556", funding="debit"),
    "mastercard": Card("5555555555554444", "mastercard"),
    "mastercard_debit": Card("5200828282828210", "mastercard", "debit"),
    "mastercard_prepaid": Card("5105105105105100", "mastercard", "prepaid"),
    "amex": Card("378282246310005", "amex"),
    "discover": Card("6011111111111117", "discover"),
    "chargeDeclined": Card("4000000000000002", code="card_declined", decline_code="generic_decline"),
    "chargeDeclinedInsufficientFunds": Card(
        "4000000000009995", code="card_declined", decline_code="insufficient_funds"
    ),
    "chargeDeclinedLostCard": Card("4000000000009987", code="card_declined", decline_code="lost_card"),
    "chargeDeclinedStolenCard": Card("4000000000009979", code="card_declined", decline_code="stolen_card"),
    "chargeDeclinedFraudulent": Card("4100000000000019", code="card_declined", decline_code="fraudulent"),
    "chargeDeclinedExpiredCard": Card("4000000000000069", code="expired_card"),
    "chargeDeclinedIncorrectCvc": Card("4000000000000127", code="incorrect_cvc"),
    "chargeDeclinedProcessingError": Card("4000000000000119", code="processing_error"),
    "chargeCustomerFail": Card("4000000000000341", code="card_declined", decline_code="generic_decline", attaches=True),
    "authenticationRequired": Card("4000002500003155", authenticates=True),
}
_PREFIXES = ("pm_card_visa_", "pm_card_", "tok_visa_", "tok_", "card_", "src_")
_BY_NUMBER = {card.number: card for card in CARDS.values()} | {"4000002760003184": CARDS["authenticationRequired"]}
_WORDS = {
    "insufficient_funds": "The card has insufficient funds.",
    "expired_card": "The card has expired.",
    "incorrect_cvc": "The card's security code is incorrect.",
    "processing_error": "An error occurred while the card was processed.",
    "authentication_required": "The payment needs the customer to authenticate.",
}


def named(name: str) -> Card | None:
    """The card behind `tok_visa`, `pm_card_visa` and their like; None if that is not a test card."""
    for prefix in _PREFIXES:
        if name.startswith(prefix) and name.removeprefix(prefix) in CARDS:
            return CARDS[name.removeprefix(prefix)]
    return None


def numbered(number: str, param: str) -> Card:
    """The card of that number. Raises `Refused`, as Stripe does for a number that is no card's or not a test card's."""
    digits = number.replace(" ", "").replace("-", "")
    card = _BY_NUMBER.get(digits)
    if card is not None:
        return card
    if not digits.isascii() or not digits.isdecimal() or not _passes_luhn(digits):
        raise Refused(402, "card_error", "The card number is incorrect.", code="incorrect_number", param=param)
    more = {"code": "card_declined", "decline_code": "test_mode_live_card"}
    raise Refused(402, "card_error", "The card was declined: it is not a test card.", **more)


def refusal(card: Card, **more: object) -> Refused:
    """What charging a card that does not pay is answered with; `more` names the objects concerned."""
    code = card.code or "authentication_required"
    decline_code = card.decline_code if card.code else "authentication_required"
    fields = {"code": code} | ({} if decline_code is None else {"decline_code": decline_code})
    if code == "incorrect_cvc":
        fields["param"] = "cvc"
    return Refused(402, "card_error", message(card), **fields, **more)


def message(card: Card) -> str:
    """The error's words."""
    word = (card.decline_code or card.code) if card.code else "authentication_required"
    return _WORDS.get(word or "", "The card was declined.")


def details(card: Card) -> dict[str, object]:
    """The card as a payment method shows it."""
    return {
        "brand": card.brand,
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "funding": card.funding,
        "last4": card.number[-4:],
    }


def _passes_luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return len(digits) >= 12 and sum(number - 9 * (number > 9) for number in doubled) % 10 == 0
