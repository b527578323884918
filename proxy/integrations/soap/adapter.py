"""Inventory on a SOAP service, in envelopes of SOAP 1.1.

The one thing a reader would get wrong: a service may answer a fault with any status, so the body is read first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from proxy.capabilities import checks
from proxy.capabilities.calling import Answer, CallUpstream, refusal, unreadable
from proxy.capabilities.errors import IntegrationError, failure
from proxy.capabilities.inventory import InventoryProvider, InventorySettings, Reservation, Stock, article, wish
from proxy.rules.xml_tree import local, read

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_NOT_XML = frozenset([*map(chr, range(32)), "\ufffe", "\uffff"]) - frozenset("\t\n\r")


class _Row(NamedTuple):
    code: str
    field: str | None = None


CODES = {  # the last part of a fault's code -> ours
    "UnknownSku": _Row("not_found", "sku"),
    "OutOfStock": _Row("out_of_stock"),
    "BadQuantity": _Row("invalid_request", "quantity"),
}
_THE_CALLERS = frozenset({"Client", "Sender", "MustUnderstand", "VersionMismatch", "DataEncodingUnknown"})


class SoapInventory(InventoryProvider):
    """`call`: the pipeline of the upstream; `settings`: where the service is and what its namespace is called."""

    def __init__(self, call: CallUpstream, settings: InventorySettings) -> None:
        self._call = call
        self._path = settings.path
        self._namespace = settings.namespace

    async def get(self, sku: str) -> Stock:
        answer, found = await self._ask("GetStock", {"sku": article(sku)}, safe=True)
        quantity = found.get("quantity", "")
        if not quantity.isascii() or not quantity.isdecimal():
            raise unreadable(answer, safe=True)
        return Stock(sku=sku, quantity=int(quantity), provider="soap", request_id=answer.request_id)

    async def reserve(self, sku: str, quantity: int, reference: str, *, idempotency_key: str) -> Reservation:
        checks.idempotency_key(idempotency_key)
        asked = wish(sku, quantity, reference)
        arguments = {"sku": asked.sku, "quantity": str(asked.quantity), "reference": asked.reference}
        answer, found = await self._ask("Reserve", arguments)
        if not found.get("reservationId"):
            raise unreadable(answer)
        return Reservation(
            id=found["reservationId"],
            sku=asked.sku,
            quantity=asked.quantity,
            provider="soap",
            request_id=answer.request_id,
        )

    async def _ask(
        self, name: str, arguments: Mapping[str, str], *, safe: bool = False
    ) -> tuple[Answer, Mapping[str, str]]:
        """The answer, and the text of the elements of its result by local name."""
        for field, value in arguments.items():
            if not _NOT_XML.isdisjoint(value):
                raise checks.invalid(field, f"{field} holds a control character.")
        headers = {"SOAPAction": f'"{self._namespace}#{name}"'}
        envelope = _envelope(name, arguments, self._namespace)
        answer = await self._call("POST", self._path, headers=headers, xml=envelope, safe=safe)
        body = _body(answer)
        if body is None:
            raise unreadable(answer, safe=safe) if answer.status < 300 else refusal(answer)
        if local(body) == "Fault":
            raise _refusal(answer, body)
        return answer, {local(child): (child.text or "").strip() for child in body}


def _envelope(name: str, arguments: Mapping[str, str], namespace: str) -> str:
    inner = "".join(f"<i:{field}>{escape(value)}</i:{field}>" for field, value in arguments.items())
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<s:Envelope xmlns:s={quoteattr(ENVELOPE)}><s:Body>"
        f"<i:{name} xmlns:i={quoteattr(namespace)}>{inner}</i:{name}>"
        "</s:Body></s:Envelope>"
    )


def _body(answer: Answer) -> Element | None:
    """The one element in the envelope's body; None where the answer is no envelope."""
    try:
        envelope = read(answer.body)
    except ValueError:
        return None
    bodies = [child for child in envelope if local(child) == "Body"] if local(envelope) == "Envelope" else []
    return bodies[0][0] if bodies and len(bodies[0]) else None


def _refusal(answer: Answer, fault: Element) -> IntegrationError:
    codes = [_word(one) for one in fault.iter() if local(one) in {"faultcode", "Value"}]
    row = next((CODES[last] for code in codes if (last := code.rpartition(".")[2]) in CODES), None)
    if row is not None:
        return failure(row.code, field=row.field, request_id=answer.request_id)
    if codes and codes[0].partition(".")[0] in _THE_CALLERS:
        return failure("invalid_request", request_id=answer.request_id)
    if answer.outcome == "refused":  # a fault of the service's own, which is an answer
        return failure("invalid_request", request_id=answer.request_id)
    return failure("unavailable", cause="server_error", request_id=answer.request_id)


def _word(element: Element) -> str:
    """A code without its prefix."""
    return (element.text or "").strip().rpartition(":")[2]
