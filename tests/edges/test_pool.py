"""Which connection the next request takes, and which none takes any more."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from proxy.edges.http1.pool import Pool
from proxy.errors import StaleConnection, UpstreamFailure
from tests.support.upstreams import (
    OK,
    Pieces,
    Upstream,
    body_of,
    chunked,
    cut,
    read_request,
    request,
    saying,
    settled,
    transport_to,
)

pytestmark = pytest.mark.usefixtures("loops")


class Doors:
    """Says OK to each request, with the number of the connection, and lets the test do more on each."""

    def __init__(self):
        self.writers = []

    async def __call__(self, reader, writer):
        number = len(self.writers)
        self.writers.append(writer)
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%2d" % number)


async def opened(transport, count):
    """`count` connections, made by requests side by side and freed in order."""
    responses = [await transport(request()) for _ in range(count)]
    for response in responses:
        await body_of(response)


async def test_the_connection_that_became_free_last_is_taken_first():
    doors = Doors()
    async with Upstream(doors) as upstream, transport_to(upstream.url) as transport:
        await opened(transport, 3)
        assert (transport.idle, transport.open) == (3, 3)
        assert [await body_of(await transport(request())) for _ in range(3)] == [b" 2"] * 3
        first, second = await transport(request()), await transport(request())
        assert (await body_of(first), await body_of(second)) == (b" 2", b" 1")
        assert await body_of(await transport(request())) == b" 1"


class Closing:
    """A connection, closing or not."""

    since = 0.0

    def __init__(self, *, is_closing):
        self.is_closing = lambda: is_closing


async def test_a_connection_that_is_closing_is_skipped():
    pool = Pool(asyncio.get_running_loop(), lambda: 0.0, None, secure=False)
    good, *closing = [Closing(is_closing=False), Closing(is_closing=True), Closing(is_closing=True)]
    for connection in [good, *closing]:
        pool.freed(connection)
    assert [pool.take(), pool.take()] == [good, None]


async def test_a_request_that_wants_a_new_connection_gets_one():
    async with Upstream(Doors()) as upstream, transport_to(upstream.url) as transport:
        await opened(transport, 1)
        assert await body_of(await transport(request(fresh=True))) == b" 1"


async def test_a_byte_on_a_free_connection_ends_it():
    doors = Doors()
    async with Upstream(doors) as upstream, transport_to(upstream.url) as transport:
        await opened(transport, 2)
        doors.writers[1].write(b"HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n")
        await settled(lambda: transport.open == 1)
        assert await body_of(await transport(request())) == b" 0"


@pytest.mark.parametrize("end", [lambda writer: writer.close(), cut], ids=["close", "cut"])
async def test_a_free_connection_that_the_upstream_ends_is_not_taken(end):
    doors = Doors()
    async with Upstream(doors) as upstream, transport_to(upstream.url) as transport:
        await opened(transport, 2)
        end(doors.writers[1])
        await settled(lambda: transport.open == 1)
        assert transport.idle == 1
        assert await body_of(await transport(request())) == b" 0"


@pytest.mark.parametrize("end", [lambda writer: writer.transport.abort(), cut], ids=["close", "cut"])
@pytest.mark.parametrize("body", [None, chunked(Pieces(b"a", b""))], ids=["GET", "with a body"])
async def test_a_kept_connection_that_ends_before_any_byte_of_the_answer_is_stale(end, body):
    async def play(reader, writer):
        await read_request(reader)
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        end(writer)

    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        await body_of(await transport(request()))
        with pytest.raises(StaleConnection) as caught:
            await transport(request("POST", body=body))
        assert caught.value.sent


async def test_a_connection_that_ended_behind_its_answer_does_not_become_free():
    async with Upstream(saying(OK, then="close")) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        await settled(lambda: transport.open == 0)
        assert await body_of(response) == b"ok"
        assert transport.idle == 0


async def test_a_kept_connection_that_ends_within_an_answer_is_not_stale():
    async def play(reader, writer):
        await read_request(reader)
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.")
        await writer.drain()
        writer.close()

    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        await body_of(await transport(request()))
        with pytest.raises(UpstreamFailure) as caught:
            await transport(request())
        assert (type(caught.value), caught.value.code) == (UpstreamFailure, "upstream_reset")


async def test_what_was_unused_for_too_long_is_closed_and_the_rest_is_not():
    doors = Doors()
    async with Upstream(doors) as upstream, transport_to(upstream.url) as transport:
        await opened(transport, 2)
        now = asyncio.get_running_loop().time()
        transport.sweep(now + 14.9)
        assert transport.idle == 2
        busy = await transport(request())
        transport.sweep(now + 15.1)
        assert transport.idle == 0
        assert await body_of(busy) == b" 1"
        await settled(lambda: transport.open == 1)
        assert transport.idle == 1


async def test_a_retired_transport_closes_what_is_free_now_and_the_others_when_their_call_ends():
    async with Upstream(Doors()) as upstream, transport_to(upstream.url) as transport:
        await opened(transport, 2)
        busy = await transport(request())
        transport.retire()
        await settled(lambda: transport.open == 1)
        assert await body_of(busy) == b" 1"
        await settled(lambda: transport.open == 0)
        assert await body_of(await transport(request())) == b" 2"  # a call that began before goes on
        await settled(lambda: transport.open == 0)


async def test_many_calls_at_once_have_a_connection_each_and_leave_them_for_others():
    async with Upstream(Doors()) as upstream, transport_to(upstream.url) as transport:

        async def calls():
            for _ in range(20):
                await body_of(await transport(request()))

        await asyncio.gather(*[calls() for _ in range(16)])
        assert transport.open == transport.idle <= 16
        assert upstream.connections <= 16


def descriptors():
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors as Linux shows them")
async def test_a_call_cancelled_at_any_await_leaves_no_connection_no_task_and_no_descriptor():
    async def play(reader, writer):
        while True:
            await read_request(reader)
            for piece in [b"HTTP/1.1 200 OK\r\nContent-", b"Length: 4\r\n\r\n", b"ab", b"cd"]:
                await asyncio.sleep(0)
                writer.write(piece)

    loop = asyncio.get_running_loop()
    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:

        async def call(*, fresh):
            body = chunked(Pieces(b"x" * 100_000, b"y", b""))
            return await body_of(await transport(request("POST", body=body, fresh=fresh)))

        await call(fresh=True)
        transport.sweep(loop.time() + 60)
        await settled(lambda: transport.open == 0 and not upstream.tasks)
        tasks, files = len(asyncio.all_tasks()), descriptors()
        finished = 0
        for turns in range(200):
            task = loop.create_task(call(fresh=turns % 2 == 0))
            for _ in range(turns // 4):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                finished += await task == b"abcd"
        transport.sweep(loop.time() + 60)
        await settled(lambda: transport.open == 0 and len(asyncio.all_tasks()) <= tasks and descriptors() <= files)
        assert 0 < finished < 200
