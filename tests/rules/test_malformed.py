"""What is said of a head that the strict parser refused: its rule, and not one of its bytes."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.malformed import broken_rule

LINE = b"POST /a HTTP/1.1"
TOLD = b"gue55-th1s"


def head(*fields: bytes, line: bytes = LINE) -> bytes:
    return b"\r\n".join([line, b"Host: x", *fields, b"", b""])


RULES = {
    "two Content-Length fields": head(b"Content-Length: 5", b"content-length: 5"),
    "Content-Length and Transfer-Encoding in one request": head(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "the Content-Length is not a number": head(b"Content-Length: 5, 5"),
    "the Content-Length is too large": head(b"Content-Length: 18446744073709551616"),
    "two Transfer-Encoding fields": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "a Transfer-Encoding other than `chunked`": head(b"Transfer-Encoding: gzip"),
    "a blank before a colon": head(b"Authorization : " + TOLD),
    "a field name that is no token": head(b"X(" + TOLD + b": a"),
    "a field without a name": head(b": " + TOLD),
    "a field without a colon": head(TOLD),
    "a control byte in a field": head(b"Authorization: " + TOLD + b"\0"),
    "a folded field": head(b"X: a", b" " + TOLD),
    "a bare CR": head(b"X: " + TOLD + b"\rY: b"),
    "a bare LF": head(b"X: " + TOLD + b"\nY: b"),
    "a byte that no request line may hold": head(line=b"GET /\xff HTTP/1.1"),
    "the request line is not `method target HTTP/1.1`": head(line=b"GET /a " + TOLD),
    "a method that nobody knows": head(line=b"BREWED /a HTTP/1.1"),
    "no method at its start": b"\x16\x03\x01",
}


OTHERS = {  # which httptools passes and another strict parser does not
    "no Host field": LINE + b"\r\n\r\n",
    "two Host fields": head(b"hOST: x"),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_that_is_broken_is_named(rule: str) -> None:
    assert broken_rule(RULES[rule]) == rule


@pytest.mark.parametrize("raw", RULES.values(), ids=RULES)
def test_the_parser_refuses_each_of_them(raw: bytes) -> None:
    with pytest.raises(httptools.HttpParserError):
        httptools.HttpRequestParser(object()).feed_data(raw)


@pytest.mark.parametrize("rule", OTHERS)
def test_a_rule_of_other_parsers_that_is_broken_is_named(rule: str) -> None:
    assert broken_rule(OTHERS[rule]) == rule


def test_a_tab_behind_chunked_makes_it_another_coding_for_the_parser():
    raw = head(b"Transfer-Encoding: chunked\t")
    with pytest.raises(httptools.HttpParserError):
        httptools.HttpRequestParser(object()).feed_data(raw)
    assert broken_rule(raw) == "a Transfer-Encoding other than `chunked`"


@given(st.binary(max_size=200))
def test_whatever_came_something_is_said_of_it_and_none_of_it_is(raw: bytes) -> None:
    assert broken_rule(raw) in {*RULES, *OTHERS, "the head is malformed"}
