"""What the providers behind the capabilities say, as answers of a script, and an operation that hears them."""

import json
from typing import Any

from tests.support.normalised import JSON, Side
from tests.support.provider import Line, answer

CHARGE = {"amount": 1999, "currency": "EUR", "source": "tok_visa"}
PAID = {"id": "pi_1", "status": "succeeded", "amount": 1999, "currency": "eur"}
SMS = {"to": "+15005550006", "text": "hello"}
STOCK = {"sku": "SKU-1"}
WISH = {"sku": "SKU-1", "quantity": 2, "reference": "order & 1"}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "charge": ("payments/charge", CHARGE),
    "refund": ("payments/refund", {"charge": "ch_1"}),
    "send": ("sms/send", SMS),
    "post": ("chat/post", {"channel": "#alerts", "text": "x"}),
    "get": ("inventory/get", STOCK),
    "reserve": ("inventory/reserve", WISH),
}


def said(status: int, content: Any) -> Line:
    """An answer in JSON, as often as it is asked for."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda _: answer(status, body, JSON)


def xml(status: int, body: str) -> Line:
    envelope = f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{body}</e:Body></e:Envelope>'
    return lambda _: answer(status, envelope.encode(), ((b"Content-Type", b"text/xml"),))


def fault(code: str, status: int = 500) -> Line:
    return xml(status, f"<e:Fault><faultcode>e:{code}</faultcode><faultstring>secret words</faultstring></e:Fault>")


def error(status: int, kind: str, code: str | None = None, **more: str) -> Line:
    return said(status, {"error": {"type": kind, "code": code, "message": "secret words of sk_test_x", **more}})


def number(code: int, status: int = 400) -> Line:
    return said(status, {"code": code, "message": "secret words", "status": status})


def no(word: str) -> Line:
    return said(200, {"ok": False, "error": word})


async def asked(operation: str, *script: Line) -> Any:
    target, content = ASKED[operation]
    return await Side(target.partition("/")[0], *script)(target, content)
