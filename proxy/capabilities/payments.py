"""Payments, whoever takes them: charge and refund.

The one thing a reader would get wrong: amounts are whole numbers in the currency's minor units, so 19.99 EUR is 1999.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

from proxy.capabilities import checks
from proxy.capabilities.errors import NotFound, PaymentDeclined
from proxy.capabilities.memory import Once, Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettings:
    """`provider` None: the upstream's integration."""

    provider: str | None = None
    upstream: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A payment that was taken. `status`: `succeeded` or `processing`. `amount`: minor units."""

    id: str
    status: str
    amount: int
    currency: str
    provider: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money that went back; `charge` is the id of the payment. `status`: `succeeded` or `processing`."""

    id: str
    status: str
    amount: int
    currency: str
    charge: str
    provider: str
    request_id: str


class PaymentProvider(ABC):
    """Every method raises `IntegrationError` of `capabilities/errors.py` and nothing else."""

    keyed: ClassVar[bool] = False  # the provider itself does only once what it gets twice under one key

    @abstractmethod
    async def charge(  # noqa: PLR0913 - what a payment may say
        self,
        amount: int,
        currency: str,
        source: str,
        *,
        idempotency_key: str,
        description: str | None = None,
        customer: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Charge:
        """Takes a payment. `source`: what the provider calls the card, such as `tok_visa` or `pm_…`."""

    @abstractmethod
    async def refund(self, charge: str, amount: int | None = None, *, idempotency_key: str) -> Refund:
        """Gives `amount` of a payment back, all that is left of it where None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A charge as it was asked for, checked."""

    amount: int
    currency: str
    source: str
    description: str | None
    customer: str | None
    metadata: Mapping[str, str]


def order(
    amount: object,
    currency: object,
    source: object,
    description: object = None,
    customer: object = None,
    metadata: object = None,
) -> Order:
    """Raises `InvalidRequest`."""
    return Order(
        amount=checks.positive("amount", amount),
        currency=checks.currency(currency),
        source=checks.text("source", source),
        description=checks.optional("description", description, 1000),
        customer=checks.optional("customer", customer),
        metadata=checks.metadata(metadata),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """A refund as it was asked for, checked. `amount` None: all that is left."""

    charge: str
    amount: int | None


def reversal(charge: object, amount: object = None) -> Reversal:
    """Raises `InvalidRequest`."""
    whole = None if amount is None else checks.positive("amount", amount)
    return Reversal(charge=checks.text("charge", charge), amount=whole)


DECLINES = {  # what a test source ends with -> why it is declined
    "chargeDeclined": "generic_decline",
    "chargeDeclinedInsufficientFunds": "insufficient_funds",
    "chargeDeclinedLostCard": "lost_card",
    "chargeDeclinedStolenCard": "stolen_card",
    "chargeDeclinedFraudulent": "fraudulent",
    "chargeDeclinedExpiredCard": "expired_card",
    "chargeDeclinedIncorrectCvc": "incorrect_cvc",
    "chargeDeclinedProcessingError": "processing_error",
    "authenticationRequired": "authentication_required",
}


class MockPaymentAdapter(PaymentProvider):
    """Plain memory, for unit tests: every source pays but those that end in a name of `DECLINES`."""

    def __init__(self) -> None:
        self._left: Shelf[tuple[Charge, int]] = Shelf()  # each payment with what was not given back of it
        self._charges: Once[Charge] = Once()
        self._refunds: Once[Refund] = Once()
        self._numbers = count(1)

    async def charge(  # noqa: PLR0913 - as the interface
        self,
        amount: int,
        currency: str,
        source: str,
        *,
        idempotency_key: str,
        description: str | None = None,
        customer: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Charge:
        asked = order(amount, currency, source, description, customer, metadata)
        known = self._charges.before(idempotency_key, asked)
        if known is not None:
            return known
        number = next(self._numbers)
        reason = DECLINES.get(asked.source.rpartition("_")[2])
        if reason is not None:
            raise PaymentDeclined("payment_declined", reason=reason, request_id=f"mock-{number}")
        charge = Charge(
            id=f"mock_ch_{number}",
            status="succeeded",
            amount=asked.amount,
            currency=asked.currency,
            provider="mock",
            request_id=f"mock-{number}",
        )
        self._left.put(charge.id, (charge, charge.amount))
        return self._charges.keep(idempotency_key, asked, charge)

    async def refund(self, charge: str, amount: int | None = None, *, idempotency_key: str) -> Refund:
        asked = reversal(charge, amount)
        known = self._refunds.before(idempotency_key, asked)
        if known is not None:
            return known
        paid, left = self._left.get(asked.charge) or (None, 0)
        if paid is None:
            raise NotFound("not_found", field="charge")
        back = asked.amount or left
        if back > left or not left:
            raise checks.invalid("amount", "The refund is larger than what is left of the payment.")
        self._left.put(paid.id, (paid, left - back))
        number = next(self._numbers)
        refund = Refund(
            id=f"mock_re_{number}",
            status="succeeded",
            amount=back,
            currency=paid.currency,
            charge=paid.id,
            provider="mock",
            request_id=f"mock-{number}",
        )
        return self._refunds.keep(idempotency_key, asked, refund)
