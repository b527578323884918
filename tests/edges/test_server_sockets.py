"""What only a real socket shows: back pressure, a peer that leaves, resets, and that nothing is left behind."""

import asyncio
import socket
from pathlib import Path

import pytest

from proxy.errors import ClientGone, ProxyError, UpstreamFailure
from proxy.model import Request, Response
from tests.support.http1 import GET, Echo, Pieces, answer, answers, connect, content_of, exchange, listening

pytestmark = [pytest.mark.sockets, pytest.mark.usefixtures("loops")]

OLD = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"
LARGE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
BROKEN = UpstreamFailure("upstream_reset", sent=True)
LEAST = 40_000_000  # bytes: more than two kernels hold for one connection


async def soon(check) -> None:
    """Returns once `check()` is true; fails after five seconds."""
    for _ in range(500):
        if check():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true")


async def test_an_upload_that_nobody_reads_stops_at_the_kernel_and_goes_on_when_it_is_read():
    go = asyncio.Event()

    async def handler(request: Request) -> Response:
        await go.wait()
        return answer(b"%d" % len(await content_of(request)))

    async with listening(handler) as (_, bound):
        reader, writer = await connect(bound)
        writer.write(LARGE + b"x" * 100_000_000)
        await asyncio.sleep(0.3)
        stuck = writer.transport.get_write_buffer_size()
        assert stuck > LEAST
        await asyncio.sleep(0.1)
        assert writer.transport.get_write_buffer_size() == stuck
        go.set()
        assert await asyncio.wait_for(reader.readuntil(b"100000000"), 15)
        writer.close()


async def test_a_download_that_nobody_reads_stops_its_source_and_goes_on_when_it_is_read():
    passed = 0

    class Endless:
        ready = True

        async def read(self) -> bytes:
            nonlocal passed
            passed += 65_536
            return b"x" * 65_536 if passed <= 2 * LEAST else b""

    async def handler(request: Request) -> Response:
        return Response(200, b"X", (), Endless(), None)

    async with listening(handler) as (_, bound):
        reader, writer = await connect(bound)
        writer.transport.pause_reading()
        writer.write(GET.replace(b"Host", b"Connection: close\r\nHost"))
        await asyncio.sleep(0.3)
        stuck = passed
        assert 0 < stuck < LEAST
        await asyncio.sleep(0.1)
        assert passed == stuck
        writer.transport.resume_reading()
        got = 0
        while piece := await reader.read(1 << 20):
            got += len(piece)
        assert got > 2 * LEAST - 65_536
        writer.close()


@pytest.mark.parametrize("leave", ["close", "reset", "half-close"])
async def test_an_application_that_leaves_cancels_its_call(leave: str) -> None:
    ended: list[str] = []

    async def handler(request: Request) -> Response:
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            ended.append(leave)

    async with listening(handler) as (listener, bound):
        _, writer = await connect(bound)
        writer.write(GET)
        await soon(lambda: listener.in_flight == 1)
        if leave == "half-close":
            writer.write_eof()
        elif leave == "reset":
            writer.transport.abort()
        else:
            writer.close()
        await soon(lambda: ended == [leave] and listener.connections == listener.in_flight == 0)
        writer.close()


@pytest.mark.parametrize("how", ["a reset", "a close"])
async def test_an_application_that_leaves_while_nobody_reads_its_body_is_noticed(how: str) -> None:
    """Its connection is paused then, and a paused transport is told nothing."""
    ended: list[str] = []

    async def handler(request: Request) -> Response:
        try:
            return await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            ended.append(how)
            raise

    async with listening(handler) as (listener, bound):
        host, port = bound.rsplit(":", 1)
        client = socket.create_connection((host, int(port)))
        client.sendall(LARGE + b"x" * 100_000)  # more than is kept, less than would hold back the end
        await soon(lambda: listener.in_flight == 1)
        await asyncio.sleep(0.1)
        if how == "a reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        await soon(lambda: ended == [how] and listener.connections == listener.in_flight == 0)


async def test_an_application_that_leaves_while_its_answer_streams_closes_the_answer():
    closed: list[ProxyError | None] = []
    endless = [b"x" * 1_000] * 100_000

    async def handler(request: Request) -> Response:
        response = Response(200, b"X", (), Pieces(*endless), None)
        response.on_close(closed.append)
        return response

    async with listening(handler) as (listener, bound):
        reader, writer = await connect(bound)
        writer.write(GET)
        await reader.read(1_000)
        writer.transport.abort()
        await soon(lambda: listener.connections == listener.in_flight == 0)
    assert [type(error) for error in closed] == [ClientGone]


@pytest.mark.parametrize("request_", [GET, OLD], ids=["chunks", "until the close"])
async def test_a_broken_body_looks_broken_to_the_application(request_: bytes) -> None:
    async def handler(request: Request) -> Response:
        return Response(200, b"X", (), Pieces(b"some", asyncio.sleep(0.05), BROKEN), None)

    async with listening(handler) as (_, bound):
        if request_ is OLD:  # a plain end would look like the end of the body
            with pytest.raises(ConnectionResetError):
                await exchange(bound, request_)
        else:
            raw = await exchange(bound, request_)
            assert raw.endswith(b"\r\n4\r\nsome\r\n")
            assert not answers(raw)[0].whole


async def test_an_early_answer_reaches_an_application_that_is_still_sending():
    async def handler(request: Request) -> Response:
        return answer(b"no", 413)

    async with listening(handler) as (listener, bound):
        reader, writer = await connect(bound)
        writer.write(LARGE + b"x" * 500_000)
        (got,) = answers(await reader.read())
        assert (got.status, got.body, (b"connection", b"close") in got.headers) == (413, b"no", True)
        writer.write(b"x" * 300_000)  # taken and dropped, not answered by a reset
        await writer.drain()
        assert listener.connections == 1
        writer.close()
        await soon(lambda: listener.connections == 0)


async def test_a_refusal_reaches_an_application_that_sends_on():
    async with listening(Echo()) as (_, bound):
        raw = await exchange(bound, b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + b"x" * 900_000)
    assert answers(raw)[0].status == 400


async def test_a_body_is_asked_for_once_and_then_sent():
    echo = Echo()
    async with listening(echo) as (_, bound):
        reader, writer = await connect(bound)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi" + GET)
        assert await reader.readuntil(b"POST / hi")
        assert await reader.readuntil(b"GET / ")
        writer.close()
    assert echo.seen == ["POST / hi", "GET / "]


async def test_pipelined_requests_are_answered_in_order():
    echo = Echo()
    requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(3_000))
    last = b"GET /last HTTP/1.0\r\nHost: x\r\n\r\n"
    async with listening(echo) as (_, bound):
        reader, writer = await connect(bound)
        writer.write(requests + last)  # more than is kept unread at a time
        raw = await reader.read()
        writer.close()
    assert [one.body for one in answers(raw)] == [*(b"GET /%d " % number for number in range(3_000)), b"GET /last "]


async def test_thousands_of_cancelled_calls_leave_no_task_no_connection_and_no_descriptor():
    """Applications leave at every stage of a call: in the head, in the body, while it waits, while it answers."""
    loop = asyncio.get_running_loop()

    async def handler(request: Request) -> Response:
        await content_of(request)
        await asyncio.sleep(0.001)
        return Response(200, b"X", (), Pieces(b"some", asyncio.sleep(0.001), b"more", loop.create_future()), None)

    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    async with listening(handler) as (listener, bound):

        async def leaver(number: int) -> None:
            _, writer = await connect(bound)
            writer.write(post[: number % 60 + 1])
            await asyncio.sleep(number % 7 / 1_000)
            if number % 2:
                writer.transport.abort()
            else:
                writer.close()

        for number in range(20):
            await leaver(number)
        await soon(lambda: listener.connections == listener.in_flight == 0)
        before, tasks = open_descriptors(), len(asyncio.all_tasks())
        for batch in range(60):
            await asyncio.gather(*(leaver(batch * 50 + number) for number in range(50)))
        await soon(lambda: listener.connections == listener.in_flight == 0)
        await soon(lambda: open_descriptors() <= before)
        assert len(asyncio.all_tasks()) == tasks


def open_descriptors() -> int:
    """How many this process has."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_a_socket_that_was_given_to_us_and_closed_at_once_is_no_bug():
    async with listening(Echo()) as (listener, bound):
        host, port = bound.rsplit(":", 1)
        for _ in range(100):
            client = socket.create_connection((host, int(port)))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        assert answers(await exchange(bound, OLD))[0].status == 200
        await soon(lambda: listener.connections == 0)
