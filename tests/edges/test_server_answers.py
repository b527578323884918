"""Answers as bytes: how each is framed, what a break looks like, and that every answer is closed once."""

import asyncio

import pytest

from proxy.body import Stream, Whole
from proxy.edges.http1.wire import HIGH_WATER
from proxy.errors import ClientGone, ProxyError, UpstreamFailure
from proxy.model import Headers, Request, Response
from tests.support.http1 import GET, Bench, Pieces, answers, settled

OLD = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"
BROKEN = UpstreamFailure("upstream_reset", sent=True)


class Answering:
    """A handler of one answer, which notes how each of its copies was closed."""

    def __init__(
        self,
        *body: Stream,
        length: int | None = None,
        status: int = 200,
        headers: Headers = (),
        until_close: bool = False,
        made_here: str | None = None,
    ) -> None:
        self._bodies = list(body)
        self._rest = {"length": length, "until_close": until_close, "made_here": made_here}
        self._status, self._headers = status, headers
        self.closed: list[ProxyError | None] = []

    async def __call__(self, request: Request) -> Response:
        response = Response(self._status, b"X", self._headers, self._bodies.pop(0), **self._rest)
        response.on_close(self.closed.append)
        return response


class Later:
    """A body's pause that ends when the test says so."""

    def __init__(self) -> None:
        self._done = asyncio.Event()
        self.end = self._done.set

    def __await__(self):
        return self._done.wait().__await__()


FRAMED = {  # request, what the answer says of its body, bytes on the wire
    "a length": (GET, {"length": 2}, b"Content-Length: 2\r\n\r\nhi"),
    "no length": (GET, {}, b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
    "a length to HTTP/1.0": (OLD, {"length": 2}, b"Content-Length: 2\r\nConnection: close\r\n\r\nhi"),
    "no length to HTTP/1.0": (OLD, {}, b"Connection: close\r\n\r\nhi"),
    "an end that only the close tells": (GET, {"until_close": True}, b"Connection: close\r\n\r\nhi"),
    "a 400 of our own": (
        GET,
        {"length": 2, "status": 400, "made_here": "bad_request"},
        b"Content-Length: 2\r\nConnection: close\r\n\r\nhi",
    ),
    "a 400 of the upstream": (GET, {"length": 2, "status": 400}, b"Content-Length: 2\r\n\r\nhi"),
    "204": (GET, {"status": 204, "length": 0}, b"\r\n"),
    "304": (GET, {"status": 304, "headers": ((b"Content-Length", b"9"),)}, b"Content-Length: 9\r\n\r\n"),
    "HEAD": (b"HEAD" + GET[3:], {"headers": ((b"Content-Length", b"9"),)}, b"Content-Length: 9\r\n\r\n"),
    "HEAD with a body that nobody may see": (b"HEAD" + GET[3:], {"length": 2}, b"\r\n"),
}


@pytest.mark.parametrize(("request_", "said", "sent"), FRAMED.values(), ids=FRAMED)
async def test_an_answer_is_framed_by(request_: bytes, said: dict[str, object], sent: bytes) -> None:
    handler = Answering(Whole(b"hi"), **said)
    bench = Bench(handler)
    await bench.send(request_)
    head = b"HTTP/1.1 %d X\r\n" % said.get("status", 200)
    assert bench.transport.writes == [head + sent]  # head and body in one write
    assert (bench.transport.told == ["close"]) is (b"Connection: close" in sent)
    assert handler.closed == [None]


async def test_a_head_is_never_held_back_for_a_body_that_is_not_there_yet():
    later = Later()
    bench = Bench(Answering(Pieces(later, b"event 1", Later()), length=None))
    await bench.send(GET)
    assert bench.transport.writes == [b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"]
    later.end()
    await settled()
    assert bench.transport.writes[1:] == [b"7\r\nevent 1\r\n"]


async def test_an_answer_without_a_body_that_comes_later_ends_with_the_last_chunk():
    later = Later()
    handler = Answering(Pieces(b"a", later))
    bench = Bench(handler)
    await bench.send(GET)
    assert handler.closed == []
    later.end()
    await settled()
    assert answers(bench.transport.written, closed=False)[0].whole
    assert handler.closed == [None]


BREAKS = {  # a plain close shows that a length or chunks are not complete; where neither is, only a reset does
    "chunks": (GET, None, "close"),
    "a length": (GET, 9, "close"),
    "neither": (OLD, None, "abort"),
}


@pytest.mark.parametrize(("request_", "length", "told"), BREAKS.values(), ids=BREAKS)
async def test_a_body_that_breaks_is_seen_to_break_with(request_: bytes, length: int | None, told: str) -> None:
    later = Later()
    handler = Answering(Pieces(b"some", later, BROKEN), length=length)
    bench = Bench(handler)
    await bench.send(request_ + GET)
    later.end()
    await settled()
    assert bench.transport.told == [told]
    assert b"some" in bench.transport.written
    if told == "close":
        assert not answers(bench.transport.written)[0].whole
    assert handler.closed == [BROKEN]


async def test_what_came_before_a_break_in_the_same_moment_is_still_sent():
    bench = Bench(Answering(Pieces(b"some", BROKEN)))
    await bench.send(GET)
    assert bench.transport.written.endswith(b"\r\n4\r\nsome\r\n")
    assert bench.transport.told == ["close"]


@pytest.mark.parametrize("length", [1, 3], ids=["longer", "shorter"])
async def test_a_body_that_is_not_as_long_as_its_head_says_ends_the_connection(length: int) -> None:
    handler = Answering(Whole(b"hi"), Whole(b"never"), length=length)
    bench = Bench(handler)
    await bench.send(GET + GET)
    assert bench.transport.told == ["abort"]
    assert b"never" not in bench.transport.written
    assert [str(error) for error in handler.closed] == ["internal_error"]
    assert len(bench.bugs) == 1


async def test_a_bug_in_a_body_is_told_and_cuts_the_connection():
    bug = KeyError("oops")
    handler = Answering(Pieces(b"some", bug))
    bench = Bench(handler)
    await bench.send(GET)
    assert (bench.bugs, bench.transport.told) == ([bug], ["abort"])
    assert [str(error) for error in handler.closed] == ["internal_error"]


async def test_a_bug_in_the_handler_is_told_and_cuts_the_connection():
    async def handler(request: Request) -> Response:
        raise bug

    bug = KeyError("oops")
    bench = Bench(handler)
    await bench.send(GET + GET)
    assert (bench.bugs, bench.transport.told, bench.transport.written) == ([bug], ["abort"], b"")


async def test_a_bug_in_a_closer_is_told_and_cuts_the_connection():
    def fail(failure: ProxyError | None) -> None:
        raise KeyError("oops")

    async def handler(request: Request) -> Response:
        response = Response(200, b"X", (), Whole(), 0)
        response.on_close(fail)
        return response

    bench = Bench(handler)
    await bench.send(GET)
    assert (len(bench.bugs), bench.transport.told) == (1, ["abort"])


async def test_an_application_that_goes_while_its_answer_streams_closes_the_answer():
    handler = Answering(Pieces(b"some", Later()))
    bench = Bench(handler)
    await bench.send(GET)
    bench.connection.connection_lost(None)
    await settled()
    assert [type(error) for error in handler.closed] == [ClientGone]
    assert bench.service.tasks == set()


async def test_an_answer_for_one_who_is_gone_already_is_closed_and_not_written():
    async def stubborn(request: Request) -> Response:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return await handler(request)

    handler = Answering(Whole(b"hi"), length=2)
    bench = Bench(stubborn)
    await bench.send(GET)
    bench.transport.closing = True
    bench.connection.connection_lost(None)
    await settled()
    assert [type(error) for error in handler.closed] == [ClientGone]
    assert (bench.transport.written, bench.bugs) == (b"", [])


async def test_a_writer_waits_while_the_transport_is_full_and_goes_on_when_it_is_not():
    pieces = [b"x" * HIGH_WATER, b"y", b"z"]
    handler = Answering(Pieces(*pieces), length=HIGH_WATER + 2)
    bench = Bench(handler)
    bench.transport.full = True
    await bench.send(GET)
    assert b"y" not in bench.transport.written[-9:]
    bench.transport.take(10**6)
    await settled()
    assert bench.transport.written.endswith(b"xyz")
    assert handler.closed == [None]


async def test_an_application_that_takes_nothing_for_idle_seconds_is_cut_off():
    loop = asyncio.get_running_loop()
    handler = Answering(Pieces(b"x" * HIGH_WATER, b"y" * HIGH_WATER), length=2 * HIGH_WATER)
    bench = Bench(handler, idle=30.0)
    bench.transport.full = True
    await bench.send(GET)
    await asyncio.sleep(29.9)
    assert bench.transport.told == []
    await asyncio.sleep(0.2)
    assert bench.transport.told == ["abort"]
    assert [type(error) for error in handler.closed] == [ClientGone]
    assert loop.time() < 31


async def test_an_application_that_takes_little_but_takes_is_not_cut_off():
    handler = Answering(Pieces(b"x" * HIGH_WATER, b"y"), length=HIGH_WATER + 1)
    bench = Bench(handler, idle=30.0)
    bench.transport.full = True
    await bench.send(GET)
    for _ in range(6):
        await asyncio.sleep(20)
        bench.transport.take(9_000)
    await asyncio.sleep(1)
    assert bench.transport.told == []
    assert bench.transport.written.endswith(b"xy")
    assert handler.closed == [None]


async def test_one_who_pipelines_and_reads_nothing_does_not_fill_our_memory():
    handler = Answering(*[Whole(b"x" * 50_000) for _ in range(9)], length=50_000)
    bench = Bench(handler)
    bench.transport.full = True
    await bench.send(GET * 9)
    assert len(handler.closed) == 2  # over the limit with the second, whose place is free all the same
    bench.transport.take(10**6)
    await settled()
    assert len(handler.closed) == 4
