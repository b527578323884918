"""UsernameToken in SOAP requests: what is put in, where, and that all else stays byte for byte."""

import hashlib
from base64 import b64encode

import pytest
from defusedxml.ElementTree import fromstring

from proxy.errors import Refusal
from proxy.rules.auth_settings import WsSecurityAuth
from proxy.rules.credentials import Secret
from proxy.rules.outgoing import Moment, Outgoing, Place
from proxy.rules.ws_security import WSSE, WsSecurity, with_security

SOAP11, SOAP12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
NONCE, WALL = bytes(range(16)), 1700000000.25
BODY = '<s:Body><a xmlns="urn:x" n="1&amp;2">ä &lt;</a></s:Body>'
PLACE = Place(secure=True, authority=b"api.example", path=b"")


def envelope(header="", soap=SOAP11):
    return f'<?xml version="1.0"?>\n<s:Envelope xmlns:s="{soap}"><!-- > -->{header}{BODY}</s:Envelope>'.encode()


def signed(document, kind="text", password=b"p<&w"):
    values = {"user": "mé".encode(), "password": password}
    auth = WsSecurityAuth(type="ws_security", username="user", password="password", password_type=kind)
    outgoing = Outgoing("POST", b"/", (), document, PLACE)
    return WsSecurity(auth).sign(outgoing, lambda name: Secret(name, values[name]), Moment(WALL, NONCE)).body


def token(document):
    [security] = fromstring(document).iter(f"{{{WSSE}}}Security")
    found = {one.tag.rpartition("}")[2]: one for one in security.iter()}
    return security, {name: one.text for name, one in found.items()}, found["Password"].get("Type")


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_a_password_as_it_is(soap):
    security, said, kind = token(signed(envelope(soap=soap)))
    assert security.get(f"{{{soap}}}mustUnderstand") == "1"
    assert (said["Username"], said["Password"], said["Created"]) == ("mé", "p<&w", "2023-11-14T22:13:20.250Z")
    assert said["Nonce"] == b64encode(NONCE).decode()
    assert kind.endswith("username-token-profile-1.0#PasswordText")


def test_a_digest_is_over_nonce_time_and_password():
    _, said, kind = token(signed(envelope(), "digest"))
    wanted = hashlib.sha1(NONCE + said["Created"].encode() + b"p<&w").digest()  # noqa: S324 - the profile's choice
    assert (said["Password"], kind.partition("#")[2]) == (b64encode(wanted).decode(), "PasswordDigest")


HEADERS = {
    "no header yet": ("", "<s:Header>{}</s:Header>"),
    "an empty one": ("<s:Header/>", "<s:Header>{}</s:Header>"),
    "an empty one with attributes": ('<s:Header a="1" />', '<s:Header a="1">{}</s:Header>'),
    "others in it": ("<s:Header><x>1</x></s:Header>", "<s:Header>{}<x>1</x></s:Header>"),
    "the application's own": (
        f'<s:Header> <w:Security xmlns:w="{WSSE}"><w:UsernameToken/></w:Security><x/></s:Header>',
        "<s:Header>{} <x/></s:Header>",
    ),
    "two of them": (
        f'<s:Header><Security xmlns="{WSSE}"/><x/><Security xmlns="{WSSE}">a</Security></s:Header>',
        "<s:Header>{}<x/></s:Header>",
    ),
    "another namespace's Security": (
        '<s:Header><Security xmlns="urn:y"/></s:Header>',
        '<s:Header>{}<Security xmlns="urn:y"/></s:Header>',
    ),
}


@pytest.mark.parametrize(("before", "after"), HEADERS.values(), ids=HEADERS)
def test_where_it_goes_and_that_all_else_stays(before, after):
    document = envelope(before)
    changed = with_security(document, b"<t/>")
    start = changed.index(b"<wsse:Security ")
    end = changed.index(b"</wsse:Security>") + len(b"</wsse:Security>")
    rest = changed[:start] + b"{}" + changed[end:]
    expected = envelope(after.format("{}"))
    if not before:
        expected = envelope().replace(b"<!-- > -->", b"<s:Header>{}</s:Header><!-- > -->")
    assert rest == expected


def test_an_envelope_without_prefixes():
    changed = with_security(f'<Envelope xmlns="{SOAP12}"><Body/></Envelope>'.encode(), b"<t/>")
    assert fromstring(changed)[0].tag == f"{{{SOAP12}}}Header"


def test_what_was_said_of_the_bodys_bytes_comes_off():
    auth = WsSecurityAuth(type="ws_security", username="u", password="p")
    outgoing = Outgoing("POST", b"/", ((b"Content-MD5", b"x"), (b"A", b"1")), envelope(), PLACE)
    changed = WsSecurity(auth).sign(outgoing, lambda name: Secret(name, b"v"), Moment(WALL, NONCE))
    assert changed.headers == ((b"A", b"1"),)


NOT_ENVELOPES = {
    "JSON": b'{"a":1}',
    "another root": b"<a/>",
    "another namespace": b'<Envelope xmlns="urn:x"><Body/></Envelope>',
    "a document type": b'<!DOCTYPE a [<!ENTITY b "c">]>' + envelope()[22:],
    "broken off": envelope()[:-5],
    "two bytes a character": envelope().decode().encode("utf-16"),
    "too deep": envelope("<s:Header>" + "<a>" * 70 + "</a>" * 70 + "</s:Header>"),
}


@pytest.mark.parametrize("document", NOT_ENVELOPES.values(), ids=NOT_ENVELOPES)
def test_a_body_that_is_no_envelope_is_refused_and_not_sent_without_the_token(document):
    with pytest.raises(Refusal, match="bad_request"):
        signed(document)


def test_a_request_without_a_body_passes():
    assert signed(b"") is None
