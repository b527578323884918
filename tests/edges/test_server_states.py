"""The states of a connection, its timers and what it pauses: on a transport that only remembers."""

import asyncio

import pytest

from proxy.edges.http1.wire import HIGH_WATER
from proxy.errors import ClientGone
from proxy.model import Request, Response
from tests.support.http1 import GET, Bench, Echo, Pieces, answer, answers, content_of, settled

POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSE = (b"connection", b"close")


async def at_once(request: Request) -> Response:
    """Answers without a look at the body."""
    return answer(b"early")


async def never(request: Request) -> Response:
    """Waits for ever."""
    return await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("first", [b"\x16", b"\0", b"g", b"<", b"\n", b" "])
async def test_what_cannot_be_a_request_is_refused_at_its_first_byte(first: bytes) -> None:
    bench = Bench(Echo())
    await bench.send(first)
    assert answers(bench.transport.written)[0].status == 400


async def test_a_full_inbox_pauses_the_transport_until_it_was_read():
    reading = asyncio.Event()

    async def handler(request: Request) -> Response:
        await reading.wait()
        return answer(b"%d" % len(await content_of(request)))

    bench = Bench(handler)
    await bench.send(POST % 200_000, b"x" * HIGH_WATER)
    assert bench.transport.told == []
    await bench.send(b"x")
    assert bench.transport.told == ["pause"]
    reading.set()
    await settled()
    assert bench.transport.told == ["pause", "resume"]
    await bench.send(b"x" * (200_000 - HIGH_WATER - 1))
    assert answers(bench.transport.written)[0].body == b"200000"
    assert bench.transport.reading


async def test_requests_behind_a_busy_one_are_kept_and_over_64_kib_not_read():
    go = asyncio.Event()
    echo = Echo()

    async def handler(request: Request) -> Response:
        await go.wait()
        return await echo(request)

    bench = Bench(handler)
    await bench.send(GET, GET * 2_000)
    assert bench.transport.told == []
    await bench.send(GET * 700)
    assert bench.transport.told == ["pause"]
    go.set()
    await asyncio.sleep(1)
    assert bench.transport.reading
    assert echo.seen == ["GET / "] * 2_701
    assert len(answers(bench.transport.written, closed=False)) == 2_701


async def test_the_rest_of_a_small_body_that_nobody_wants_is_read_away_and_the_next_request_served():
    echo = Echo()

    async def handler(request: Request) -> Response:
        return await (echo(request) if request.body is None else at_once(request))

    bench = Bench(handler)
    await bench.send(POST % 60_000, b"x" * 30_000)
    assert CLOSE not in answers(bench.transport.written)[0].headers
    await bench.send(b"x" * 30_000 + GET)
    assert echo.seen == ["GET / "]
    assert [one.status for one in answers(bench.transport.written, closed=False)] == [200, 200]


EARLY = {
    "a large body": (POST % 70_000, b"x"),
    "a chunked body": (CHUNKED, b"5\r\nhe"),
    "a body that waits for 100 Continue": ((POST % 5).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"), b""),
}


@pytest.mark.parametrize(("head", "some"), EARLY.values(), ids=EARLY)
async def test_an_answer_before_the_end_of_its_request_closes_and_lingers(head: bytes, some: bytes) -> None:
    bench = Bench(at_once)
    await bench.send(head + some)
    (got,) = answers(bench.transport.written)
    assert (got.body, CLOSE in got.headers) == (b"early", True)
    assert bench.transport.told == ["eof"]
    await bench.send(GET)  # dropped, whatever it looks like
    assert len(answers(bench.transport.written)) == 1
    assert bench.transport.told == ["eof"]


async def test_a_half_closed_application_counts_as_gone():
    ended: list[str] = []

    async def handler(request: Request) -> Response:
        try:
            return await never(request)
        finally:
            ended.append("cancelled")

    bench = Bench(handler)
    await bench.send(GET)
    assert bench.connection.eof_received() is None
    await settled()
    assert ended == ["cancelled"]
    assert bench.service.tasks == set()


async def test_a_refused_application_that_half_closed_still_gets_its_answer():
    bench = Bench(Echo())
    bench.connection.data_received(b"rubbish\r\n\r\n")
    assert bench.connection.eof_received() is True
    await settled()
    assert answers(bench.transport.written)[0].status == 400
    assert bench.transport.told == ["close"]


async def test_a_lost_connection_cancels_its_call_and_leaves_nothing():
    bench = Bench(never)
    await bench.send(GET)
    assert len(bench.service.tasks) == 1
    bench.connection.connection_lost(ConnectionResetError())
    await settled()
    assert (bench.service.tasks, bench.service.connections, bench.bugs) == (set(), set(), [])


async def test_whoever_reads_the_body_is_told_that_the_application_is_gone():
    loop = asyncio.get_running_loop()
    uploads: list[asyncio.Task[bytes]] = []

    async def handler(request: Request) -> Response:
        uploads.append(loop.create_task(request.body.open().read()))  # as an upload runs beside its call
        return await never(request)

    bench = Bench(handler)
    await bench.send(POST % 5)
    bench.connection.connection_lost(None)
    await settled()
    assert isinstance(uploads[0].exception(), ClientGone)


async def test_a_drain_closes_an_idle_connection_and_lets_a_busy_one_say_close():
    go = asyncio.Event()

    async def handler(request: Request) -> Response:
        await go.wait()
        return answer()

    bench = Bench(handler)
    await bench.send(GET)
    _, idle = other = bench.another()
    bench.service.draining = True
    bench.connection.drain(0.0)
    other[0].drain(0.0)
    assert (bench.transport.told, idle.told) == ([], ["close"])
    go.set()
    await settled()
    assert CLOSE in answers(bench.transport.written)[0].headers
    assert bench.transport.told == ["close"]


async def test_a_connection_whose_answer_was_on_its_way_when_a_drain_began_ends_with_it():
    go = asyncio.Event()

    async def handler(request: Request) -> Response:
        return Response(200, b"X", (), Pieces(go.wait()), None)

    bench = Bench(handler)
    await bench.send(GET)
    bench.service.draining = True
    go.set()
    await settled()
    assert answers(bench.transport.written)[0].whole
    assert bench.transport.told == ["close"]


async def test_a_connection_that_ends_with_requests_unread_lingers():
    echo = Echo()
    bench = Bench(echo)
    await bench.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + GET)
    assert (echo.seen, bench.transport.told) == (["GET / "], ["eof"])


async def test_a_refused_head_request_is_answered_without_a_body():
    bench = Bench(Echo())
    await bench.send(b"\r\nHEAD / HTTP/1.1\r\n\r\n")
    assert bench.transport.written == b"HTTP/1.1 400 X\r\nConnection: close\r\n\r\n"


async def test_a_call_that_is_cancelled_from_inside_does_not_leave_its_connection_waiting():
    async def handler(request: Request) -> Response:
        raise asyncio.CancelledError

    bench = Bench(handler)
    await bench.send(GET)
    assert bench.transport.told == ["abort"]
    assert (bench.service.tasks, bench.service.connections) == (set(), set())


async def test_a_request_that_has_begun_when_a_drain_begins_is_served():
    bench = Bench(Echo())
    await bench.send(GET[:10])
    bench.service.draining = True
    bench.connection.drain(0.0)
    await bench.send(GET[10:])
    (got,) = answers(bench.transport.written)
    assert (got.status, CLOSE in got.headers) == (200, True)


async def test_a_call_knows_both_addresses_of_its_connection():
    echo = Echo()
    bench = Bench(echo)
    await bench.send(GET)
    call = echo.requests[0].call
    assert (call.local, call.peer) == ("127.0.0.1", "127.0.0.2")
