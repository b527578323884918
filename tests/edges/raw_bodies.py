"""Raw requests by how their bodies are framed; how a row is read is said in `raw_lines.py`.

What comes in the same packet behind a chunked body is dropped and the connection closed: no row leaves it open.
"""

from tests.edges.raw_lines import CLOSED, HOST, Row, get

POST = b"POST / HTTP/1.1"


def sized(length: bytes, body: bytes = b"hello", more: bytes = b"") -> bytes:
    """A request with a `Content-Length` as written."""
    return get(HOST + b"Content-Length:" + length + b"\r\n" + more, POST) + body


def coded(coding: bytes, body: bytes = b"5\r\nhello\r\n0\r\n\r\n", line: bytes = POST) -> bytes:
    """A request with the `Transfer-Encoding` lines as written."""
    return get(HOST + coding, line) + body


def chunked(body: bytes, more: bytes = b"") -> bytes:
    """A chunked request with its chunks as written."""
    return coded(b"Transfer-Encoding: chunked\r\n" + more, body)


LENGTHS: dict[str, Row] = {
    "a body with a length": (sized(b" 5"), ("POST / hello",)),
    "a length of zero is no body": (sized(b" 0", b""), ("POST / ",)),
    "a GET with a body": (get(HOST + b"Content-Length: 5\r\n") + b"hello", ("GET / hello",)),
    "a body that looks like a request": (sized(b" 18", b"GET / HTTP/1.1\r\n\r\n"), ("POST / GET / HTTP/1.1\r\n\r\n",)),
    "a length with leading zeros": (sized(b" 0005"), ("POST / hello",)),
    "a length with five thousand leading zeros": (sized(b" " + b"0" * 5_000 + b"5"), ("POST / hello",)),
    "a length between blanks": (sized(b"\t 5 \t"), ("POST / hello",)),
    "a length with HTTP/1.0": (
        get(HOST + b"Content-Length: 5\r\n", b"POST / HTTP/1.0") + b"hello",
        ("POST / hello", CLOSED),
    ),
    "two lengths": (sized(b" 5", more=b"Content-Length: 6\r\n"), (400,)),
    "the same length twice": (sized(b" 5", more=b"Content-Length: 5\r\n"), (400,)),
    "the same length twice in different case": (sized(b" 5", more=b"content-length: 5\r\n"), (400,)),
    "a list of lengths": (sized(b" 5, 5"), (400,)),
    "a length with a plus": (sized(b" +5"), (400,)),
    "a length with a minus": (sized(b" -5"), (400,)),
    "a length in hex": (sized(b" 0x5"), (400,)),
    "a length with a fraction": (sized(b" 5.0"), (400,)),
    "a length with an exponent": (sized(b" 5e0"), (400,)),
    "a length with an underscore": (sized(b" 1_0"), (400,)),
    "a length with a blank inside": (sized(b" 1 0"), (400,)),
    "a length in other digits": (sized(b" \xd9\xa5"), (400,)),
    "a length with letters": (sized(b" five"), (400,)),
    "an empty length": (sized(b""), (400,)),
    "a length over 2^64": (sized(b" 18446744073709551616"), (400,)),
    "a length with a semicolon": (sized(b" 5;a=b"), (400,)),
    "a length in quotes": (sized(b' "5"'), (400,)),
    "both lengths": (sized(b" 5", more=b"Transfer-Encoding: chunked\r\n"), (400,)),
    "both lengths, the other way round": (
        coded(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        (400,),
    ),
    "both lengths, one of zero": (coded(b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), (400,)),
}

CODINGS: dict[str, Row] = {
    "a chunked body": (coded(b"Transfer-Encoding: chunked\r\n"), ("POST / hello", CLOSED)),
    "chunked in capitals": (coded(b"TRANSFER-ENCODING: CHUNKED\r\n"), ("POST / hello", CLOSED)),
    "chunked between blanks": (coded(b"Transfer-Encoding: \t chunked  \r\n"), ("POST / hello", CLOSED)),
    "a tab behind chunked": (coded(b"Transfer-Encoding: chunked\t\r\n"), (400,)),
    "a GET with a chunked body": (
        coded(b"Transfer-Encoding: chunked\r\n", line=b"GET / HTTP/1.1"),
        ("GET / hello", CLOSED),
    ),
    "gzip before chunked": (coded(b"Transfer-Encoding: gzip, chunked\r\n"), (400,)),
    "an empty coding before chunked": (coded(b"Transfer-Encoding: , chunked\r\n"), (400,)),
    "chunked and an empty coding": (coded(b"Transfer-Encoding: chunked,\r\n"), (400,)),
    "chunked before gzip": (coded(b"Transfer-Encoding: chunked, gzip\r\n"), (400,)),
    "chunked twice": (coded(b"Transfer-Encoding: chunked, chunked\r\n"), (400,)),
    "chunked in two fields": (coded(b"Transfer-Encoding: chunked\r\n" * 2), (400,)),
    "gzip and chunked in two fields": (coded(b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), (400,)),
    "identity": (coded(b"Transfer-Encoding: identity\r\n"), (400,)),
    "gzip": (coded(b"Transfer-Encoding: gzip\r\n"), (400,)),
    "an unknown coding": (coded(b"Transfer-Encoding: xchunked\r\n"), (400,)),
    "chunked with a parameter": (coded(b"Transfer-Encoding: chunked;q=1\r\n"), (400,)),
    "chunked in quotes": (coded(b'Transfer-Encoding: "chunked"\r\n'), (400,)),
    "an empty coding": (coded(b"Transfer-Encoding:\r\n"), (400,)),
    "a blank before the coding's colon": (coded(b"Transfer-Encoding : chunked\r\n"), (400,)),
    "a vertical tab before chunked": (coded(b"Transfer-Encoding: \x0bchunked\r\n"), (400,)),
    "chunked on a folded line": (coded(b"Transfer-Encoding:\r\n chunked\r\n"), (400,)),
    "chunked with HTTP/1.0": (coded(b"Transfer-Encoding: chunked\r\n", line=b"POST / HTTP/1.0"), (400,)),
    "an underscore in the name makes another field": (
        get(HOST + b"Transfer_Encoding: chunked\r\nContent_Length: 3\r\n", POST),
        ("POST / ",),
    ),
}

BROKEN = ("POST / !bad_request", 400)
CHUNKS: dict[str, Row] = {
    "no chunk": (chunked(b"0\r\n\r\n"), ("POST / ", CLOSED)),
    "two chunks": (chunked(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), ("POST / hello", CLOSED)),
    "a size in capitals": (chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), ("POST / 0123456789", CLOSED)),
    "a size with leading zeros": (chunked(b"005\r\nhello\r\n000\r\n\r\n"), ("POST / hello", CLOSED)),
    "an extension": (chunked(b"5;a=b\r\nhello\r\n0;c\r\n\r\n"), ("POST / hello", CLOSED)),
    "trailers": (chunked(b"5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n"), ("POST / hello", CLOSED)),
    "trailers that name a length": (
        chunked(b"0\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("POST / !bad_request", 400),
    ),
    "16,000 bytes of extensions": (
        chunked(b"5;" + b"e" * 16_000 + b"\r\nhello\r\n0\r\n\r\n"),
        ("POST / hello", CLOSED),
    ),
    "a size with a sign": (chunked(b"+5\r\nhello\r\n0\r\n\r\n"), BROKEN),
    "a size with 0x": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), BROKEN),
    "a blank before a size": (chunked(b" 5\r\nhello\r\n0\r\n\r\n"), BROKEN),
    "a blank behind a size": (chunked(b"5 \r\nhello\r\n0\r\n\r\n"), BROKEN),
    "a tab behind a size": (chunked(b"5\t\r\nhello\r\n0\r\n\r\n"), BROKEN),
    "an empty size": (chunked(b"\r\nhello\r\n0\r\n\r\n"), BROKEN),
    "a size over 2^64": (chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), BROKEN),
    "a bare line feed behind a size": (chunked(b"5\nhello\r\n0\r\n\r\n"), BROKEN),
    "a bare carriage return behind a size": (chunked(b"5\rhello\r\n0\r\n\r\n"), BROKEN),
    "a bare line feed behind a chunk": (chunked(b"5\r\nhello\n0\r\n\r\n"), BROKEN),
    "no line end behind a chunk": (chunked(b"5\r\nhello0\r\n\r\n"), BROKEN),
    "a chunk longer than its size": (chunked(b"4\r\nhello\r\n0\r\n\r\n"), BROKEN),
    "a bare line feed in an extension": (chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"), BROKEN),
    "a bare carriage return in an extension": (chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), BROKEN),
    "NUL in an extension": (chunked(b"5;a\0\r\nhello\r\n0\r\n\r\n"), BROKEN),
    "a bare line feed behind the last chunk": (chunked(b"0\n\r\n"), BROKEN),
    "a trailer without a colon": (chunked(b"0\r\nA b\r\n\r\n"), BROKEN),
    "a folded trailer": (chunked(b"0\r\nA: b\r\n c\r\n\r\n"), BROKEN),
    "a control byte in a trailer": (chunked(b"0\r\nA: \x01\r\n\r\n"), BROKEN),
    "rubbish instead of the last chunk": (chunked(b"5\r\nhello\r\nGET / HTTP/1.1\r\n\r\n"), BROKEN),
}

UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
UPGRADES: dict[str, Row] = {
    "an upgrade is not taken": (get(HOST + UPGRADE), ("GET / ",)),
    "an upgrade with a body": (sized(b" 5", more=UPGRADE), ("POST / hello",)),
    "an upgrade whose body looks like a request": (
        sized(b" 18", b"GET / HTTP/1.1\r\n\r\n", UPGRADE),
        ("POST / GET / HTTP/1.1\r\n\r\n",),
    ),
    "an upgrade with a chunked body": (chunked(b"5\r\nhello\r\n0\r\n\r\n", UPGRADE), ("POST / hello", CLOSED)),
    "an upgrade with broken chunks": (chunked(b"x\r\nhello\r\n0\r\n\r\n", UPGRADE), BROKEN),
    "an upgrade with both lengths": (sized(b" 5", more=UPGRADE + b"Transfer-Encoding: chunked\r\n"), (400,)),
    "an upgrade with gzip before chunked": (coded(UPGRADE + b"Transfer-Encoding: gzip, chunked\r\n"), (400,)),
    "an upgrade with HTTP/1.0": (get(HOST + UPGRADE, b"GET / HTTP/1.0"), ("GET / ", CLOSED)),
    "HTTP/2 in clear text": (
        get(HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"),
        ("GET / ",),
    ),
    "an expectation whose body is there already": (sized(b" 5", more=b"Expect: 100-continue\r\n"), ("POST / hello",)),
    "another expectation is the gateway's": (sized(b" 5", more=b"Expect: the-unexpected\r\n"), ("POST / hello",)),
}
