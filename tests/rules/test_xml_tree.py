"""XML of strangers."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.xml_tree import local, read

REFUSED = {  # document, and what is said of it
    "nothing": (b"", "no element found"),
    "no XML": (b"hello", "not well-formed"),
    "an open element": (b"<a>", "no element found"),
    "two roots": (b"<a/><b/>", "junk after document element"),
    "a document type": (b"<!DOCTYPE a><a/>", "document type"),
    "entities within entities": (
        b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
        "document type",
    ),
    "an entity of a file": (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "document type"),
    "an entity that nobody defined": (b"<a>&b;</a>", "undefined entity"),
    "65 levels": (b"<a>" * 65 + b"</a>" * 65, "nested too deeply"),
    "an unknown encoding": (b'<?xml version="1.0" encoding="x-none"?><a/>', "encoding"),
    "a prefix that nobody bound": (b"<p:a/>", "unbound prefix"),
}


@pytest.mark.parametrize(("document", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(document, words):
    with pytest.raises(ValueError, match=words):
        read(document)


def test_names_have_their_namespace_and_texts_their_entities_decoded():
    root = read(b'<p:a xmlns:p="urn:x" k="v"><b>1 &lt; 2</b><c><![CDATA[<d/>]]></c></p:a>')
    assert (root.tag, local(root), root.get("k")) == ("{urn:x}a", "a", "v")
    assert [(child.tag, child.text) for child in root] == [("b", "1 < 2"), ("c", "<d/>")]


def test_64_levels_are_read():
    assert read(b"<a>" * 64 + b"</a>" * 64).tag == "a"


def test_other_encodings_are_read():
    assert read('<?xml version="1.0" encoding="utf-16"?><a>ä</a>'.encode("utf-16")).text == "ä"


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused_and_nothing_else(document):
    with suppress(ValueError):
        read(document)
