"""Where the texts at some pointers stand in the bytes of a document."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.json_pointer import found, parse
from proxy.rules.json_spans import strings, under

PLACES = {  # document, pointer, what is found
    "a key of the root": ('{"a":"1","b":"2"}', "/b", ['"2"']),
    "further in": ('{"a":{"b":"1"},"b":"2"}', "/a/b", ['"1"']),
    "each item of a list": ('{"a":[{"u":"1"},{"v":"2"},{"u":"3"}]}', "/a/*/u", ['"1"', '"3"']),
    "one item of a list": ('["0","1",["2"]]', "/1", ['"1"']),
    "after nested lists and maps": ('{"x":[[],{},[{"a":"0"}]],"a":"1"}', "/a", ['"1"']),
    "a key with escapes": (r'{"\u0061":"1"}', "/a", ['"1"']),
    "a text that looks like structure": (r'{"x":"\",{[","a":"1"}', "/a", ['"1"']),
    "a name with a slash": ('{"a/b":"1"}', "/a~1b", ['"1"']),
    "no text": ('{"a":1,"b":{"a":"x"}}', "/a", []),
    "deeper than asked": ('{"a":{"b":{"a":"x"}}}', "/a/b", []),
    "a value that is the name": ('{"b":"a","a":"1"}', "/a", ['"1"']),
}


@pytest.mark.parametrize(("document", "pointer", "expected"), PLACES.values(), ids=PLACES)
def test_place(document, pointer, expected):
    encoded = document.encode()
    assert [encoded[start:end].decode() for start, end in strings(encoded, [parse(pointer)])] == expected


def test_what_is_no_json_is_said():
    with pytest.raises(ValueError, match="Expecting"):
        strings(b'{"a":', [parse("/a")])


VALUES = st.recursive(
    st.sampled_from(["u", "", '"', "\\", "é,{", 1, None, True]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "*", "0"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES, st.sampled_from(["/a", "/a/b", "/*", "/0/a", "/a/*/b", "/*/*"]), st.sampled_from([None, 1]))
def test_the_places_are_those_that_the_pointer_finds(value, pointer, indent):
    document = json.dumps(value, indent=indent).encode()
    texts = [json.loads(document[start:end]) for start, end in strings(document, [parse(pointer)])]
    wanted = [one for one in found(value, parse(pointer)) if isinstance(one, str)]
    if "*" not in json.dumps(value):  # a key called * is one key here, and every item there
        assert sorted(texts) == sorted(wanted)


@given(
    st.lists(st.sampled_from(["http://a/b", "http://a", "x", '"http://a/b', "é"]), max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_a_wanted_text_is_found_at_its_own_place_however_often_it_stands_elsewhere(others, ascii_only, escaped):
    document = json.dumps({"o": others, "u": "http://a/b", "z": others}, ensure_ascii=ascii_only)
    encoded = (document.replace("/", "\\/") if escaped else document).encode()
    [(start, end)] = strings(encoded, [parse("/u")], lambda text: text == "http://a/b")
    assert encoded[:start].endswith(b'"u": ')
    assert json.loads(encoded[start:end]) == "http://a/b"


def test_what_nobody_wants_is_not_there():
    assert strings(b'{"u":"x"}', [parse("/u")], lambda text: text == "y") == []


KEYS = {  # document, name, what is found
    "at any depth": ('{"u":"1","a":[{"u": "2"},{"b":{\n"u" :"3"}}]}', "u", ['"1"', '"2"', '"3"']),
    "a name with any beginning": ('{"url":"1","git_url":"2","urls":"3","uri":"4"}', "*url", ['"1"', '"2"']),
    "a text that is the name": ('{"a":"u","b":["u","x"],"u":"1"}', "u", ['"1"']),
    "a text that looks like a field": (r'{"a":"{\"u\":\"0\"}","u":"1"}', "u", ['"1"']),
    "a text that ends like the start of one": (r'{"a":"{","b":", ","c":"\\","u":"1"}', "u", ['"1"']),
    "a text with escapes": (r'{"u":"a\"b\\","v":1}', "u", [r'"a\"b\\"']),
    "no text": ('{"u":1,"v":{"u":null},"w":{"u":["x"]}}', "u", []),
    "signs that mean something elsewhere": ('{"a.b":"1","axb":"2"}', "a.b", ['"1"']),
}


@pytest.mark.parametrize(("document", "name", "expected"), KEYS.values(), ids=KEYS)
def test_a_key_of_that_name(document, name, expected):
    encoded = document.encode()
    json.loads(document)
    assert [encoded[start:end].decode() for start, end in under(name)(encoded)] == expected


def test_what_is_no_json_is_said_where_a_key_was_found():
    with pytest.raises(ValueError, match="Expecting"):
        under("u")(b'{"u":"1",')
