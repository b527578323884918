"""Bodies on their way in: when one is asked for, what breaks one, and how much may stand between its chunks."""

import asyncio

import pytest

from proxy.edges.http1.listener import PROXY
from proxy.edges.http1.request_reader import Heads
from proxy.errors import Refusal
from proxy.model import Request, Response
from tests.support.http1 import GET, Bench, Echo, answer, answers, settled

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def expecting(value: bytes = b"100-continue", version: bytes = b"1.1", length: bytes = b"5") -> bytes:
    """A request that wants to be asked for its body."""
    return b"POST / HTTP/%b\r\nHost: x\r\nContent-Length: %b\r\nExpect: %b\r\n\r\n" % (version, length, value)


async def test_a_body_is_asked_for_when_it_is_first_read():
    go = asyncio.Event()
    echo = Echo()

    async def handler(request: Request) -> Response:
        await go.wait()
        return await echo(request)

    bench = Bench(handler)
    await bench.send(expecting())
    assert bench.transport.written == b""
    go.set()
    await settled()
    assert bench.transport.written == CONTINUE
    await bench.send(b"he", b"llo" + GET)
    assert echo.seen == ["POST / hello", "GET / "]
    assert bench.transport.written.count(CONTINUE) == 1


async def test_a_chunked_body_is_asked_for_too():
    bench = Bench(Echo())
    await bench.send(CHUNKED.replace(b"Host", b"Expect: 100-Continue\r\nHost"))
    assert bench.transport.written == CONTINUE


NOT_ASKED = {
    "the body is there already": expecting() + b"hello",
    "some of it is there already": expecting() + b"he",
    "there is no body": expecting(length=b"0"),
    "HTTP/1.0 does not know the word": expecting(version=b"1.0"),
    "another expectation is not ours": expecting(b"200-ok"),
    "an expectation among others is not ours": expecting(b"100-continue, 200-ok"),
}


@pytest.mark.parametrize("sent", NOT_ASKED.values(), ids=NOT_ASKED)
async def test_a_body_is_not_asked_for_where(sent: bytes) -> None:
    bench = Bench(Echo())
    await bench.send(sent)
    assert CONTINUE not in bench.transport.written


async def test_a_connection_does_not_wait_for_a_body_that_an_unknown_expectation_holds_back():
    echo = Echo()

    async def handler(request: Request) -> Response:
        return await echo(request) if request.body is None else answer(b"no", 417)

    bench = Bench(handler)
    await bench.send(expecting(b"200-ok"), GET * 2)
    (got,) = answers(bench.transport.written)
    assert (got.status, (b"connection", b"close") in got.headers, echo.seen) == (417, True, [])


async def test_a_body_is_not_asked_for_behind_the_head_of_the_answer():
    async def handler(request: Request) -> Response:
        return Response(200, b"X", (), request.body.open(), None)  # an answer that is the request's own body

    bench = Bench(handler)
    await bench.send(expecting())
    assert bench.transport.written.startswith(b"HTTP/1.1 200 X\r\n")
    assert CONTINUE not in bench.transport.written


async def test_a_body_that_was_asked_for_and_is_small_does_not_cost_the_connection():
    async def handler(request: Request) -> Response:
        reading = asyncio.get_running_loop().create_task(request.body.open().read())
        await asyncio.sleep(0)
        reading.cancel()
        return answer()

    bench = Bench(handler)
    await bench.send(expecting(), b"hello")
    assert bench.transport.written.startswith(CONTINUE)
    assert bench.transport.told == []


async def test_a_chunked_body_that_breaks_gives_what_came_before_and_then_bad_request():
    got: list[bytes] = []

    async def handler(request: Request) -> Response:
        stream = request.body.open()
        while True:
            got.append(await stream.read())

    bench = Bench(handler)
    await bench.send(CHUNKED + b"3\r\nabc\r\n", b"2\r\nde\r\nzz\r\n" + GET)
    assert b"".join(got) == b"abcde"
    (bug,) = bench.bugs  # this handler lets the refusal through; a gateway makes an answer of it
    assert str(bug) == "bad_request"
    assert bench.transport.written == b""


async def test_nothing_behind_a_broken_chunk_is_read_even_later():
    echo = Echo()
    bench = Bench(echo)
    await bench.send(CHUNKED + b"zz\r\n")
    await bench.send(GET)
    assert echo.seen == ["POST / !bad_request"]
    assert answers(bench.transport.written)[0].status == 400


async def test_a_request_behind_a_chunked_body_is_served_if_it_comes_by_itself():
    echo = Echo()
    bench = Bench(echo)
    await bench.send(CHUNKED + b"0\r\n\r\n", GET, CHUNKED + b"1\r\na\r\n0\r\n\r\n", GET)
    assert echo.seen == ["POST / ", "GET / ", "POST / a", "GET / "]
    assert bench.transport.told == []


async def test_a_request_in_the_packet_of_a_last_chunk_is_dropped_and_the_connection_closed():
    echo = Echo()
    bench = Bench(echo)
    await bench.send(CHUNKED, b"0\r\n\r\nG", b"ET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert echo.seen == ["POST / "]
    assert (b"connection", b"close") in answers(bench.transport.written)[0].headers
    assert bench.transport.told == ["eof"]


BETWEEN = {  # bytes around the chunks: extensions, trailers
    "16 KiB in one extension": (b"1;" + b"e" * 16_384 + b"\r\na\r\n0\r\n\r\n", True),
    "17 KiB in one extension": (b"1;" + b"e" * 17_408 + b"\r\na\r\n0\r\n\r\n", False),
    "17 KiB in extensions of many chunks": ((b"1;" + b"e" * 100 + b"\r\na\r\n") * 300 + b"0\r\n\r\n", False),
    "17 KiB of trailers": (b"0\r\n" + b"A: b\r\n" * 2_900 + b"\r\n", False),
    "one trailer of 17 KiB": (b"0\r\nA: " + b"b" * 17_408 + b"\r\n\r\n", False),
    "ten thousand chunks of one byte": (b"1\r\na\r\n" * 10_000 + b"0\r\n\r\n", True),
    "a chunk of 100,000 bytes": (b"186a0\r\n" + b"a" * 100_000 + b"\r\n0\r\n\r\n", True),
    "a size of thousands of zeros": (b"0" * 17_408 + b"1\r\na\r\n0\r\n\r\n", False),
}


@pytest.mark.parametrize(("body", "fine"), BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("size", [1 << 20, 1_000])
async def test_between_the_chunks_of_a_body_there_may_be(body: bytes, fine: bool, size: int) -> None:  # noqa: FBT001 - a row
    echo = Echo()
    bench = Bench(echo)
    await bench.send(CHUNKED, *(body[at : at + size] for at in range(0, len(body), size)))
    assert ("!bad_request" not in echo.seen[0]) is fine
    assert answers(bench.transport.written)[0].status == (200 if fine else 400)


@pytest.mark.parametrize(("body", "fine"), BETWEEN.values(), ids=BETWEEN)
async def test_what_comes_behind_a_body_in_its_last_packet_does_not_hide_what_is_between_its_chunks(
    body: bytes,
    fine: bool,  # noqa: FBT001 - a row
) -> None:
    bench = Bench(Echo())
    await bench.send(CHUNKED + body + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [answer.status for answer in answers(bench.transport.written)] == [200 if fine else 400]


async def test_what_comes_behind_a_body_in_its_last_packet_is_not_counted_with_it():
    bench = Bench(Echo())
    await bench.send(CHUNKED, b"1\r\na\r\n0\r\n\r", b"\nGET / HTTP/1.1\r\nX: " + b"x" * 30_000)
    await bench.send(b"\r\n\r\n")
    assert [answer.status for answer in answers(bench.transport.written)] == [200]


async def test_a_trailer_that_does_not_end_is_cut_short():
    bench = Bench(Echo())
    await bench.send(CHUNKED + b"0\r\nA: ", *[b"b" * 1_000] * 17)
    assert answers(bench.transport.written)[0].status == 400


async def test_a_trailer_is_not_a_field():
    echo = Echo()
    bench = Bench(echo)
    await bench.send(CHUNKED + b"0\r\nHost: evil\r\nAuthorization: y\r\n\r\n")
    assert echo.requests[0].headers == ((b"Host", b"x"), (b"Transfer-Encoding", b"chunked"))


async def test_a_body_of_declared_length_is_told_its_length_and_a_chunked_one_none():
    echo = Echo()
    bench = Bench(echo)
    await bench.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", CHUNKED + b"0\r\n\r\n", GET)
    assert [request.body and request.body.length for request in echo.requests] == [2, None, None]
    assert [request.body is None for request in echo.requests] == [False, False, True]


LEFT_BEHIND = {  # by another connection, in the parser that a listener has for all
    "a refusal": b"BREW / HTTP/1.1\r\n\r\n",
    "a close": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "HTTP/1.0": b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
    "a length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
    "chunks": CHUNKED,
    "an upgrade": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: y\r\n\r\n",
    "a tunnel": b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("before", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
async def test_a_head_is_read_alike_whatever_another_connection_sent(before: bytes) -> None:
    echo = Echo()
    bench = Bench(echo)
    other, _ = bench.another()
    other.data_received(before)
    await bench.send(GET, GET)
    assert echo.seen[-2:] == ["GET / ", "GET / "]
    assert [one.status for one in answers(bench.transport.written, closed=False)] == [200, 200]


async def test_connections_of_one_listener_do_not_share_what_they_read():
    echo = Echo()
    bench = Bench(echo)
    other, transport = bench.another()
    half = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab"
    await bench.send(half)
    other.data_received(b"BREW / HTTP/1.1\r\n\r\n")
    await bench.send(b"cd", half)
    await settled()
    assert echo.seen == ["POST /a abcd"]
    assert answers(transport.written)[0].status == 400


def test_a_head_that_the_parser_takes_for_unfinished_is_refused():
    with pytest.raises(Refusal, match="bad_request"):
        Heads(PROXY).read(GET[:-2] + b"A: b\r\n")
