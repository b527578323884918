"""h11 as oracle: what we serve, a parser that shares no line with ours reads in the same way."""

from collections.abc import Iterable

import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import ProxyError
from proxy.model import Request, Response
from tests.support.http1 import Bench, answer, content_of
from tests.support.loop import JumpingLoop

Read = tuple[str, bytes, list[tuple[bytes, bytes]], bytes]  # method, target, fields with folded names, body

NAMES = st.sampled_from(
    [
        b"A",
        b"X-Token",
        b"Connection",
        b"Expect",
        b"Upgrade",
        b"Cookie",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Host",
    ]
)
VALUES = st.sampled_from(
    [
        b"",
        b"b",
        b" b ",
        b"close",
        b"Upgrade",
        b"chunked",
        b"gzip, chunked",
        b"5",
        b"100-continue",
        b"\xff\t\xe4",
        b"x:1",
    ]
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=3)
METHODS = st.sampled_from(
    [b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"get"]
)
TARGETS = st.sampled_from([b"/", b"/a?b=c", b"//x/%2e%2e", b"*", b"http://y/z", b"/a#b", b"/\xe4", b"/a b", b"x:1"])
BODIES = st.sampled_from([b"", b"hello", b"GET / HTTP/1.1\r\n\r\n", b"0\r\n\r\n"])
BYTES = st.sampled_from([*b"\r\n\t :;,0159aAfGx/#\0\x0b\x7f\x80\xff"])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request, mostly a good one."""
    good = draw(st.integers(0, 3)) > 0
    method = b"POST" if good else draw(METHODS)
    target = b"/a?b=c" if good else draw(TARGETS)
    version = draw(st.sampled_from([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/2.0", b"RTSP/1.0"]))
    body = draw(BODIES)
    framing, sent = draw(
        st.sampled_from(
            [
                (b"", b""),
                (b"Content-Length: %d\r\n" % len(body), body),
                (b"Transfer-Encoding: chunked\r\n", b"%x;e=1\r\n%b\r\n0\r\nT: u\r\n\r\n" % (len(body), body)),
                (b"transfer-encoding: Chunked\r\n", b"0\r\n\r\n"),
            ]
        )
    )
    fields = b"".join(b"%b:%b\r\n" % field for field in draw(FIELDS))
    return b"%b %b %b\r\nHost: x\r\n%b%b\r\n%b" % (method, target, version, fields, framing, sent)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request in which some bytes were replaced, put in or taken out, about one in ten at most."""
    raw = bytearray(draw(requests()))
    for _ in range(draw(st.integers(0, 3) | st.integers(0, len(raw) // 10))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        change = draw(st.integers(0, 2))
        raw[at : at + (change != 1)] = b"" if change == 2 else bytes([draw(BYTES)])
    return bytes(raw)


def ours(raw: bytes) -> Read | None:
    """How we read the first request in `raw`; None: not served."""
    got: list[Read] = []

    async def handler(request: Request) -> Response:
        if not got:
            try:
                body = await content_of(request)
            except ProxyError:
                return answer()
            got.append((request.method, request.target, _folded(request.headers), body))
        return answer()

    async def run() -> None:
        bench = Bench(handler)
        await bench.send(raw)
        first = bench.transport.written[:15]
        assert bench.bugs == []
        assert not got or b" 200 " in first or not first  # nothing is served behind a refused one
        bench.connection.connection_lost(None)

    loop = JumpingLoop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
    return got[0] if got else None


def oracle(raw: bytes) -> Read | None:
    """How h11 reads the first request in `raw`; None: refused or not complete."""
    server = h11.Connection(h11.SERVER)
    head: h11.Request | None = None
    body = b""
    try:
        server.receive_data(raw)
        while True:
            event = server.next_event()
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return head.method.decode(), head.target, _folded(head.headers), body
            else:
                return None
    except h11.RemoteProtocolError:
        return None


def _folded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    codings = b"transfer-encoding"  # the only value that h11 folds
    return [(name.lower(), value.lower() if name.lower() == codings else value) for name, value in headers]


@settings(max_examples=800)
@given(mutated())
def test_what_we_serve_is_what_h11_reads(raw: bytes) -> None:
    read = ours(raw)
    if read is not None:
        assert read == oracle(raw.lstrip(b"\r\n"))  # h11 takes no empty lines before a request


@settings(max_examples=100)
@given(
    BODIES,
    st.lists(st.tuples(NAMES.filter(lambda name: b"-" not in name), VALUES), max_size=3),
    st.sampled_from(["length", "chunks"]),
)
def test_a_good_request_is_served_and_read_alike(body: bytes, fields: list[tuple[bytes, bytes]], framing: str) -> None:
    fields = [field for field in fields if field[0] not in {b"Host", b"Connection"}]
    if framing == "chunks":
        fields.append((b"Transfer-Encoding", b"chunked"))
        sent = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    else:
        fields.append((b"Content-Length", b"%d" % len(body)))
        sent = body
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    read = ours(b"PUT /a HTTP/1.1\r\nHost: x\r\n%b\r\n%b" % (lines, sent))
    assert read is not None
    assert read == oracle(b"PUT /a HTTP/1.1\r\nHost: x\r\n%b\r\n%b" % (lines, sent))
    assert read[3] == body
