"""The legacy inventory in memory: `GetStock` and `Reserve` over SOAP 1.1 and 1.2, on any path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape

from proxy.capabilities.memory import Shelf
from proxy.integrations.ids import Ids
from proxy.integrations.soap.envelope import (
    SOAP11,
    SOAP12,
    Fault,
    Operation,
    Version,
    answer,
    fault,
    opened,
    operation,
    version_of,
)
from proxy.integrations.soap.wsdl import NAMESPACE, wsdl
from proxy.integrations.stand_in import Asked, Said, StandIn, Tell, silent
from proxy.pipeline import Handler

STOCK = {"SKU-1": 100, "SKU-2": 5, "SKU-EMPTY": 0}


def fake(*, wall: Callable[[], float], tell: Tell = silent) -> Handler:  # noqa: ARG001 - nothing here happens at a time
    """A new inventory with its first stock."""
    return StandIn(Inventory(), tell)


class _Reservation(NamedTuple):
    id: str
    sku: str
    quantity: int


class Inventory:
    """The provider."""

    def __init__(self) -> None:
        self._stock = dict(STOCK)
        self._reservations: Shelf[_Reservation] = Shelf()  # by reference
        self._ids = Ids("soap reservation")
        self._operations = {"GetStock": self._get_stock, "Reserve": self._reserve}

    def answer(self, asked: Asked) -> Said:
        if asked.method == "GET" and any(name.lower() in {"wsdl", "singlewsdl"} for name, _ in asked.query):
            return Said(200, wsdl(f"{asked.base}{asked.path}"), {"Content-Type": "text/xml; charset=utf-8"})
        if asked.method != "POST":
            return Said(405, b"Envelopes are sent with POST.", {"Content-Type": "text/plain", "Allow": "POST"})
        version = _version(asked)
        try:
            envelope = opened(asked.body)
            version = version_of(envelope)
            return _said(200, answer(self._perform(operation(envelope, version)), version), version)
        except Fault as problem:
            return _said(500, fault(problem, version, NAMESPACE), version)

    def error(self, status: int, asked: Asked) -> Said:
        code = "Client" if status < 500 else "Server"
        version = _version(asked)
        return _said(status, fault(Fault(code, "The request was not carried out."), version, NAMESPACE), version)

    def request_id(self, ids: Ids) -> tuple[str, str]:
        return "X-Request-Id", ids.hexadecimal(32)

    def _perform(self, wanted: Operation) -> str:
        perform = self._operations.get(wanted.name)
        if perform is None:
            raise Fault("Client", f"There is no operation {wanted.name}.")
        field, value = perform(wanted.arguments)
        result = f"<i:{field}>{escape(value)}</i:{field}>"
        return f'<i:{wanted.name}Response xmlns:i="{NAMESPACE}">{result}</i:{wanted.name}Response>'

    def _get_stock(self, arguments: Mapping[str, str]) -> tuple[str, str]:
        return "quantity", str(self._stock[self._known(arguments)])

    def _reserve(self, arguments: Mapping[str, str]) -> tuple[str, str]:
        sku, reference = self._known(arguments), arguments.get("reference", "")
        if not reference:
            raise Fault("Client", "A reservation needs a reference.")
        made = self._reservations.get(reference)
        if made is None:
            made = _Reservation(f"R-{self._ids.hexadecimal(12).upper()}", sku, self._taken(sku, arguments))
            self._reservations.put(reference, made)
        return "reservationId", made.id

    def _taken(self, sku: str, arguments: Mapping[str, str]) -> int:
        quantity = arguments.get("quantity", "")
        if not re.fullmatch(r"\+?[0-9]{1,9}", quantity) or int(quantity) < 1:
            raise Fault("Client.BadQuantity", "The quantity must be a whole number above 0.")
        if int(quantity) > self._stock[sku]:
            raise Fault("Client.OutOfStock", f"Of {sku} there are {self._stock[sku]} left.")
        self._stock[sku] -= int(quantity)
        return int(quantity)

    def _known(self, arguments: Mapping[str, str]) -> str:
        sku = arguments.get("sku", "")
        if sku not in self._stock:
            raise Fault("Client.UnknownSku", f"There is no SKU {sku!r}.")
        return sku


def _version(asked: Asked) -> Version:
    return SOAP12 if asked.content_type == SOAP12.media_type else SOAP11


def _said(status: int, body: bytes, version: Version) -> Said:
    return Said(status, body, {"Content-Type": f"{version.media_type}; charset=utf-8"})
