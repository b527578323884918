"""URLs in bodies: which are changed, and that nothing else is."""

import gzip

import pytest

from proxy.model import Call, Request
from proxy.rules.headers import Address
from proxy.rules.rewriting import JsonField, RewriteSettings, Rewriting, XmlField, edited

BASE = b"http://127.0.0.1:8600/api"
ADDRESSES = [
    Address(b"https", b"api.example", b"/v1", BASE),
    Address(b"https", b"files.example", b"", BASE + b"/~files"),
]
JSON, XML = (b"Content-Type", b"application/json; charset=utf-8"), (b"content-type", b"text/xml")


def changed(settings, body, *headers, target=b"/a"):
    """The body as the application gets it, and its headers; None where both stay."""
    request = Request("GET", target, (), None, Call("id", 0.0))
    editor = Rewriting(settings).editor(request, headers)
    return None if editor is None else edited(body, headers, editor, ADDRESSES)


def json_at(pointer, **more):
    return RewriteSettings(json=(JsonField(pointer=pointer, **more),))


TEXTS = {  # before, after
    "an address below the url": (b'{"u": "https://api.example/v1/x?a=1"}', b'{"u": "%b/x?a=1"}' % BASE),
    "of a further host": (b'{"u":"https://files.example/up/1"}', b'{"u":"%b/~files/up/1"}' % BASE),
    "blanks, numbers and order stay": (
        b'{ "n" : 1.00e2,\n "u" : "https://api.example/v1" , "z":[ ] }',
        b'{ "n" : 1.00e2,\n "u" : "%b" , "z":[ ] }' % BASE,
    ),
    "escaped slashes stay escaped": (
        rb'{"u":"https:\/\/api.example\/v1\/x"}',
        b'{"u":"%b"}' % (BASE + b"/x").replace(b"/", rb"\/"),
    ),
    "a port that goes without saying": (b'{"u":"https://API.example:443/v1/"}', b'{"u":"%b/"}' % BASE),
}


@pytest.mark.parametrize(("before", "after"), TEXTS.values(), ids=TEXTS)
def test_a_named_field_of_json_is_changed_and_all_else_is_not(before, after):
    body, _ = changed(json_at("/u"), before, JSON)
    assert body == after


UNCHANGED = {
    "a field that nobody names": b'{"v":"https://api.example/v1/x"}',
    "another host": b'{"u":"https://other.example/v1/x"}',
    "another scheme": b'{"u":"http://api.example/v1/x"}',
    "outside the url's own path": b'{"u":"https://api.example/v2/x"}',
    "a longer host": b'{"u":"https://api.example.evil/v1/x"}',
    "no text": b'{"u":null}',
    "broken JSON": b'{"u":"https://api.example/v1/x"',
    "nesting without end": b'{"u":' * 100_000,
}


@pytest.mark.parametrize("body", UNCHANGED.values(), ids=UNCHANGED)
def test_what_stays(body):
    assert changed(json_at("/u"), body, JSON) is None


@pytest.mark.parametrize("kind", [b"text/plain", b"text/html", b"application/jsonp", b""])
def test_other_content_types_are_not_read(kind):
    assert changed(json_at("/u"), TEXTS["of a further host"][0], (b"Content-Type", kind)) is None


@pytest.mark.parametrize("kind", [b"application/json", b"application/hal+json", b"Application/JSON"])
def test_every_kind_of_json_is(kind):
    assert changed(json_at("/u"), TEXTS["of a further host"][0], (b"Content-Type", kind)) is not None


def test_a_field_of_some_operations_only():
    settings, body = json_at("/u", when="* /files.get"), TEXTS["of a further host"][0]
    assert changed(settings, body, JSON) is None
    assert changed(settings, body, JSON, target=b"/files.get?x") is not None


def test_what_no_longer_holds_of_a_changed_body_comes_off():
    stale = [(name, b"x") for name in (b"ETag", b"Content-MD5", b"Digest", b"Content-Digest", b"Repr-Digest")]
    kept = (b"Cache-Control", b"no-store")
    _, headers = changed(json_at("/u"), TEXTS["of a further host"][0], JSON, kept, *stale)
    assert headers == (JSON, kept)


def test_a_weak_etag_still_holds():
    weak = (b"ETag", b'W/"1"')
    assert changed(json_at("/u"), TEXTS["of a further host"][0], JSON, weak)[1] == (JSON, weak)


def test_keys_of_a_name_at_any_depth_and_only_those_that_lead_to_the_provider():
    before = (
        b'{"url":"https://api.example/v1/x","a":[{"up_url": "https://files.example/u{?n}"}],"html_url":"https://e.x/"}'
    )
    after = b'{"url":"%b/x","a":[{"up_url": "%b/~files/u{?n}"}],"html_url":"https://e.x/"}' % (BASE, BASE)
    assert changed(json_at("/**/*url"), before, JSON)[0] == after


@pytest.mark.parametrize("pointer", ["/**/", "/**/*", "/**/a/b"])
def test_a_pointer_that_names_no_key(pointer):
    with pytest.raises(ValueError, match="names no key"):
        Rewriting(json_at(pointer))


def test_gzip_is_undone_and_its_header_comes_off():
    before, after = TEXTS["of a further host"]
    assert changed(json_at("/u"), gzip.compress(before), JSON, (b"Content-Encoding", b"gzip")) == (after, (JSON,))


CODINGS = {
    "one that is not known": (b"br", b"\x1b\x00"),
    "gzip that is none": (b"gzip", b"{}"),
    "gzip that breaks off": (b"gzip", gzip.compress(TEXTS["of a further host"][0])[:-9]),
    "gzip with more behind it": (b"gzip", gzip.compress(TEXTS["of a further host"][0]) + b"x"),
    "gzip that is over the limit": (b"gzip", gzip.compress(b'{"u":"https://files.example/"}' + b" " * (1 << 20))),
    "gzip without anything to change": (b"gzip", gzip.compress(b"{}")),
}


@pytest.mark.parametrize(("coding", "body"), CODINGS.values(), ids=CODINGS)
def test_codings_that_pass(coding, body):
    assert changed(json_at("/u"), body, JSON, (b"Content-Encoding", coding)) is None


WSDL = (
    b'<?xml version="1.0"?>\n<w:definitions xmlns:w="urn:w" xmlns:s="urn:s"><w:types><x:import xmlns:x="urn:x" '
    b'schemaLocation="https://api.example/v1/svc?xsd=1&amp;v=2"/></w:types><w:service name="S"><w:port>'
    b"<s:address  location='%b' /></w:port></w:service></w:definitions>"
)
SOAP = RewriteSettings(
    xml=(
        XmlField(path="definitions/service/port/address@location", any_host=True),
        XmlField(path="**/import@schemaLocation"),
    )
)
LOCATIONS = {
    "below the url": (b"https://api.example/v1/svc", BASE + b"/svc"),
    "of an inner host": (b"http://10.0.0.8:8080/v1/svc?x=1&amp;y", BASE + b"/svc?x=1&amp;y"),
    "of an inner host, elsewhere": (b"http://inner/other", BASE + b"/other"),
    "without a path": (b"http://inner", BASE),
    "of another kind": (b"jms:queue", b"jms:queue"),
}


@pytest.mark.parametrize(("published", "given"), LOCATIONS.values(), ids=LOCATIONS)
def test_addresses_of_a_wsdl(published, given):
    body, _ = changed(SOAP, WSDL % published, XML)
    expected = (WSDL % given).replace(b"https://api.example/v1/svc?xsd", BASE + b"/svc?xsd")
    assert body == expected


def test_the_text_of_an_element():
    settings = RewriteSettings(xml=(XmlField(path="a/b"),))
    assert (
        changed(settings, b"<a><b> https://api.example/v1/x </b><b/></a>", XML)[0] == b"<a><b> %b/x </b><b/></a>" % BASE
    )


def test_a_document_type_leaves_the_document_alone():
    assert changed(SOAP, b"<!DOCTYPE a>" + WSDL.partition(b"\n")[2] % b"http://inner/x", XML) is None


def test_a_part_of_an_answer_is_not_looked_at():
    assert changed(json_at("/u"), TEXTS["of a further host"][0], JSON, (b"Content-Range", b"bytes 0-9/99")) is None


@pytest.mark.parametrize("path", ["", "a//b", "**/"])
def test_a_path_that_is_none(path):
    with pytest.raises(ValueError, match="no path"):
        Rewriting(RewriteSettings(xml=(XmlField(path=path),)))
