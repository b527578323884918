"""A listener on real sockets, on both loops: addresses, a paused accept, the drain and the close."""

import asyncio
import os
import socket
import stat
import time
from pathlib import Path

import pytest

from proxy.edges.http1.listener import loop_factory
from proxy.model import Request, Response
from tests.support.http1 import GET, Echo, answer, answers, connect, exchange, listening

pytestmark = [pytest.mark.sockets, pytest.mark.usefixtures("loops")]

LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0", "[::]:0"])
async def test_what_was_bound_is_told_in_the_same_spelling(address: str) -> None:
    echo = Echo()
    async with listening(echo, address) as (_, bound):
        host, port = address.rpartition(":")[0], bound.rpartition(":")[2]
        assert bound == f"{host}:{port}"
        assert int(port) > 0
        assert answers(await exchange(bound, LAST))[0].status == 200


async def test_a_call_over_ipv4_to_a_listener_of_both_families_has_an_ipv4_address():
    echo = Echo()
    async with listening(echo, "[::]:0") as (_, bound):
        await exchange(f"127.0.0.1:{bound.rpartition(':')[2]}", LAST)
    call = echo.requests[0].call
    assert (call.local, call.peer) == ("127.0.0.1", "127.0.0.1")


@pytest.mark.parametrize("address", ["", "127.0.0.1", "::1:80", "[::1]", ":80", "x:http", "x:65536", "x:-1"])
async def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not `host:port`"):
        async with listening(Echo(), address):
            pass


async def test_an_address_in_use_is_an_error_of_the_system():
    async with listening(Echo()) as (_, bound):
        with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1:\d+: .*in use"):
            async with listening(Echo(), bound):
                pass


async def test_an_address_can_be_had_again_at_once():
    async with listening(Echo()) as (_, bound):
        assert answers(await exchange(bound, LAST))[0].status == 200
    async with listening(Echo(), bound) as (_, again):
        assert again == bound


async def test_a_unix_socket_is_for_its_owner_and_group_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    echo = Echo()
    async with listening(echo, f"unix:{path}") as (_, bound):
        assert bound == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert answers(await exchange(bound, LAST))[0].status == 200
    assert (echo.requests[0].call.local, echo.requests[0].call.peer) == ("", "")
    assert not path.exists()


async def test_a_unix_socket_that_a_killed_process_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with listening(Echo(), f"unix:{path}") as (_, bound):
        assert answers(await exchange(bound, LAST))[0].status == 200


async def test_a_unix_socket_that_somebody_listens_on_is_left_to_them(tmp_path: Path) -> None:
    async with listening(Echo(), f"unix:{tmp_path / 'proxy.sock'}") as (_, bound):
        with pytest.raises(OSError, match="in use"):
            async with listening(Echo(), bound):
                pass
        assert answers(await exchange(bound, LAST))[0].status == 200


async def test_a_file_in_the_place_of_a_unix_socket_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    path.write_text("precious")
    with pytest.raises(OSError, match="in use"):
        async with listening(Echo(), f"unix:{path}"):
            pass
    assert path.read_text() == "precious"


@pytest.fixture
def open_to_all(tmp_path: Path) -> Path:
    tmp_path.chmod(0o1777)
    return tmp_path


async def test_a_unix_socket_is_not_made_where_anyone_may_write(open_to_all: Path) -> None:
    with pytest.raises(PermissionError):
        async with listening(Echo(), f"unix:{open_to_all / 'proxy.sock'}"):
            pass


async def test_accepted_connections_send_at_once():
    async with listening(Echo()) as (_, bound):
        reader, writer = await connect(bound)
        writer.write(GET)
        await reader.readuntil(b"GET / ")
        with accepted_from(writer.get_extra_info("sockname")) as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        writer.close()


def accepted_from(peer: object) -> socket.socket:
    """Our end of the connection of `peer`, found among the descriptors of this process."""
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found = socket.socket(fileno=os.dup(int(descriptor.name)))
        except OSError:
            continue
        try:
            if found.getpeername() == peer:
                return found
        except OSError:
            pass
        found.close()
    raise LookupError(peer)


async def test_a_drain_ends_idle_connections_and_takes_no_new_ones():
    async with listening(Echo()) as (listener, bound):
        reader, writer = await connect(bound)
        writer.write(GET)
        await reader.readuntil(b"GET / ")
        listener.drain()
        assert await asyncio.wait_for(reader.read(), 1) == b""
        with pytest.raises(ConnectionRefusedError):
            await connect(bound)
        writer.close()


async def test_a_drain_lets_calls_in_flight_end_and_close_says_when():
    loop = asyncio.get_running_loop()
    go = asyncio.Event()

    async def handler(request: Request) -> Response:
        await go.wait()
        return answer(b"done")

    async with listening(handler) as (listener, bound):
        reader, writer = await connect(bound)
        writer.write(GET)
        await asyncio.sleep(0.05)
        assert (listener.connections, listener.in_flight) == (1, 1)
        closing = loop.create_task(listener.close(loop.time() + 10))
        await asyncio.sleep(0.05)
        assert not closing.done()
        go.set()
        (got,) = answers(await reader.read())
        writer.close()
        await asyncio.wait_for(closing, 1)
        assert (got.body, (b"connection", b"close") in got.headers) == (b"done", True)
        assert (listener.connections, listener.in_flight) == (0, 0)


async def test_requests_that_had_reached_the_kernel_when_the_drain_began_are_answered():
    async with listening(Echo()) as (listener, bound):
        host, port = bound.rsplit(":", 1)
        clients = [socket.create_connection((host, int(port)), 10) for _ in range(20)]  # nothing is accepted meanwhile
        for client in clients:
            client.sendall(GET)
        listener.drain()
        came = [await asyncio.to_thread(client.recv, 12) for client in clients]
        for client in clients:
            client.close()
        assert came == [b"HTTP/1.1 200"] * 20


async def test_a_drain_ends_though_clients_come_again_as_fast_as_they_are_taken_in():
    async with listening(Echo()) as (listener, bound):
        host, port = bound.rsplit(":", 1)
        loop = asyncio.get_running_loop()

        async def come_again(until: float) -> bool:
            """True once nobody listens there any more."""
            while loop.time() < until:
                try:
                    socket.create_connection((host, int(port)), 1).close()
                except ConnectionRefusedError:
                    return True
                await asyncio.sleep(0)
            return False

        coming = loop.create_task(come_again(loop.time() + 3))
        await asyncio.sleep(0.05)
        await listener.close(loop.time() + 1)
        assert await coming


async def test_a_request_that_follows_an_answer_closely_is_answered_though_the_drain_has_begun():
    async with listening(Echo()) as (listener, bound):
        reader, writer = await connect(bound)
        writer.write(GET)
        await reader.readuntil(b"GET / ")
        listener.drain()
        await asyncio.sleep(0.04)
        writer.write(GET)
        (got,) = answers(await asyncio.wait_for(reader.read(), 2))
        assert (got.body, (b"connection", b"close") in got.headers) == (b"GET / ", True)
        writer.close()


async def test_a_request_on_a_kept_connection_that_had_reached_the_kernel_is_answered_however_late_the_loop_is():
    async with listening(Echo()) as (listener, bound):
        host, port = bound.rsplit(":", 1)
        with socket.create_connection((host, int(port)), 2) as client:
            client.sendall(GET)
            await asyncio.sleep(0.05)
            assert client.recv(99).endswith(b"GET / ")
            listener.drain()
            client.sendall(GET)
            time.sleep(0.05)  # noqa: ASYNC251 - the loop is kept from its work until the idle ones are due to end
            await asyncio.sleep(0.05)
            assert client.recv(99).endswith(b"GET / ")


async def test_a_call_that_outlasts_the_grace_is_cancelled_and_its_connection_reset():
    loop = asyncio.get_running_loop()
    ended: list[str] = []

    async def handler(request: Request) -> Response:
        try:
            return await loop.create_future()
        finally:
            ended.append("cancelled")

    async with listening(handler) as (listener, bound):
        reader, writer = await connect(bound)
        writer.write(GET)
        await asyncio.sleep(0.05)
        until = loop.time() + 0.2
        await listener.close(until)
        assert until <= loop.time() < until + 1  # compared as points in time: a difference of two is rounded
        assert (ended, listener.connections, listener.in_flight) == (["cancelled"], 0, 0)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_the_sweep_closes_what_is_idle_too_long():
    async with listening(Echo(), idle_time=0.2) as (_, bound):
        reader, writer = await connect(bound)
        assert await asyncio.wait_for(reader.read(), 3) == b""
        writer.close()


async def test_the_sweep_answers_a_head_that_does_not_come():
    async with listening(Echo(), head_time=0.2) as (_, bound):
        assert answers(await asyncio.wait_for(exchange(bound, b"GET / HT"), 5))[0].status == 408


def test_a_loop_is_uvloop_s_unless_asked_for_another():
    for wanted, module in ((True, "uvloop"), (False, "asyncio.unix_events")):
        loop = loop_factory(uvloop=wanted)
        assert type(loop).__module__ == module
        loop.close()
