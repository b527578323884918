"""Forms and their brackets."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.integrations.forms import nested, pairs

READ = {  # what is sent -> what is read
    "a plain name": ("a=1", {"a": "1"}),
    "the last of equal names wins": ("a=1&a=2", {"a": "2"}),
    "an empty value is kept": ("a=", {"a": ""}),
    "plus and percent are decoded": ("a=x+y%26z", {"a": "x y&z"}),
    "brackets nest maps": ("card[number]=4&card[cvc]=1", {"card": {"number": "4", "cvc": "1"}}),
    "encoded brackets are brackets": ("a%5Bb%5D=1", {"a": {"b": "1"}}),
    "numbers make a list, in their order": ("a[1]=y&a[0]=x", {"a": ["x", "y"]}),
    "empty brackets make a list": ("a[]=x&a[]=y", {"a": ["x", "y"]}),
    "maps within a list": ("a[0][b]=1&a[1][b]=2", {"a": [{"b": "1"}, {"b": "2"}]}),
    "parts after a value replace it": ("a=1&a[b]=2", {"a": {"b": "2"}}),
    "an open bracket is a plain name": ("a[b=1", {"a[b": "1"}),
    "words behind a bracket are a plain name": ("a[b]c=1", {"a[b]c": "1"}),
    "a bracket without a name is a plain name": ("[b]=1", {"[b]": "1"}),
    "what is not UTF-8 is replaced": ("a=%ff", {"a": "\ufffd"}),
    "a name with very many brackets is a plain name": ("a" + "[b]" * 17 + "=1", {"a" + "[b]" * 17: "1"}),
}


@pytest.mark.parametrize(("sent", "read"), READ.values(), ids=READ)
def test_forms(sent, read):
    assert nested(pairs(sent.encode())) == read


@given(st.lists(st.tuples(st.text(), st.text()), max_size=20))
def test_what_is_encoded_comes_back_in_its_order(written):
    assert list(pairs(urlencode(written).encode())) == written


@given(st.binary(max_size=200))
def test_no_body_makes_it_fail(body):
    nested(pairs(body))
