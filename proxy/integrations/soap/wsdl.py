"""The inventory's description: two operations, document/literal, one port for each version of SOAP."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

NAMESPACE = "urn:outrigger:inventory"

_SCHEMA = """
    <xs:element name="GetStock">
      <xs:complexType><xs:sequence>
        <xs:element name="sku" type="xs:string"/>
      </xs:sequence></xs:complexType>
    </xs:element>
    <xs:element name="GetStockResponse">
      <xs:complexType><xs:sequence>
        <xs:element name="quantity" type="xs:int"/>
      </xs:sequence></xs:complexType>
    </xs:element>
    <xs:element name="Reserve">
      <xs:complexType><xs:sequence>
        <xs:element name="sku" type="xs:string"/>
        <xs:element name="quantity" type="xs:int"/>
        <xs:element name="reference" type="xs:string"/>
      </xs:sequence></xs:complexType>
    </xs:element>
    <xs:element name="ReserveResponse">
      <xs:complexType><xs:sequence>
        <xs:element name="reservationId" type="xs:string"/>
      </xs:sequence></xs:complexType>
    </xs:element>"""
_OPERATIONS = ("GetStock", "Reserve")
_PORTS = {"soap": "InventoryPort", "soap12": "InventoryPort12"}  # prefix of the version's WSDL elements -> port


def wsdl(address: str) -> bytes:
    """The document, with `address` as the place to send envelopes of both versions to."""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<wsdl:definitions name="Inventory" targetNamespace="{NAMESPACE}" xmlns:i="{NAMESPACE}"
    xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:xs="http://www.w3.org/2001/XMLSchema"
    xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/">
  <wsdl:types><xs:schema targetNamespace="{NAMESPACE}" elementFormDefault="qualified">{_SCHEMA}
  </xs:schema></wsdl:types>
{"".join(_messages(name) for name in _OPERATIONS)}  <wsdl:portType name="Inventory">
{"".join(_operation(name) for name in _OPERATIONS)}  </wsdl:portType>
{"".join(_binding(prefix) for prefix in _PORTS)}  <wsdl:service name="InventoryService">
{"".join(_port(prefix, address) for prefix in _PORTS)}  </wsdl:service>
</wsdl:definitions>
""".encode()


def _messages(name: str) -> str:
    return (
        f'  <wsdl:message name="{name}"><wsdl:part name="parameters" element="i:{name}"/></wsdl:message>\n'
        f'  <wsdl:message name="{name}Response">'
        f'<wsdl:part name="parameters" element="i:{name}Response"/></wsdl:message>\n'
    )


def _operation(name: str) -> str:
    return (
        f'    <wsdl:operation name="{name}">'
        f'<wsdl:input message="i:{name}"/><wsdl:output message="i:{name}Response"/></wsdl:operation>\n'
    )


def _binding(prefix: str) -> str:
    body = f'<{prefix}:body use="literal"/>'
    operations = "".join(
        f'    <wsdl:operation name="{name}"><{prefix}:operation soapAction="{NAMESPACE}#{name}"/>'
        f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output></wsdl:operation>\n"
        for name in _OPERATIONS
    )
    return (
        f'  <wsdl:binding name="{_PORTS[prefix]}" type="i:Inventory">\n'
        f'    <{prefix}:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>\n'
        f"{operations}  </wsdl:binding>\n"
    )


def _port(prefix: str, address: str) -> str:
    port = _PORTS[prefix]
    location = f"<{prefix}:address location={quoteattr(address)}/>"
    return f'    <wsdl:port name="{port}" binding="i:{port}">{location}</wsdl:port>\n'
