"""Stock of goods, whoever keeps it: how much there is, and reservations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

from proxy.capabilities import checks
from proxy.capabilities.errors import NotFound, OutOfStock
from proxy.capabilities.memory import Once

FIRST_STOCK = {"SKU-1": 100, "SKU-2": 5, "SKU-EMPTY": 0}  # of the mock


@dataclass(frozen=True, slots=True, kw_only=True)
class InventorySettings:
    """`provider` None: the upstream's integration. `path`, `namespace`: where the service is and what it is called."""

    provider: str | None = None
    upstream: str | None = None
    path: str = "/"
    namespace: str = "urn:outrigger:inventory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """How many there are of an article."""

    sku: str
    quantity: int
    provider: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """So many of an article that are held."""

    id: str
    sku: str
    quantity: int
    provider: str
    request_id: str


class InventoryProvider(ABC):
    """Every method raises `IntegrationError` of `capabilities/errors.py` and nothing else."""

    keyed: ClassVar[bool] = False  # the provider itself does only once what it gets twice under one key

    @abstractmethod
    async def get(self, sku: str) -> Stock:
        """How much there is. It changes nothing, so it needs no key."""

    @abstractmethod
    async def reserve(self, sku: str, quantity: int, reference: str, *, idempotency_key: str) -> Reservation:
        """Holds `quantity` of an article under the application's own `reference`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A reservation as it was asked for, checked."""

    sku: str
    quantity: int
    reference: str


def article(sku: object) -> str:
    """Raises `InvalidRequest`."""
    return checks.text("sku", sku, 100)


def wish(sku: object, quantity: object, reference: object) -> Wish:
    """Raises `InvalidRequest`."""
    return Wish(
        sku=article(sku), quantity=checks.positive("quantity", quantity), reference=checks.text("reference", reference)
    )


class MockInventoryAdapter(InventoryProvider):
    """Plain memory, for unit tests. `stock`: what there is at first, by SKU."""

    def __init__(self, stock: Mapping[str, int] = FIRST_STOCK) -> None:
        self._stock = dict(stock)
        self._reservations: Once[Reservation] = Once()
        self._numbers = count(1)

    async def get(self, sku: str) -> Stock:
        quantity = self._quantity(article(sku))
        return Stock(sku=sku, quantity=quantity, provider="mock", request_id=f"mock-{next(self._numbers)}")

    async def reserve(self, sku: str, quantity: int, reference: str, *, idempotency_key: str) -> Reservation:
        asked = wish(sku, quantity, reference)
        known = self._reservations.before(idempotency_key, asked)
        if known is not None:
            return known
        if asked.quantity > self._quantity(asked.sku):
            raise OutOfStock("out_of_stock")
        self._stock[asked.sku] -= asked.quantity
        number = next(self._numbers)
        made = Reservation(
            id=f"mock_res_{number}",
            sku=asked.sku,
            quantity=asked.quantity,
            provider="mock",
            request_id=f"mock-{number}",
        )
        return self._reservations.keep(idempotency_key, asked, made)

    def _quantity(self, sku: str) -> int:
        if sku not in self._stock:
            raise NotFound("not_found", field="sku")
        return self._stock[sku]
