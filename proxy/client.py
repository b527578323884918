"""The normalised side for Python applications: the same interfaces, results and exceptions, over HTTP.

    async with RemotePayments("http://127.0.0.1:8600") as payments:
        charge = await payments.charge(1999, "eur", "tok_visa", idempotency_key="o-17")

The one thing a reader would get wrong: no answer of the proxy after sending is `OutcomeUnknown`. Ask again under the
same key to learn what became of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import aiohttp

from proxy.capabilities import checks
from proxy.capabilities.chat import ChatProvider, Post
from proxy.capabilities.errors import IntegrationError, failure
from proxy.capabilities.inventory import InventoryProvider, Reservation, Stock
from proxy.capabilities.payments import Charge, PaymentProvider, Refund
from proxy.capabilities.sms import Message, SmsProvider
from proxy.units import Seconds

Result = TypeVar("Result", Charge, Refund, Message, Post, Stock, Reservation)


class Remote:
    """The connection to one proxy. `base`: its proxy listener. `token`: for `callers`. `timeout`: of one operation."""

    def __init__(
        self, base: str = "http://127.0.0.1:8600", *, token: str | None = None, timeout: Seconds = 65.0
    ) -> None:
        self._base = base.rstrip("/")
        self._headers = {} if token is None else {"Outrigger-Caller-Token": token}
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connections; the next operation opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(
        self, kind: type[Result], operation: str, content: Mapping[str, object], key: str | None = None
    ) -> Result:
        """The result of an operation. `key` None: one that changes nothing. Raises `IntegrationError`."""
        headers = self._headers if key is None else {**self._headers, "Idempotency-Key": checks.idempotency_key(key)}
        given = {name: value for name, value in content.items() if value is not None}
        try:
            status, answer = await self._post(operation, given, headers)
        except aiohttp.ClientConnectorError:
            raise failure("unavailable", "The proxy cannot be reached.", cause="connect_refused") from None
        except (aiohttp.ClientError, TimeoutError):
            code = "unavailable" if key is None else "outcome_unknown"
            raise failure(code, "The proxy did not answer.", cause="upstream_timeout") from None
        if status != 200:
            raise _error(status, answer)
        try:
            return kind(**{field.name: answer[field.name] for field in dataclasses.fields(kind)})  # more may come later
        except KeyError:
            raise failure(
                "outcome_unknown", "The proxy's answer lacks a field.", cause="upstream_protocol_error"
            ) from None

    async def _post(
        self, operation: str, content: Mapping[str, object], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        url = f"{self._base}/_/{operation}"
        async with self._session.post(url, json=content, headers=headers) as answer:
            try:
                found = await answer.json(content_type=None)
            except ValueError:
                found = None
            if not isinstance(found, dict):
                raise aiohttp.ClientPayloadError("the answer is no JSON object")
            return answer.status, found


def _error(status: int, problem: Mapping[str, Any]) -> IntegrationError:
    names = ("field", "reason", "retry_after", "cause", "request_id")
    given = {name: problem[name] for name in names if name in problem}
    error = failure(str(problem.get("code", "unavailable")), str(problem.get("detail", "")), **given)
    error.status = status
    return error


class RemotePayments(Remote, PaymentProvider):
    """Payments through the proxy, whoever is configured there."""

    keyed: ClassVar[bool] = True

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
        content = {"amount": amount, "currency": currency, "source": source}
        more = {"description": description, "customer": customer, "metadata": metadata}
        return await self._ask(Charge, "payments/charge", {**content, **more}, idempotency_key)

    async def refund(self, charge: str, amount: int | None = None, *, idempotency_key: str) -> Refund:
        return await self._ask(Refund, "payments/refund", {"charge": charge, "amount": amount}, idempotency_key)


class RemoteSms(Remote, SmsProvider):
    """Text messages through the proxy."""

    keyed: ClassVar[bool] = True

    async def send(
        self, to: str, text: str, *, idempotency_key: str, from_: str | None = None, callback: str | None = None
    ) -> Message:
        content = {"to": to, "text": text, "from": from_, "callback": callback}
        return await self._ask(Message, "sms/send", content, idempotency_key)


class RemoteChat(Remote, ChatProvider):
    """Chat through the proxy."""

    keyed: ClassVar[bool] = True

    async def post(self, channel: str, text: str, *, idempotency_key: str, thread: str | None = None) -> Post:
        content = {"channel": channel, "text": text, "thread": thread}
        return await self._ask(Post, "chat/post", content, idempotency_key)


class RemoteInventory(Remote, InventoryProvider):
    """Inventory through the proxy."""

    keyed: ClassVar[bool] = True

    async def get(self, sku: str) -> Stock:
        return await self._ask(Stock, "inventory/get", {"sku": sku})

    async def reserve(self, sku: str, quantity: int, reference: str, *, idempotency_key: str) -> Reservation:
        content = {"sku": sku, "quantity": quantity, "reference": reference}
        return await self._ask(Reservation, "inventory/reserve", content, idempotency_key)
