"""Saved requests are read as people and tools leave them; their bodies byte for byte."""

import pytest

from proxy.rules.request_file import parse_request

ROWS = {
    "line ends of the wire": (b"POST /in?a=1 HTTP/1.1\r\nHost: h\r\nX-A:  1 \r\n\r\nb\r\n", b"b\r\n"),
    "line ends of an editor": (b"POST /in?a=1 HTTP/1.1\nHost: h\nX-A: 1\n\nb\n", b"b\n"),
    "an absolute target": (b"POST https://h/in?a=1 HTTP/1.1\nHost: h\nX-A: 1\n\n", b""),
    "no version": (b"POST /in?a=1\nHost: h\nX-A: 1\n\n\n\nb", b"\n\nb"),
    "no empty line": (b"POST /in?a=1 HTTP/1.1\nHost: h\nX-A: 1", b""),
}


@pytest.mark.parametrize(("data", "body"), ROWS.values(), ids=ROWS)
def test_a_request(data: bytes, body: bytes) -> None:
    found = parse_request(data)
    assert (found.method, found.path, found.query, found.body) == ("POST", b"/in", b"a=1", body)
    assert found.headers == ((b"Host", b"h"), (b"X-A", b"1"))


@pytest.mark.parametrize(
    ("body", "joined"),
    [
        (b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"3\nabc\n0\n\n", b"abc"),
        (b"abc", b"abc"),
        (b"5\r\nab", b"5\r\nab"),
        (b"3\r\nabc\r\n", b"3\r\nabc\r\n"),
    ],
)
def test_chunks_are_joined_where_they_are_all_there(body: bytes, joined: bytes) -> None:
    assert parse_request(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body).body == joined


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "line 1"),
        (b'{"a":1}', "line 1"),
        (b"POST /\nno header\n\n", "line 2"),
        (b"POST /\nA: b\nC : d\n\n", "line 3"),
    ],
)
def test_what_is_no_request_is_said_by_its_line(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_request(data)
