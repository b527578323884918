"""Fields that are hidden by name, and digits that look like a card."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.disguises import replace
from proxy.rules.sensitive import FIELDS, Marks, cards, fields_of_body, fields_of_query, fields_of_urls, marks

STRIPE = marks(("/card/number", "/card/cvc", "form:card[number]", "/items/*/note", "/items/0/first", "X-Own"))
JSON = b"application/json"

BODIES = {
    "a field of the list": (JSON, b'{"password": "x", "a": 1}', b'{"password": "[redacted password]", "a": 1}'),
    "in another spelling": (JSON, b'{"accessToken":"x","API-KEY":"y"}',
                            b'{"accessToken":"[redacted access_token]","API-KEY":"[redacted api_key]"}'),
    "with its name escaped": (JSON, rb'{"passw\u006frd":"x"}', rb'{"passw\u006frd":"[redacted password]"}'),
    "deep inside": (JSON, b'[{"a":[{"pin":1234}]}]', b'[{"a":[{"pin":"[redacted pin]"}]}]'),
    "an object as the value": (JSON, b'{"secret":{"a":[1,{"b":2}]},"c":3}', b'{"secret":"[redacted secret]","c":3}'),
    "null as the value": (JSON, b'{"token":null}', b'{"token":"[redacted token]"}'),
    "a string that holds a quote": (JSON, rb'{"key":"a\"b","c":1}', b'{"key":"[redacted key]","c":1}'),
    "a value that breaks off": (JSON, b'{"a":1,"password":"hal', b'{"a":1,"password":"[redacted password]"'),
    "an object that breaks off": (JSON, b'{"secret":{"a":"hal', b'{"secret":"[redacted secret]"'),
    "a string of that name is no field": (JSON, b'{"a":"password","b":"x"}', b'{"a":"password","b":"x"}'),
    "a longer name is another name": (JSON, b'{"receipt_number":"17"}', b'{"receipt_number":"17"}'),
    "JSON under another content type": (b"text/plain", b'{"password":"x"}', b'{"password":"[redacted password]"}'),
    "JSON in a stream": (b"text/event-stream", b'data: {"token":"x"}\n', b'data: {"token":"[redacted token]"}\n'),
    "a pointer": (JSON, b'{"card":{"cvc":1,"brand":"b"}}', b'{"card":{"cvc":"[redacted cvc]","brand":"b"}}'),
    "a pointer with any index": (JSON, b'{"items":[{"note":1},{"note":2}]}',
                                 b'{"items":[{"note":"[redacted note]"},{"note":"[redacted note]"}]}'),
    "a pointer with one index": (JSON, b'{"items":[{"first":1},{"first":2}]}',
                                 b'{"items":[{"first":"[redacted first]"},{"first":2}]}'),
    "a pointer's name elsewhere": (JSON, b'{"note":1,"a":{"note":2}}', b'{"note":1,"a":{"note":2}}'),
    "a form": (b"application/x-www-form-urlencoded", b"a=1&password=x%20y&b=", b"a=1&password=[redacted password]&b="),
    "a form's name in brackets": (b"application/x-www-form-urlencoded", b"card[number]=1&card%5Bcvc%5D=2",
                                  b"card[number]=[redacted card[number]]&card%5Bcvc%5D=[redacted cvc]"),
    "a form without content type": (b"", b"token=x&a=b", b"token=[redacted token]&a=b"),
    "a form whose value has every sign": (b"", b"a=b&sig=x=?#;y&c=d", b"a=b&sig=[redacted sig]&c=d"),
    "an element of XML": (b"text/xml", b'<w:Password Type="t">x</w:Password><Name>n</Name>',
                          b'<w:Password Type="t">[redacted password]</w:Password><Name>n</Name>'),
    "an element with CDATA": (b"text/xml", b"<a><pin><![CDATA[<1>]]></pin></a>", b"<a><pin>[redacted pin]</pin></a>"),
    "an element that holds elements": (b"text/xml", b"<Code> <V>v</V></Code>", b"<Code> <V>v</V></Code>"),
    "a part of a multipart form": (
        b"multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nx\r\n--b--',
        b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n[redacted password]\r\n--b--',
    ),
    "plain text": (b"text/plain", b"the password: none, the key = value", b"the password: none, the key = value"),
}  # fmt: skip


@pytest.mark.parametrize(("content_type", "body", "seen"), BODIES.values(), ids=BODIES)
def test_body(content_type: bytes, body: bytes, seen: bytes):
    assert replace(body, fields_of_body(body, content_type, STRIPE)) == seen


QUERIES = {
    "in any case": (b"/a?Api_Key=x&b=c", b"/a?Api_Key=[redacted api_key]&b=c"),
    "with its name percent-encoded": (b"/a?%74oken=x", b"/a?%74oken=[redacted token]"),
    "twice": (b"/a?sig=x&sig=y", b"/a?sig=[redacted sig]&sig=[redacted sig]"),
    "empty": (b"/a?sig=&b=1", b"/a?sig=[redacted sig]&b=1"),
    "a path is no query": (b"/token=x/key=y?a=b", b"/token=x/key=y?a=b"),
}


@pytest.mark.parametrize(("target", "seen"), QUERIES.values(), ids=QUERIES)
def test_query(target: bytes, seen: bytes):
    assert replace(target, fields_of_query(target, Marks(), target.index(b"?") + 1)) == seen


def test_the_query_of_a_url_in_a_header_is_read_and_the_rest_of_the_header_is_left():
    link = b'<https://a.example/?page=2&access_token=x>; rel="next", <https://a.example/?token=y#z>; rel=last'
    assert replace(link, fields_of_urls(link, Marks())) == (
        b'<https://a.example/?page=2&access_token=[redacted access_token]>; rel="next", '
        b"<https://a.example/?token=[redacted token]#z>; rel=last"
    )


CARDS = {
    "sixteen digits": (b"pay 4242424242424242 now", b"pay [redacted card] now"),
    "in groups": (b"4242 4242 4242 4242", b"[redacted card]"),
    "with dashes": (b"card-4242-4242-4242-4242.", b"card-[redacted card]."),
    "fifteen digits": (b"378282246310005", b"[redacted card]"),
    "behind another number": (b"5 4242424242424242", b"5 [redacted card]"),
    "between other numbers": (b"12-4242-4242-4242-4242 7", b"12-[redacted card] 7"),
    "a wrong check digit": (b"4242424242424243", b"4242424242424243"),
    "twelve digits": (b"424242424242", b"424242424242"),
    "twenty digits": (b"42424242424242424242", b"42424242424242424242"),
    "two blanks between groups": (b"4242  4242 4242 4242", b"4242  4242 4242 4242"),
    "digits of a UUID": (b"0190b3c2-4242-4242-8242-424242424242", b"0190b3c2-4242-4242-8242-424242424242"),
}


@pytest.mark.parametrize(("text", "seen"), CARDS.values(), ids=CARDS)
def test_card(text: bytes, seen: bytes):
    assert replace(text, cards(text)) == seen


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*FIELDS, "a", "b:,"]), inner, max_size=4)
    ),
    max_leaves=20,
)


def hidden(tree: object) -> object:
    if isinstance(tree, dict):
        return {name: f"[redacted {name}]" if name in FIELDS else hidden(value) for name, value in tree.items()}
    return [hidden(value) for value in tree] if isinstance(tree, list) else tree


@given(trees, st.booleans(), st.sampled_from([None, 1]))
def test_json_keeps_its_shape_and_loses_every_listed_field(tree, ascii_only, indent):
    body = json.dumps(tree, ensure_ascii=ascii_only, indent=indent).encode()
    seen = replace(body, fields_of_body(body, JSON, Marks()))
    assert json.loads(seen) == hidden(tree)


@given(st.binary(max_size=300), st.sampled_from([JSON, b"text/xml", b"application/x-www-form-urlencoded", b""]))
def test_any_bytes_can_be_read(body, content_type):
    for span in fields_of_body(body, content_type, STRIPE):
        assert 0 <= span.start <= span.end <= len(body)


HARD = {
    "names without values": b"&" + b"x" * 100_000,
    "elements without end": b"<key " * 20_000,
    "quotes": b'"key' * 20_000,
    "groups of digits": b"1 " * 50_000,
    "open brackets": b'{"key":[' * 12_000,
    "parts without body": b'name="a"\r\n' * 10_000,
    "sections": b"<key><![CDATA[]]><x" * 5_000,
}


@pytest.mark.parametrize("body", HARD.values(), ids=HARD)
def test_a_hostile_body_does_not_keep_the_writer_busy(body: bytes):
    began = time.process_time()
    for content_type in (b"application/x-www-form-urlencoded", b"text/xml", b"multipart/x"):
        list(fields_of_body(body, content_type, STRIPE))
    list(cards(body))
    assert time.process_time() - began < 10  # a search in quadratic time takes minutes
