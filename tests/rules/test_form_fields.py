"""Fields taken out of forms, byte for byte, in whatever pieces they come."""

from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.form_fields import FormFilter, is_form

FORMS = {
    "first": (b"token=x&a=1", b"a=1"),
    "in the middle": (b"a=1&token=x&b=2", b"a=1&b=2"),
    "last": (b"a=1&token=x", b"a=1"),
    "twice": (b"token=x&a=1&token=y", b"a=1"),
    "alone": (b"token=x", b""),
    "without a value": (b"token&a=1&token=", b"a=1"),
    "spelled in percent": (b"%74oke%6E=x&a=1", b"a=1"),
    "all in percent": (b"%74%6f%6b%65%6e=x&a=1", b"a=1"),
    "another case": (b"Token=x&a=1", b"Token=x&a=1"),
    "a longer name": (b"tokens=x&my_token=1", b"tokens=x&my_token=1"),
    "in a value": (b"text=token=x", b"text=token=x"),
    "a name with brackets": (b"token[a]=x", b"token[a]=x"),
    "the rest as it stands": (b"&&a=%zz+%20&=&b&", b"&&a=%zz+%20&=&b&"),
    "between empty pairs": (b"&token=x&", b"&"),
    "a very long name": (b"t" * 100 + b"=1&token=x", b"t" * 100 + b"=1"),
    "nothing": (b"", b""),
}


@pytest.mark.parametrize(("form", "left"), FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_field_goes_and_the_rest_stays(form, left, size):
    assert filtered(form, size) == left


@given(
    st.lists(st.tuples(st.sampled_from(["token", "tok", "to ken", "x", ""]), st.text(max_size=5)), max_size=8),
    st.integers(1, 9),
)
def test_what_stays_is_what_another_way_of_writing_it_would_leave(pairs, size):
    written = [(name, f"{quote_plus(name)}={quote_plus(value)}") for name, value in pairs]
    kept = "&".join(pair for name, pair in written if name != "token")
    assert filtered("&".join(pair for _, pair in written).encode(), size) == kept.encode()


def test_a_large_value_is_not_held_back():
    form = FormFilter([b"token"])
    assert form.feed(b"file=" + b"x" * 1000) == b"file=" + b"x" * 1000
    assert (form.feed(b"y" * 1000), form.feed(b"&tok"), form.feed(b"en=z"), form.end()) == (b"y" * 1000, b"", b"", b"")


TYPES = {
    "a form": ([(b"content-type", b"application/x-www-form-urlencoded")], True),
    "with its charset": ([(b"Content-Type", b"Application/X-WWW-Form-Urlencoded ; charset=utf-8")], True),
    "parts": ([(b"Content-Type", b"multipart/form-data; boundary=x")], False),
    "JSON": ([(b"Content-Type", b"application/json")], False),
    "nothing said": ([], False),
    "a packed form": (
        [(b"Content-Encoding", b"gzip"), (b"Content-Type", b"application/x-www-form-urlencoded")],
        False,
    ),
}


@pytest.mark.parametrize(("headers", "form"), TYPES.values(), ids=TYPES)
def test_what_counts_as_a_form(headers, form):
    assert is_form(tuple(headers)) is form


def filtered(form: bytes, size: int) -> bytes:
    passing = FormFilter([b"token"])
    pieces = [passing.feed(form[place : place + size]) for place in range(0, len(form), size)]
    return b"".join([*pieces, passing.end()])
