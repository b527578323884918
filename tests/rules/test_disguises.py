"""Known values are found in every form in which something may have written them."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.rules.disguises import find, known, replace

SECRET = 'p"a\\ss <wörd>&/+%'
RAW = SECRET.encode()

FORMS = {
    "as it is": RAW,
    "in JSON, non-ASCII escaped": json.dumps(SECRET)[1:-1].encode(),
    "in JSON, non-ASCII as it is": json.dumps(SECRET, ensure_ascii=False)[1:-1].encode(),
    "in JSON with escaped slashes": json.dumps(SECRET)[1:-1].replace("/", "\\/").encode(),
    "every character as \\u": "".join(f"\\u{ord(one):04X}" for one in SECRET).encode(),
    "in a query": quote(SECRET, safe="").encode(),
    "in a query, lower-case": quote(SECRET, safe="").lower().encode(),
    "in a form": quote_plus(SECRET).encode(),
    "every byte percent-encoded": "".join(f"%{one:02x}" for one in RAW).encode(),
    "in HTML": html.escape(SECRET).encode(),
    "in HTML by number": "".join(f"&#{ord(one):05};" for one in SECRET).encode(),
    "in HTML by hexadecimal number": "".join(f"&#X{ord(one):X};" for one in SECRET).encode(),
    "in base64": base64.b64encode(RAW),
    "in base64 behind one byte": base64.b64encode(b"?" + RAW),
    "in base64 behind two bytes": base64.b64encode(b"??" + RAW),
    "in base64url": base64.urlsafe_b64encode(RAW).rstrip(b"="),
    "as the password of Basic": base64.b64encode(b"robot:" + RAW),
    "as the user of Basic": base64.b64encode(RAW + b":"),
    "in hex": RAW.hex().encode(),
    "in upper-case hex": RAW.hex().upper().encode(),
    "in the repr of bytes": repr(RAW)[2:-1].encode(),
    "in UTF-16": SECRET.replace("ö", "o").encode("utf-16-le"),
    "a query inside JSON": json.dumps(quote(SECRET, safe="")).encode(),
    "JSON inside a form": quote_plus(json.dumps(SECRET)).encode(),
    "JSON inside JSON": json.dumps(json.dumps(SECRET)).encode(),
    "a URL inside a URL": quote(quote(SECRET, safe=""), safe="").encode(),
    "base64 in JSON with escaped slashes": base64.b64encode(RAW).replace(b"/", b"\\/"),
    "base64 in a query": quote(base64.b64encode(RAW), safe="").encode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_value_is_replaced_in_this_form_and_what_surrounds_it_stays(form: bytes):
    values = [known("pass", RAW), known("plain", RAW.replace("ö".encode(), b"o"))]
    text = b"before, " + form + b", after"
    cleaned = replace(text, find(text, values))
    assert cleaned.startswith(b"before, ")
    assert cleaned.endswith(b", after")
    assert b"[redacted p" in cleaned
    assert form not in cleaned
    assert len(cleaned) < len(b"before, [redacted plain], after") + 8  # quotes of an inner layer may stay


ENCODINGS = [
    lambda text: text.encode(),
    lambda text: json.dumps(text).encode(),
    lambda text: quote(text, safe="").encode(),
    lambda text: quote_plus(text).encode(),
    lambda text: html.escape(text).encode(),
    lambda text: base64.b64encode(text.encode()),
    lambda text: base64.urlsafe_b64encode(b"a" + text.encode()),
    lambda text: base64.b64encode(b"user:" + text.encode()),
    lambda text: text.encode().hex().encode(),
    lambda text: text.encode().hex().upper().encode(),
]
values = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", codec="utf-8"), min_size=8, max_size=40)


@given(values, st.sampled_from(ENCODINGS), st.text(max_size=30), st.text(max_size=30), st.sampled_from(" =,/"))
def test_no_form_of_a_value_survives_anywhere_in_a_text(value, encode, before, after, fence):
    assume(value not in "[redacted name]")
    form = encode(value)
    text = before.encode("utf-8", "replace") + fence.encode() + form + fence.encode() + after.encode("utf-8", "replace")
    cleaned = replace(text, find(text, [known("name", value.encode())]))
    assert b"[redacted name]" in cleaned
    assert form.strip(b'"') not in cleaned
    assert not find(cleaned, [known("name", value.encode())])


@given(values, st.integers(0, 60), st.sampled_from(ENCODINGS))
def test_a_cut_text_holds_no_first_half_of_a_value(value, limit, encode):
    form = encode(value)
    text = b"." * 20 + form + b"." * 20
    cleaned = replace(text, find(text, [known("name", value.encode())]), limit)
    whole = replace(text, find(text, [known("name", value.encode())]))
    assert whole.startswith(cleaned)


def test_values_that_overlap_leave_nothing_between_them():
    values = [known("first", b"abcdefgh"), known("second", b"efghijkl")]
    text = b"<abcdefghijkl>"
    assert replace(text, find(text, values)) == b"<[redacted first]>"


def test_a_value_inside_another_leaves_nothing_of_the_outer_one():
    values = [known("inner", b"cdefghij"), known("outer", b"abcdefghijklmnop")]
    text = b"<abcdefghijklmnop>"
    assert replace(text, find(text, values)) == b"<[redacted outer]>"


def test_a_repeated_value_is_replaced_as_one():
    values = [known("name", b"aaaaaaaa")]
    assert replace(b"a" * 20, find(b"a" * 20, values)) == b"[redacted name]"
