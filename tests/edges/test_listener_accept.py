"""Who is taken in by a listener when something else happens at that moment: a drain, a bug."""

import asyncio
import socket
from contextlib import suppress

import pytest

from proxy.timing import Clock
from tests.support.http1 import GET, Echo, answers, exchange, listening

pytestmark = [pytest.mark.sockets, pytest.mark.usefixtures("loops")]

LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


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
