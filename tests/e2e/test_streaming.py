"""Long bodies, slow readers and broken ends through the running program: memory stays, and an end is never invented."""

import http.client
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.by_hand import ByHand, Peer, connect
from tests.support.program import Program
from tests.support.standing import LISTEN

GIB = 1 << 30
GROWTH = 8 << 20
GET = b"GET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Shared:
    """One program for all tests that measure no memory; each says how its upstream plays."""

    def __init__(self, program: Program, plays: list[Callable[[Peer], None]]) -> None:
        self.program = program
        self._plays = plays
        self._before: dict[str, float] = {}

    def __call__(self, play: Callable[[Peer], None]) -> Program:
        self._plays.append(play)
        self._before = {code: self.program.calls(code) for code in CODES}
        return self.program

    def calls(self, code: str) -> float:
        """Calls that ended so since the play began."""
        return self.program.calls(code) - self._before[code]


CODES = ("client_gone", "upstream_reset", "upstream_protocol_error")


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[Shared]:
    plays: list[Callable[[Peer], None]] = []

    def play(peer: Peer) -> None:
        plays[-1](peer)

    upstream = ByHand(play)
    config = tmp_path_factory.mktemp("streaming") / "config.yaml"
    config.write_text(f"{LISTEN}upstreams: {{api: {{url: {upstream.url}, breaker: off}}}}\n")
    program = Program(config)
    yield Shared(program, plays)
    program.stop()
    upstream.close()


def put(size: int) -> bytes:
    return b"PUT /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size


def small(program) -> None:
    """One plain call first, so that what is loaded once is loaded."""
    with connect(program.proxy) as client:
        client.send(b"GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.head()


def test_events_arrive_one_by_one_as_they_are_sent(shared):
    def serve(upstream: Peer) -> None:
        upstream.head()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            event = b"data: %d\n\n" % number
            upstream.send(b"%x\r\n%b\r\n" % (len(event), event))
            while len(seen) <= number:  # the next event only after this one was read at the far end
                time.sleep(0.001)
        upstream.send(b"0\r\n\r\n")

    seen: list[bytes] = []
    program = shared(serve)
    connection = http.client.HTTPConnection(program.proxy.removeprefix("http://"), timeout=5)
    connection.request("GET", "/api/events")
    answer = connection.getresponse()
    for _ in range(3):
        seen.append(answer.readline())
        answer.readline()
    assert (seen, answer.read()) == ([b"data: 0\n", b"data: 1\n", b"data: 2\n"], b"")
    connection.close()


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_gibibyte_comes_down_without_memory(by_hand, framing):
    def serve(upstream: Peer) -> None:
        upstream.head()
        if framing == "length":
            upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
            upstream.pour(GIB)
        else:
            upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            piece = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
            for _ in range(96):
                upstream.send(piece)
            upstream.send(b"0\r\n\r\n")

    program, _ = by_hand(serve)
    small(program)
    before = program.memory()
    connection = http.client.HTTPConnection(program.proxy.removeprefix("http://"), timeout=30)
    connection.request("GET", "/api/x")
    answer, came, buffer = connection.getresponse(), 0, bytearray(1 << 18)
    while size := answer.readinto(buffer):
        came += size
    assert came == (GIB if framing == "length" else 96 << 20)
    assert program.memory("VmHWM") - before <= GROWTH
    connection.close()


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_gibibyte_goes_up_without_memory(by_hand, framing):
    came: list[int] = []

    def serve(upstream: Peer) -> None:
        head = upstream.head()
        if b"content-length:" in head.lower():
            came.append(upstream.count(GIB))
        else:
            total = 0
            while size := int(upstream.until(b"\r\n"), 16):
                total += len(upstream.exactly(size))
                upstream.exactly(2)
            upstream.until(b"\r\n")
            came.append(total)
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    program, _ = by_hand(serve)
    small(program)
    before = program.memory()
    with connect(program.proxy) as client:
        if framing == "length":
            client.send(put(GIB))
            client.pour(GIB)
        else:
            client.send(b"PUT /api/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            piece = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
            for _ in range(96):
                client.send(piece)
            client.send(b"0\r\n\r\n")
        assert client.head().startswith(b"HTTP/1.1 200")
    assert came == [GIB if framing == "length" else 96 << 20]
    assert program.memory("VmHWM") - before <= GROWTH


def test_a_client_that_reads_nothing_holds_the_upstream_back(by_hand):
    sent: list[int] = []

    def serve(upstream: Peer) -> None:
        upstream.head()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
        sent.append(upstream.pour_until_stuck(GIB))
        sent.append(upstream.ended())

    program, _ = by_hand(serve)
    small(program)
    before = program.memory()
    with connect(program.proxy) as client:
        client.send(GET)
        program.until(lambda: bool(sent))
        assert sent[0] < GIB // 4  # what the kernel's buffers hold
        assert program.memory("VmHWM") - before <= GROWTH
    program.until(lambda: program.calls("client_gone") == 1)
    program.until(lambda: sent[1:] == [True])


def test_an_upstream_that_reads_nothing_holds_the_client_back(by_hand):
    ended: list[bool] = []

    def serve(upstream: Peer) -> None:
        upstream.head()
        program.until(lambda: program.calls("upstream_timeout") == 1)
        ended.append(upstream.ended())

    program, _ = by_hand(serve, "timeout: {idle: 1s}")
    small(program)
    before = program.memory()
    with connect(program.proxy) as client:
        client.send(put(GIB))
        assert client.pour_until_stuck(GIB, 0.4) < GIB // 4
        assert program.memory("VmHWM") - before <= GROWTH
        assert client.head().startswith(b"HTTP/1.1 504")
    program.until(lambda: ended == [True])


MOMENTS = {
    "before the head": b"",
    "in the middle of a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "in the middle of a body of chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
}


@pytest.mark.parametrize("said", MOMENTS.values(), ids=MOMENTS)
def test_when_the_client_is_gone_the_upstream_connection_is_closed(shared, said):
    ended: list[bool] = []
    arrived: list[bytes] = []

    def serve(upstream: Peer) -> None:
        arrived.append(upstream.head())
        if said:
            upstream.send(said)
        ended.append(upstream.ended())

    program = shared(serve)
    with connect(program.proxy) as client:
        client.send(GET)
        program.until(lambda: bool(arrived))
        if said:
            client.until(b"abc")
    program.until(lambda: ended == [True])
    program.until(lambda: shared.calls("client_gone") == 1)
    assert program.metrics()['outrigger_in_flight{upstream="api"}'] == 0


BREAKS = {
    "a length": (b"Content-Length: 10\r\n\r\nabc", b"abc"),
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"3\r\nabc\r\n"),
    "a chunk cut in two": (b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", b"3\r\nabc\r\n"),
    "a bad chunk": (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", b"3\r\nabc\r\n"),
}


@pytest.mark.parametrize(("said", "passed"), BREAKS.values(), ids=BREAKS)
def test_a_broken_body_is_seen_as_broken(shared, said, passed):
    def serve(upstream: Peer) -> None:
        upstream.head()
        upstream.send(b"HTTP/1.1 200 OK\r\n" + said)

    program = shared(serve)
    with connect(program.proxy) as client:
        client.send(GET)
        head, body = client.head(), client.rest()
    assert head.startswith(b"HTTP/1.1 200")
    assert body == passed  # neither filled up nor given a last chunk
    code = "upstream_protocol_error" if b"zz" in said else "upstream_reset"
    program.until(lambda: shared.calls(code) == 1)


def test_an_old_client_sees_a_broken_body_as_a_reset(shared):
    def serve(upstream: Peer) -> None:
        upstream.head()
        upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")

    program = shared(serve)
    with connect(program.proxy) as client:
        client.send(b"GET /api/x HTTP/1.0\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            client.rest()


def test_a_stream_outlives_total_and_ends_by_idle(by_hand):
    def serve(upstream: Peer) -> None:
        upstream.head()
        upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(8):
            upstream.send(b"1\r\nx\r\n")
            time.sleep(0.15)
        upstream.ended()

    program, _ = by_hand(serve, "timeout: {total: 500ms, idle: 400ms}")
    with connect(program.proxy) as client:
        client.send(GET)
        client.head()
        assert client.rest() == b"1\r\nx\r\n" * 8
    assert program.calls("upstream_timeout") == 1
