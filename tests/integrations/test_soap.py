"""The fake of the SOAP inventory, in both versions of SOAP."""

from xml.etree.ElementTree import Element, fromstring

import pytest

from proxy import integrations
from proxy.integrations.soap.envelope import SECURITY, SOAP11, SOAP12, Version
from proxy.pipeline import Handler
from tests.support.asking import BASE, Answer, ask
from tests.support.provider import EPOCH

INVENTORY = "urn:outrigger:inventory"
BOTH = pytest.mark.parametrize("version", [SOAP11, SOAP12], ids=["1.1", "1.2"])


@pytest.fixture
def fake() -> Handler:
    return integrations.fake("soap", wall=lambda: EPOCH)


async def send(fake: Handler, version: Version, body: str, header: str = "") -> Answer:
    envelope = (
        f'<e:Envelope xmlns:e="{version.namespace}" xmlns="{INVENTORY}">'
        f"<e:Header>{header}</e:Header><e:Body>{body}</e:Body></e:Envelope>"
    )
    kind = {"Content-Type": f"{version.media_type}; charset=utf-8"}
    return await ask(fake, "POST /any/path", content=envelope.encode(), headers=kind)


def content(answer: Answer, version: Version) -> Element:
    """The one child of the body."""
    assert answer.headers["Content-Type"] == f"{version.media_type}; charset=utf-8"
    root = fromstring(answer.body)  # noqa: S314 - our own answer
    body = root.find(f"{{{version.namespace}}}Body")
    assert body is not None
    (child,) = body
    return child


def fault(answer: Answer, version: Version) -> tuple[str, str]:
    """The fault's code and, in 1.2, its subcode, both without prefix."""
    found = content(answer, version)
    assert (answer.status, found.tag) == (500, f"{{{version.namespace}}}Fault")
    if version is SOAP11:
        return (found.findtext("faultcode") or "").partition(":")[2], ""
    values = [value.text or "" for value in found.iter(f"{{{version.namespace}}}Value")]
    return values[0].partition(":")[2], values[1].partition(":")[2] if len(values) > 1 else ""


async def stock(fake: Handler, sku: str, version: Version = SOAP11) -> str:
    found = content(await send(fake, version, f"<GetStock><sku>{sku}</sku></GetStock>"), version)
    assert found.tag == f"{{{INVENTORY}}}GetStockResponse"
    return found.findtext(f"{{{INVENTORY}}}quantity") or ""


def reserve(sku: str = "SKU-2", quantity: str = "1", reference: str = "order-1") -> str:
    return f"<Reserve><sku>{sku}</sku><quantity>{quantity}</quantity><reference>{reference}</reference></Reserve>"


async def reserved(fake: Handler, **order: str) -> str:
    found = content(await send(fake, SOAP11, reserve(**order)), SOAP11)
    return found.findtext(f"{{{INVENTORY}}}reservationId") or ""


@BOTH
async def test_the_first_stock(fake, version):
    assert [await stock(fake, sku, version) for sku in ("SKU-1", "SKU-2", "SKU-EMPTY")] == ["100", "5", "0"]


async def test_a_reservation_takes_from_the_stock_until_there_is_none(fake):
    first = await reserved(fake, quantity="3", reference="a")
    second = await reserved(fake, quantity="2", reference="b")
    assert (first != second, await stock(fake, "SKU-2")) == (True, "0")
    assert fault(await send(fake, SOAP11, reserve(reference="c")), SOAP11)[0] == "Client.OutOfStock"


async def test_one_reference_reserves_once(fake):
    first = await reserved(fake, quantity="2", reference="a")
    assert await reserved(fake, quantity="2", reference="a") == first
    assert await stock(fake, "SKU-2") == "3"


async def test_unknown_elements_are_ignored(fake):
    answer = await send(fake, SOAP11, "<GetStock><x><y/></x><sku> SKU-2 </sku><z>1</z></GetStock>", "<other/>")
    assert content(answer, SOAP11).findtext(f"{{{INVENTORY}}}quantity") == "5"


FAULTS = {
    "an unknown SKU": ("<GetStock><sku>SKU-9</sku></GetStock>", "Client.UnknownSku"),
    "no SKU": ("<GetStock/>", "Client.UnknownSku"),
    "reserving an unknown SKU": (reserve(sku="SKU-9"), "Client.UnknownSku"),
    "more than there is": (reserve(quantity="6"), "Client.OutOfStock"),
    "of what there is none": (reserve(sku="SKU-EMPTY"), "Client.OutOfStock"),
    "a quantity of 0": (reserve(quantity="0"), "Client.BadQuantity"),
    "a quantity below 0": (reserve(quantity="-1"), "Client.BadQuantity"),
    "a quantity that is no number": (reserve(quantity="two"), "Client.BadQuantity"),
    "no reference": (reserve(reference=""), "Client"),
    "an unknown operation": ("<Destroy/>", "Client"),
    "an empty body": ("", "Client"),
}


@BOTH
@pytest.mark.parametrize(("body", "code"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_names_its_cause(fake, version, body, code):
    found = fault(await send(fake, version, body), version)
    if version is SOAP11:
        assert found == (code, "")
    else:
        assert found == ("Sender", code if "." in code else "")
    assert await stock(fake, "SKU-2") == "5"


@BOTH
async def test_a_header_that_must_be_understood_is_refused_unless_it_is_a_credential(fake, version):
    must = f'xmlns:e="{version.namespace}" e:mustUnderstand="1"'
    body = "<GetStock><sku>SKU-1</sku></GetStock>"
    refused = await send(fake, version, body, f'<t:Transaction xmlns:t="urn:t" {must}/>')
    assert fault(refused, version)[0] == "MustUnderstand"
    assert (await send(fake, version, body, f'<w:Security xmlns:w="{SECURITY}" {must}/>')).status == 200


UNREADABLE = {
    "nothing": (b"", "Client"),
    "no XML": (b"hello", "Client"),
    "a document type": (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "Client"),
    "another root": (b"<a/>", "VersionMismatch"),
    "an envelope of another version": (b'<Envelope xmlns="urn:soap:9"><Body/></Envelope>', "VersionMismatch"),
}


@pytest.mark.parametrize(("document", "code"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_no_envelope_is_refused_with_a_fault(fake, document, code):
    answer = await ask(fake, "POST /svc", content=document, headers={"Content-Type": "text/xml"})
    assert fault(answer, SOAP11)[0] == code
    assert len(answer.headers["X-Request-Id"]) == 32


async def test_what_is_asked_comes_back_escaped(fake):
    answer = await send(fake, SOAP11, "<GetStock><sku>&lt;b&gt;&amp;</sku></GetStock>")
    assert "<b>&" in (content(answer, SOAP11).findtext("faultstring") or "")


@pytest.mark.parametrize("query", ["wsdl", "WSDL", "singleWsdl", "a=b&wsdl="])
async def test_the_description_names_the_proxy_s_address(fake, query):
    answer = await ask(fake, f"GET /svc/a&b?{query}")
    root = fromstring(answer.body)  # noqa: S314 - our own answer
    locations = [element.get("location") for element in root.iter() if element.tag.endswith("}address")]
    assert (answer.status, locations) == (200, [f"{BASE.decode()}/svc/a&b"] * 2)


@pytest.mark.parametrize("line", ["GET /svc", "PUT /svc", "DELETE /svc?wsdl"])
async def test_other_methods_are_not_allowed(fake, line):
    answer = await ask(fake, line)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@BOTH
@pytest.mark.parametrize(("status", "codes"), [(503, ("Server", "Receiver")), (429, ("Client", "Sender"))])
async def test_a_rehearsed_failure_is_a_fault_of_that_status(fake, version, status, codes):
    answer = await send(fake, version, reserve(reference=f"[[{status}]]"))
    assert answer.status == status
    assert f"s:{codes[version is SOAP12]}<" in answer.body.decode()
    assert (await send(fake, version, reserve(reference=f"[[{status}]]"))).status == 200
