"""Who is taken in by a listener, and when: many at once, one too many, during a drain, after a bug."""

import asyncio
import os
import resource
import socket
from contextlib import suppress

import pytest

from proxy.timing import Clock
from tests.support.http1 import GET, Echo, answers, connect, exchange, listening

pytestmark = [pytest.mark.sockets, pytest.mark.usefixtures("loops")]

LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def test_over_the_limit_of_connections_the_next_waits_and_is_not_refused():
    echo = Echo()
    async with listening(echo, connections=2) as (listener, bound):
        first, second, third = [await connect(bound) for _ in range(3)]
        for _, writer in (first, second, third):
            writer.write(GET)
        assert await first[0].readuntil(b"GET / ")
        assert await second[0].readuntil(b"GET / ")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(third[0].readexactly(1), 0.1)
        assert listener.connections == 2
        first[1].close()
        assert await asyncio.wait_for(third[0].readuntil(b"GET / "), 2)
        for writer in (second[1], third[1]):
            writer.close()


async def test_all_who_have_connected_are_taken_in_together_whatever_else_the_loop_has_to_do():
    many = 40
    async with listening(Echo(), connections=many + 2) as (listener, bound):
        host, port = bound.rsplit(":", 1)
        clients = [socket.create_connection((host, int(port))) for _ in range(many)]
        for _ in range(10):  # turns of the loop, each of which may be a long one
            await asyncio.sleep(0)
        assert listener.connections == many
        for client in clients:
            client.close()


async def test_more_than_the_limit_of_connections_are_not_taken_in_together():
    async with listening(Echo(), connections=2) as (listener, bound):
        host, port = bound.rsplit(":", 1)
        clients = [socket.create_connection((host, int(port))) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert listener.connections == 2
        for client in clients:
            client.close()


async def test_without_a_free_descriptor_accept_waits_a_second_says_so_once_and_goes_on():
    loop = asyncio.get_running_loop()
    bugs: list[BaseException] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with listening(Echo(), bugs=bugs) as (_, bound):
        host, port = bound.rsplit(":", 1)
        client = socket.socket()
        client.setblocking(False)
        taken = os.open("/dev/null", os.O_RDONLY)
        os.close(taken)
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken, hard))
        try:
            await loop.sock_connect(client, (host, int(port)))
            await asyncio.sleep(1.5)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert [type(bug) for bug in bugs] == [OSError]
        await loop.sock_sendall(client, LAST)
        assert (await asyncio.wait_for(loop.sock_recv(client, 100), 3)).startswith(b"HTTP/1.1 200")
        client.close()


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_is_not_lost_at_whatever_turn_of_its_accept_a_drain_begins(turns: int) -> None:
    async with listening(Echo()) as (listener, bound):
        host, port = bound.rsplit(":", 1)
        await asyncio.sleep(0.01)  # the listener waits
        client = socket.create_connection((host, int(port)), 10)
        client.sendall(GET)
        for _ in range(turns):
            await asyncio.sleep(0)
        listener.drain()
        came = await asyncio.to_thread(client.recv, 12)
        client.close()
        assert came == b"HTTP/1.1 200"


async def test_a_bug_in_taking_in_one_connection_does_not_keep_out_the_next_ones():
    loop = asyncio.get_running_loop()
    broken = [True]

    def now() -> float:
        if broken:
            raise ValueError(broken.pop())
        return loop.time()

    bugs: list[BaseException] = []
    async with listening(Echo(), bugs=bugs, clock=Clock(now, loop.time)) as (_, bound):
        with suppress(ConnectionError):
            assert await exchange(bound, LAST) == b""
        assert answers(await exchange(bound, LAST))[0].status == 200
    assert [type(bug) for bug in bugs] == [ValueError]
