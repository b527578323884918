"""The checks behind the parser, without a parser: each rule by name, and what none of them may do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Refusal
from proxy.rules.framing import CONTENT_LENGTH, EXPECT, FIELDS, HOST, TRANSFER_ENCODING, Framing, SoundHosts, framing_of

HOST_X = (b"Host", b"x")


class Codes(dict[bytes, int]):
    """Any spelling of a name to its code."""

    def __missing__(self, name: bytes) -> int:
        return FIELDS.get(name.lower(), 0)


def framing(*fields: tuple[bytes, bytes], line: bytes | None = None, method: bytes = b"POST") -> Framing:
    line = line or method + b" /a HTTP/1.1\r\n"
    return framing_of(line, method, b"/a", fields, Codes(), SoundHosts())


GOOD = {
    "neither length: no body": ((), Framing(0, expects=False, current=True)),
    "a length": (((b"Content-Length", b"5"),), Framing(5, expects=False, current=True)),
    "a length of zero": (((b"content-length", b"0"),), Framing(0, expects=False, current=True)),
    "a length of many zeros": (((b"Content-Length", b"0" * 9_000 + b"7"),), Framing(7, expects=False, current=True)),
    "the largest length": (
        ((b"Content-Length", b"%d" % (2**64 - 1)),),
        Framing(2**64 - 1, expects=False, current=True),
    ),
    "chunked": (((b"Transfer-Encoding", b"Chunked"),), Framing(None, expects=False, current=True)),
    "an expectation of a body": (
        ((b"Content-Length", b"5"), (b"Expect", b"100-Continue")),
        Framing(5, expects=True, current=True),
    ),
    "an expectation without a body": (((b"Expect", b"100-continue"),), Framing(0, expects=False, current=True)),
    "another expectation, whose body may come or not": (
        ((b"Content-Length", b"5"), (b"Expect", b"100-continue, x")),
        Framing(5, expects=False, current=True, sure=False),
    ),
}


@pytest.mark.parametrize(("fields", "expected"), GOOD.values(), ids=GOOD)
def test_a_request_is_framed_by(fields: tuple[tuple[bytes, bytes], ...], expected: Framing) -> None:
    assert framing(HOST_X, *fields) == expected


def test_http_1_0_has_no_expectation_and_cannot_read_chunks():
    line = b"POST /a HTTP/1.0\r\n"
    told = framing(HOST_X, (b"Content-Length", b"5"), (b"Expect", b"100-continue"), line=line)
    assert told == Framing(5, expects=False, current=False)


REFUSED = {
    "two Host fields": (HOST_X, (b"HOST", b"x")),
    "no Host field": ((b"Content-Length", b"5"),),
    "two Content-Length fields": (HOST_X, (b"Content-Length", b"5"), (b"content-length", b"5")),
    "two Transfer-Encoding fields": (HOST_X, (b"Transfer-Encoding", b"gzip"), (b"Transfer-Encoding", b"chunked")),
    "Content-Length and Transfer-Encoding": (HOST_X, (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")),
    "other than `chunked`": (HOST_X, (b"Transfer-Encoding", b"gzip, chunked")),
    "Content-Length is not a number": (HOST_X, (b"Content-Length", b"+5")),
    "the Host field is not a name": ((b"Host", b"a b"),),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_a_refusal_names_its_rule(rule: str) -> None:
    with pytest.raises(Refusal, match="bad_request") as refused:
        framing(*REFUSED[rule])
    assert rule in refused.value.detail


@pytest.mark.parametrize("value", [b"", b" ", b"5 ", b"-5", b"1_0", b"5,5", b"\xb2", b"9" * 21])
def test_a_length_is_digits_and_nothing_else(value: bytes) -> None:
    with pytest.raises(Refusal, match="bad_request"):
        framing(HOST_X, (b"Content-Length", value))


LINES = {
    "two blanks behind the method": b"POST  /a HTTP/1.1\r\n",
    "another version": b"POST /a HTTP/2.0\r\n",
    "a version that only begins right": b"POST /a HTTP/1.1x\r\n",
    "another protocol": b"POST /a RTSP/1.0\r\n",
    "no version": b"POST /a\r\n",
    "a line feed alone": b"POST /a HTTP/1.1\nX",
    "another target": b"POST /b HTTP/1.1\r\n",
    "another method": b"GET /a HTTP/1.1\r\n",
    "something before it": b" POST /a HTTP/1.1\r\n",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_the_line_must_be_what_the_parser_says_it_read(line: bytes) -> None:
    with pytest.raises(Refusal, match="bad_request"):
        framing(HOST_X, line=line)


def test_a_fragment_is_refused():
    with pytest.raises(Refusal, match="bad_request"):
        framing_of(b"GET /a#b HTTP/1.1\r\n", b"GET", b"/a#b", (HOST_X,), Codes(), SoundHosts())


@pytest.mark.parametrize("method", [b"CONNECT", b"TRACE"])
def test_connect_and_trace_are_not_allowed(method: bytes) -> None:
    with pytest.raises(Refusal, match="method_not_allowed"):
        framing(HOST_X, method=method)


GOOD_HOSTS = [
    b"x",
    b"my_svc.a-b.example.",
    b"127.0.0.1:8600",
    b"[::1]",
    b"[2001:db8::1]:65535",
    b"[::ffff:127.0.0.1]",
]
BAD_HOSTS = [
    *(
        b"",
        b"x:",
        b"x:0",
        b"x:65536",
        b"x:99999",
        b"x:01",
        b":80",
        b"::1",
        b"[::1",
        b"[:::1]",
        b"[x]",
        b"[fe80::1%eth0]",
    ),
    *(b"u@h", b"x/y", b"x,y", b"-x", b"x\n", b"\xc3\xa4"),
]


@pytest.mark.parametrize("value", GOOD_HOSTS)
def test_a_host_is_a_name_or_an_address_with_an_optional_port(value: bytes) -> None:
    assert framing((b"Host", value)).length == 0


@pytest.mark.parametrize("value", BAD_HOSTS)
def test_anything_else_is_no_host(value: bytes) -> None:
    with pytest.raises(Refusal, match="bad_request"):
        framing((b"Host", value))


VALUES = st.binary(max_size=12) | st.sampled_from([b"x", b"5", b"chunked", b"100-continue", b"[::1]:80"])
FIELD = st.tuples(st.sampled_from([*FIELDS, b"HOST", b"A"]), VALUES)


@given(st.lists(FIELD, max_size=5), st.sampled_from([b"POST /a HTTP/1.1\r\n", b"POST /a HTTP/1.0\r\n", b"POST /a\r\n"]))
def test_whatever_comes_is_framed_in_one_way_or_refused_without_a_byte_of_it(fields, line):
    marked = [(name, b"secret" + value if name == b"A" else value) for name, value in fields]
    told = framed_or_refused(*marked, line=line)
    if isinstance(told, Refusal):
        assert told.code == "bad_request"
        assert "secret" not in told.detail
        return
    codes = [FIELDS.get(name.lower(), 0) for name, _ in fields]
    assert codes.count(HOST) == 1
    assert codes.count(CONTENT_LENGTH) + codes.count(TRANSFER_ENCODING) <= 1
    assert (told.length is None) is (TRANSFER_ENCODING in codes)
    assert told.expects <= (EXPECT in codes)


def framed_or_refused(*fields: tuple[bytes, bytes], line: bytes) -> Framing | Refusal:
    try:
        return framing(*fields, line=line)
    except Refusal as refusal:
        return refusal
