"""S3 and S11: what could be read in two ways is refused and nothing behind it is read; nobody can ask for too much."""

import socket
from collections.abc import Iterator

import pytest

from tests.support.raw import answers, ask, connect, exchange
from tests.support.scripted import plain
from tests.support.standing import Pair, standing

BEHIND = b"GET /api/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"Connection: close"
TOLD = b"gue55-th1s"  # must come back in no answer


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with standing(tmp_path_factory.mktemp("framing"), [plain(200, b"fine")], "body: {max: 1KiB}\n") as both:
        yield both


@pytest.fixture(scope="module", autouse=True)
def begun(pair: Pair) -> dict[str, socket.socket]:
    """Heads that are never finished; their ten seconds pass while the other tests run."""
    opened = {name: connect(getattr(pair[0], name)) for name in ("proxy", "webhooks", "admin")}
    for one in opened.values():
        one.settimeout(30.0)
        one.sendall(b"GET /api/x HTTP/1.1\r\nHost: localhost\r\nX-A")
    return opened


def post(*fields: bytes, body: bytes = b"", line: bytes = b"POST /api/x HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: localhost", b"X-Told: " + TOLD, *fields, b"", b""]) + body


AMBIGUOUS = {
    "a length and chunks": post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks and a length": post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
    "two lengths": post(b"Content-Length: 0", b"Content-Length: 5", body=b"hello"),
    "one length twice": post(b"Content-Length: 0", b"Content-Length: 0"),
    "a list of lengths": post(b"Content-Length: 0, 0"),
    "a length with a sign": post(b"Content-Length: +0"),
    "a length in hex": post(b"Content-Length: 0x0"),
    "a coding beside chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "an empty coding": post(b"Transfer-Encoding: , chunked", body=b"0\r\n\r\n"),
    "two coding lines": post(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "a coding nobody knows": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "a blank before the colon": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "a folded field": post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
    "a NUL in a value": post(b"X-A: a\0b"),
    "a bare CR in a value": post(b"X-A: a\rContent-Length: 5"),
    "a bare LF as a line's end": b"GET /api/x HTTP/1.1\nHost: localhost\n\n",
    "no name": post(b": x"),
    "two Hosts": post(b"Host: localhost"),
    "no Host": b"GET /api/x HTTP/1.1\r\n\r\n",
    "a Host with user info": b"GET /api/x HTTP/1.1\r\nHost: a@localhost\r\n\r\n",
    "a Host with a blank": b"GET /api/x HTTP/1.1\r\nHost: local host\r\n\r\n",
    "chunks in HTTP/1.0": post(b"Transfer-Encoding: chunked", line=b"POST /api/x HTTP/1.0", body=b"0\r\n\r\n"),
    "HTTP/2.0": post(line=b"GET /api/x HTTP/2.0"),
    "no version": post(line=b"GET /api/x"),
    "another protocol": post(line=b"GET /api/x RTSP/1.0"),
    "two blanks behind the method": post(line=b"GET  /api/x HTTP/1.1"),
    "a blank in the target": post(line=b"GET /api/x /y HTTP/1.1"),
    "a fragment": post(line=b"GET /api/x#y HTTP/1.1"),
    "bytes beyond ASCII in the target": post(line=b"GET /api/\xff HTTP/1.1"),
    "HTTP/2's greeting": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("listener", ["proxy", "webhooks", "admin"])
@pytest.mark.parametrize("raw", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(pair: Pair, raw: bytes, listener: str):
    program, upstream = pair
    before = len(upstream.requests)
    came = exchange(getattr(program, listener), raw + BEHIND)
    assert answers(came) == [400]
    assert b"connection: close" in came.lower()
    assert TOLD not in came
    assert len(upstream.requests) == before


@pytest.mark.parametrize("listener", ["proxy", "webhooks"])
def test_the_log_names_the_rule_and_none_of_the_bytes(pair: Pair, listener: str):
    program, _ = pair
    for fields, rule in {
        (b"Content-Length: 0", b"Content-Length: 0"): "two Content-Length fields",
        (b"Authorization : " + TOLD,): "a blank before a colon",
    }.items():
        came = exchange(getattr(program, listener), post(*fields))
        assert (rule.encode() in came) == (listener == "proxy")  # senders of webhooks are told nothing
        program.wait_for(f'"code":"bad_request","reason":"[A-Z][a-z]+ request: {rule}[.]"')
    assert TOLD.decode() not in program.output


BROKEN_CHUNKS = {
    "a size that is no hex": b"zz\r\nhello\r\n0\r\n\r\n",
    "a size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a size in two spellings": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a size over 2^64": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "no line end behind the data": b"5\r\nhelloX\r\n0\r\n\r\n",
    "a bare LF behind the size": b"5\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS)
def test_a_body_with_broken_chunks_never_arrives_as_a_whole_one(pair: Pair, body: bytes):
    program, upstream = pair
    before = len(upstream.requests)
    came = exchange(program.proxy, post(b"Transfer-Encoding: chunked", body=body) + BEHIND)
    assert answers(came) == [400]
    assert len(upstream.requests) == before


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_tunnels_and_traces_are_refused_and_the_connection_ends(pair: Pair, method: str):
    target = "api:443" if method == "CONNECT" else "/api/x"
    came = exchange(pair[0].proxy, f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() + BEHIND)
    assert answers(came) == [405]


def test_the_body_of_an_upgrade_request_is_not_the_next_request(pair: Pair):
    program, upstream = pair
    before = len(upstream.requests)
    fields = (b"Connection: Upgrade, close", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
    came = exchange(program.proxy, post(*fields, b"Content-Length: %d" % len(BEHIND), body=BEHIND))
    assert answers(came) == [200]
    assert [seen.body for seen in upstream.requests[before:]] == [BEHIND]
    seen = upstream.requests[-1]
    assert not any(seen.values(name) for name in (b"upgrade", b"http2-settings", b"connection"))


def test_trailers_and_chunk_extensions_go_no_further(pair: Pair):
    program, upstream = pair
    body = b"5;a=b\r\nhello\r\n0\r\nAuthorization: trailer\r\nX-Late: 1\r\n\r\n"
    came = exchange(program.proxy, post(b"Transfer-Encoding: chunked", b"Connection: close", body=body))
    assert answers(came) == [200]
    seen = upstream.requests[-1]
    assert (seen.body, seen.values(b"authorization"), seen.values(b"x-late")) == (b"hello", [], [])


def test_what_goes_upstream_has_one_framing_field_of_ours(pair: Pair):
    program, upstream = pair
    exchange(program.proxy, post(b"Content-Length: 005", b"Connection: close", body=b"hello"))
    seen = upstream.requests[-1]
    assert (seen.values(b"content-length"), seen.values(b"transfer-encoding")) == ([b"5"], [])
    exchange(program.proxy, post(b"transfer-encoding: CHUNKED", b"Connection: close", body=b"5\r\nhello\r\n0\r\n\r\n"))
    seen = upstream.requests[-1]
    assert (seen.values(b"content-length"), seen.values(b"transfer-encoding")) == ([], [b"chunked"])


def test_a_good_request_before_a_bad_one_is_served(pair: Pair):
    came = exchange(pair[0].proxy, post() + post(b"Content-Length: x") + BEHIND)
    assert answers(came) == [200, 400]


LARGE = {
    "a long request line": (post(line=b"GET /api/" + b"a" * 17_000 + b" HTTP/1.1"), [431]),
    "a long field": (post(b"X-A: " + b"a" * 17_000), [431]),
    "many fields": (post(*[b"X-%d: 1" % number for number in range(130)]), [431]),
    "a long head": (post(*[b"X-%d: %b" % (number, b"a" * 9_000) for number in range(8)]), [431]),
    "a head that never ends": (b"GET /api/x HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: aaaaaaaa\r\n" * 6_000, [431]),
    "a declared body": (post(b"Content-Length: 1025", LAST, body=b"a" * 1025), [413]),
    "a declared body that stays away": (post(b"Content-Length: 99999999999"), [413]),
    "a counted body": (
        post(b"Transfer-Encoding: chunked", LAST, body=b"401\r\n%b\r\n0\r\n\r\n" % (b"a" * 1025)),
        [413],
    ),
    "long extensions": (post(b"Transfer-Encoding: chunked", body=b"1;" + b"a" * 40_000 + b"\r\na\r\n0\r\n\r\n"), [400]),
    "long trailers": (post(b"Transfer-Encoding: chunked", body=b"0\r\n" + b"X: aaaaaa\r\n" * 3_000 + b"\r\n"), [400]),
    "another expectation": (post(b"Expect: 200-ok", b"Content-Length: 1", LAST, body=b"a"), [417]),
}


@pytest.mark.parametrize(("raw", "statuses"), LARGE.values(), ids=LARGE)
def test_too_much_is_refused(pair: Pair, raw: bytes, statuses: list[int]):
    program, upstream = pair
    before = len(upstream.requests)
    came = exchange(program.proxy, raw)
    assert answers(came) == statuses
    assert TOLD not in came
    assert len(upstream.requests) == before


def test_the_largest_head_that_is_allowed_passes(pair: Pair):
    fields = [b"X-%d: %b" % (number, b"a" * 400) for number in range(124)]
    assert answers(exchange(pair[0].proxy, post(b"Connection: close", *fields))) == [200]


def test_the_admin_listener_has_limits_of_its_own(pair: Pair):
    for raw in (
        post(line=b"GET /" + b"a" * 9_000 + b" HTTP/1.1"),
        post(*[b"X-%d: 1" % number for number in range(70)], line=b"GET /healthz HTTP/1.1"),
        post(*[b"X-%d: %b" % (number, b"a" * 6_000) for number in range(4)], line=b"GET /healthz HTTP/1.1"),
    ):
        came = exchange(pair[0].admin, raw)
        assert answers(came) in ([431], [400])
        assert TOLD not in came
        assert b"aiohttp" not in came.lower()


def test_whoever_pipelines_without_reading_fills_no_memory(pair: Pair):
    """The sockets' buffers fill, the proxy stops reading, and the sender is the one who waits."""
    with connect(pair[0].proxy) as opened:
        opened.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 64 << 20:
                sent += opened.send(BEHIND * 1_000)
    assert answers(exchange(pair[0].proxy, post(b"Connection: close"))) == [200]


@pytest.mark.parametrize("listener", ["proxy", "webhooks", "admin"])
def test_a_head_that_does_not_come_is_answered_408(begun: dict[str, socket.socket], listener: str):
    with begun[listener] as one:
        assert b"HTTP/1.1 408 " in one.recv(1 << 16)


def test_labels_come_from_the_configuration_alone(pair: Pair):
    program, _ = pair
    for path in ("/nobody/x", "/api/x?labelled=1"):
        ask(program.proxy, b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
    ask(program.proxy, b"BREW /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    ask(program.proxy, b"PROPFIND /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    labels = " ".join(program.metrics())
    assert not any(word in labels for word in ("nobody", "labelled", "BREW", "PROPFIND", "localhost"))
    assert 'method="OTHER"' in labels
