"""One connection without a socket: what it tells its transport, and what becomes of it, turn by turn."""

import asyncio
import gc

import pytest

from proxy.body import Body
from proxy.edges.http1.bodies import Patience
from proxy.edges.http1.client import UpstreamConnection
from proxy.errors import StaleConnection, UpstreamFailure
from proxy.rules.upstream_heads import Heads
from proxy.timing import Alarms, Clock
from tests.support.upstreams import OK, Pieces, request

LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that remembers what it was told, and is lost when a test says so."""

    def __init__(self):
        super().__init__()
        self.told = []
        self.written = b""
        self.unsent = 0
        self.aborted = False

    def write(self, data):
        self.written += data

    def pause_reading(self):
        self.told.append("pause")

    def resume_reading(self):
        self.told.append("resume")

    def set_write_buffer_limits(self, high=None, low=None):
        self.told.append(f"limit {high}")

    def get_write_buffer_size(self):
        return self.unsent

    def is_closing(self):
        return self.aborted

    def abort(self):
        self.aborted = True


class Pool:
    """An owner that counts."""

    secure = False

    def __init__(self, loop):
        self.loop = loop
        self.heads = Heads()
        self.patience = Patience(Clock(loop.time, loop.time), Alarms(loop), 30.0)
        self.told = []

    def freed(self, connection):
        self.told.append("freed")

    def lost(self, connection):
        self.told.append("lost")


def connected():
    """A connection, the transport under it and the pool over it."""
    pool = Pool(asyncio.get_running_loop())
    connection, wire = UpstreamConnection(pool), Wire()
    connection.connection_made(wire)
    return connection, wire, pool


async def sending(connection, sent):
    """The task of an exchange that has begun."""
    task = asyncio.get_running_loop().create_task(connection.send(sent, b"/", ()))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def answered(connection, *pieces):
    """The answer to a request, of which `pieces` came."""
    task = await sending(connection, request())
    for piece in pieces:
        connection.data_received(piece)
        await asyncio.sleep(0)
    return await task


async def test_the_transport_holds_little_back():
    _, wire, _ = connected()
    assert wire.told == ["limit 65536"]


async def test_a_connection_is_free_when_its_answer_is_closed_and_not_before():
    connection, wire, pool = connected()
    response = await answered(connection, OK)
    assert await response.body.read() == b"ok"
    assert pool.told == []
    response.close()
    assert (pool.told, wire.aborted) == (["freed"], False)
    response.close()
    assert pool.told == ["freed"]


async def test_a_reader_that_is_slow_pauses_the_transport_and_goes_on_with_it():
    connection, wire, pool = connected()
    response = await answered(connection, LARGE, bytes(70_000))
    assert wire.told[1:] == ["pause"]
    assert len(await response.body.read()) == 70_000
    assert wire.told[1:] == ["pause", "resume"]
    response.close()
    assert (pool.told, wire.aborted) == ([], True)


async def test_an_answer_left_unread_does_not_leave_a_free_connection_deaf():
    connection, wire, pool = connected()
    response = await answered(connection, LARGE, bytes(100_000))
    assert wire.told[1:] == ["pause"]
    response.close()
    assert (pool.told, wire.told[1:], wire.aborted) == (["freed"], ["pause", "resume"], False)


async def test_a_connection_that_still_has_to_write_is_not_free():
    connection, wire, pool = connected()
    response = await answered(connection, OK)
    wire.unsent = 1
    response.close()
    assert (pool.told, wire.aborted) == ([], True)


async def test_a_byte_behind_an_answer_that_is_not_closed_yet_takes_the_connection_away():
    connection, wire, pool = connected()
    response = await answered(connection, OK, b"\r")
    assert await response.body.read() == b"ok"
    response.close()
    assert (pool.told, wire.aborted) == ([], True)


async def test_a_byte_on_a_free_connection_cuts_it():
    connection, wire, _ = connected()
    (await answered(connection, OK)).close()
    connection.data_received(b"\n")
    assert wire.aborted


async def test_a_wait_that_is_cancelled_as_the_connection_ends_is_a_cancellation_and_no_more():
    heard = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    connection, wire, pool = connected()
    task = await sending(connection, request())
    connection.connection_lost(None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task, connection
    gc.collect()
    assert (heard, pool.told, wire.aborted) == ([], ["lost"], True)


async def test_an_answer_that_comes_as_the_wait_is_cancelled_belongs_to_nobody():
    connection, wire, pool = connected()
    task = await sending(connection, request())
    connection.data_received(OK)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (pool.told, wire.aborted) == ([], True)


async def test_a_connection_that_is_lost_stops_the_body_that_goes_up():
    connection, _, _ = connected()
    stream = Pieces(b"some")
    task = await sending(connection, request("POST", body=Body(stream, 9)))
    connection.data_received(LARGE)
    response = await task
    assert stream.waits
    connection.connection_lost(ConnectionResetError())
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
    with pytest.raises(UpstreamFailure, match="upstream_reset"):
        await response.body.read()


async def test_a_call_that_is_cancelled_stops_its_body():
    connection, wire, _ = connected()
    stream = Pieces(b"some")
    task = await sending(connection, request("POST", body=Body(stream, 9)))
    assert stream.waits
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert (len(asyncio.all_tasks()), wire.aborted) == (1, True)


async def test_an_upstream_that_sends_no_more_is_not_written_to():
    connection, wire, _ = connected()
    task = await sending(connection, request())
    wire.unsent = 1_000  # a transport that only closes would wait until somebody reads this
    assert not connection.eof_received()
    assert wire.aborted
    connection.connection_lost(None)
    with pytest.raises(UpstreamFailure):
        await task


async def test_writing_waits_while_the_transport_is_full():
    connection, wire, _ = connected()
    stream = Pieces(b"some")
    task = await sending(connection, request("POST", body=Body(stream, 9)))
    connection.pause_writing()
    stream.put(b"mor")
    stream.put(b"e!")
    for _ in range(5):
        await asyncio.sleep(0)
    assert wire.written.endswith(b"somemor")
    connection.resume_writing()
    for _ in range(5):
        await asyncio.sleep(0)
    assert wire.written.endswith(b"somemore!")
    connection.data_received(OK)
    (await task).close()


@pytest.mark.parametrize("reused", [False, True])
async def test_a_connection_that_is_lost_while_it_waits_says_that_something_was_sent(reused):
    connection, _, _ = connected()
    if reused:
        (await answered(connection, OK)).close()
    task = await sending(connection, request())
    connection.connection_lost(None)
    with pytest.raises(UpstreamFailure) as caught:
        await task
    assert (isinstance(caught.value, StaleConnection), caught.value.sent) == (reused, True)
