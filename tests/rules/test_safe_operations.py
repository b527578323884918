"""Which operations an integration's list makes repeatable."""

import asyncio

import pytest

from proxy.body import Body, Whole
from proxy.model import Call, Request
from proxy.rules.safe_operations import safe_operations, soap_action

ENVELOPE = (
    b'<s:Envelope xmlns:s="x"><s:Header/><s:Body id="1">\n <!-- a --> <m:GetStock><sku>1</sku></m:GetStock></s:Body>'
)


def request(method="POST", target=b"/", headers=(), body=b"", origin=None):
    content = Body(Whole(body), len(body), keep=1 << 20) if body else None
    if content is not None:
        asyncio.run(content.open().read())
    return Request(method, target, headers, content, Call("id", 0.0), origin=origin)


PATHS = {
    "a named one": (request(target=b"/v1/customers/search?q=1"), True),
    "another path": (request(target=b"/v1/customers"), False),
    "another method": (request(method="PATCH", target=b"/v1/customers/search"), False),
    "one of a further host": (request(target=b"/up", origin="files"), True),
    "the same path of the upstream itself": (request(target=b"/up"), False),
}


@pytest.mark.parametrize(("asked", "safe"), PATHS.values(), ids=PATHS)
def test_path(asked, safe):
    assert safe_operations(["POST /v1/*/search", "POST /~files/**"])(asked) is safe


ACTIONS = {
    "SOAPAction, quoted": (request(headers=((b"SOAPAction", b'"urn:x#GetStock"'),)), "GetStock"),
    "SOAPAction, a path": (request(headers=((b"soapaction", b"http://x/y/GetStock"),)), "GetStock"),
    "SOAP 1.2": (request(headers=((b"Content-Type", b'application/soap+xml; action="urn:x:GetStock"'),)), "GetStock"),
    "an empty SOAPAction, so the body": (request(headers=((b"SOAPAction", b'""'),), body=ENVELOPE), "GetStock"),
    "the body": (request(body=ENVELOPE), "GetStock"),
    "nothing": (request(), ""),
    "no envelope": (request(body=b"a=b"), ""),
}


@pytest.mark.parametrize(("asked", "action"), ACTIONS.values(), ids=ACTIONS)
def test_action(asked, action):
    assert soap_action(asked) == action
    assert safe_operations([{"method": "POST", "action": "Get*"}])(asked) is (action == "GetStock")


def test_an_action_of_another_method_does_not_count():
    asked = request(method="PUT", headers=((b"SOAPAction", b"GetStock"),))
    assert safe_operations([{"method": "POST", "action": "Get*"}])(asked) is False


def test_an_empty_list_makes_nothing_safe():
    assert safe_operations([])(request(target=b"/")) is False
