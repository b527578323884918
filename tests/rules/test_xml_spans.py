"""Where elements and attributes stand in the bytes of a document."""

import pytest

from proxy.rules.xml_spans import attributes, elements, escaped, prefix, unescaped

DOCUMENT = b"""<?xml version='1.0'?><!-- <no/> --><a:one xmlns:a="urn:a" x='>' >t<two b="1&gt;"/><![CDATA[<no>]]>
<a:three c = "d"></a:three></a:one>"""


def test_every_element_is_found_with_its_tags_and_its_content():
    found = {one.path: one for one in elements(DOCUMENT)}
    one, two, three = found["one",], found["one", "two"], found["one", "three"]
    assert DOCUMENT[one.start : one.inside] == b"<a:one xmlns:a=\"urn:a\" x='>' >"
    assert DOCUMENT[one.outside : one.end] == b"</a:one>"
    assert (one.namespace, one.leaf, prefix(DOCUMENT, one)) == ("urn:a", False, b"a:")
    assert (DOCUMENT[two.start : two.end], two.collapsed, two.namespace) == (b'<two b="1&gt;"/>', True, "")
    assert (DOCUMENT[three.inside : three.outside], three.leaf) == (b"", True)


def test_attributes_are_found_by_their_local_names():
    one, _, three = elements(DOCUMENT)
    assert {name: DOCUMENT[start:end] for name, (start, end) in attributes(DOCUMENT, one).items()} == {
        "a": b"urn:a",
        "x": b">",
    }
    assert DOCUMENT[slice(*attributes(DOCUMENT, three)["c"])] == b"d"


def test_what_is_escaped_comes_back():
    assert unescaped(escaped(b"a&b<c>\"'&amp;")) == b"a&b<c>\"'&amp;"
    assert unescaped(b"&#x2F;&#47;&unknown;") == b"//&unknown;"


@pytest.mark.parametrize(
    "document", [b"", b"<a>", b"<!DOCTYPE a><a/>", "<a/>".encode("utf-16"), b"<a>" * 65 + b"</a>" * 65, b"<a b=1/>"]
)
def test_what_is_not_read(document):
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        elements(document)
