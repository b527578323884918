"""SOAP envelopes of both versions: read into an operation with its arguments, written as an answer or a fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from proxy.rules.xml_tree import local, read


class Version(NamedTuple):
    """What differs between SOAP 1.1 and 1.2. `client`: the code of a fault that is the caller's."""

    namespace: str
    media_type: str
    client: str
    server: str


SOAP11 = Version("http://schemas.xmlsoap.org/soap/envelope/", "text/xml", "Client", "Server")
SOAP12 = Version("http://www.w3.org/2003/05/soap-envelope", "application/soap+xml", "Sender", "Receiver")
VERSIONS = {version.namespace: version for version in (SOAP11, SOAP12)}
SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"  # any credential will do


class Operation(NamedTuple):
    """What the body asks for; `arguments`: the text of its children by local name."""

    name: str
    arguments: Mapping[str, str]


class Fault(Exception):
    """`code`: `Client`, `Server`, `MustUnderstand`, `VersionMismatch`, or one of these and, after a dot, a cause."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


def opened(document: bytes) -> Element:
    """The envelope. Raises `Fault`."""
    try:
        return read(document)
    except ValueError as error:
        raise Fault("Client", f"The envelope cannot be read: {error}.") from None


def version_of(envelope: Element) -> Version:
    """Raises `Fault` for what is no envelope of either version."""
    version = VERSIONS.get(envelope.tag.rpartition("}")[0].removeprefix("{"))
    if version is None or local(envelope) != "Envelope":
        raise Fault("VersionMismatch", "The document is no SOAP 1.1 or 1.2 envelope.")
    return version


def operation(envelope: Element, version: Version) -> Operation:
    """What the envelope asks for. Raises `Fault`."""
    _check_headers(envelope, version)
    body = envelope.find(f"{{{version.namespace}}}Body")
    if body is None or not len(body):
        raise Fault("Client", "The envelope has no body.")
    return Operation(local(body[0]), {local(child): (child.text or "").strip() for child in body[0]})


def answer(content: str, version: Version) -> bytes:
    """An envelope around content that is XML already."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n'
        f'<s:Envelope xmlns:s="{version.namespace}"><s:Body>{content}</s:Body></s:Envelope>'
    ).encode()


def fault(problem: Fault, version: Version, namespace: str) -> bytes:
    """An envelope with the fault. `namespace`: that of the causes behind the dot, which SOAP 1.2 wants qualified."""
    kind, dot, _ = problem.code.partition(".")
    if version is SOAP11:
        told = f"<faultcode>s:{problem.code}</faultcode><faultstring>{escape(problem.words)}</faultstring>"
        return answer(f"<s:Fault>{told}</s:Fault>", version)
    kind = {"Client": version.client, "Server": version.server}.get(kind, kind)
    cause = f'<s:Subcode><s:Value xmlns:c="{namespace}">c:{problem.code}</s:Value></s:Subcode>' if dot else ""
    reason = f'<s:Reason><s:Text xml:lang="en">{escape(problem.words)}</s:Text></s:Reason>'
    return answer(f"<s:Fault><s:Code><s:Value>s:{kind}</s:Value>{cause}</s:Code>{reason}</s:Fault>", version)


def _check_headers(envelope: Element, version: Version) -> None:
    header = envelope.find(f"{{{version.namespace}}}Header")
    for block in () if header is None else header:
        must = block.get(f"{{{version.namespace}}}mustUnderstand", "").strip() in {"1", "true"}
        if must and not block.tag.startswith(f"{{{SECURITY}}}"):
            raise Fault("MustUnderstand", f"The header {local(block)} is not understood.")
