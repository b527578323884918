"""The timers of a connection, read off by the sweep: on a transport that only remembers and a clock that jumps."""

import asyncio

from proxy.model import Request, Response
from tests.support.http1 import GET, Bench, Echo, answer, answers, settled

POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
CLOSE = (b"connection", b"close")


async def at_once(request: Request) -> Response:
    """Answers without a look at the body."""
    return answer(b"early")


async def never(request: Request) -> Response:
    """Waits for ever."""
    return await asyncio.get_running_loop().create_future()


async def test_a_request_that_is_not_whole_is_answered_408_after_ten_seconds_and_not_before():
    bench = Bench(Echo())
    await bench.send(b"GET / HT")
    bench.connection.sweep(10.0)
    await settled()
    assert bench.transport.written == b""
    bench.connection.sweep(10.1)
    await settled()
    (got,) = answers(bench.transport.written)
    assert (got.status, got.body, CLOSE in got.headers) == (408, b"request_timeout", True)
    assert bench.transport.told == ["eof"]


async def test_the_time_of_a_head_runs_from_its_first_byte():
    loop = asyncio.get_running_loop()
    bench = Bench(Echo())
    await asyncio.sleep(60)
    await bench.send(b"G")
    await asyncio.sleep(9)
    await bench.send(b"E")
    bench.connection.sweep(loop.time())
    assert bench.transport.told == []
    bench.connection.sweep(loop.time() + 1.1)
    await settled()
    assert answers(bench.transport.written)[0].status == 408


async def test_an_idle_connection_is_closed_after_75_seconds_without_a_word():
    loop = asyncio.get_running_loop()
    bench = Bench(Echo())
    await asyncio.sleep(50)
    await bench.send(GET)
    bench.connection.sweep(loop.time() + 75)
    assert bench.transport.told == []
    bench.connection.sweep(loop.time() + 75.1)
    assert bench.transport.told == ["close"]
    assert len(answers(bench.transport.written)) == 1


async def test_a_request_that_takes_long_to_answer_is_not_idle():
    bench = Bench(never)
    await bench.send(GET)
    bench.connection.sweep(10_000.0)
    assert bench.transport.told == []


async def test_the_rest_of_a_body_that_does_not_come_ends_the_connection_after_ten_seconds():
    bench = Bench(at_once)
    await bench.send(POST % 5)
    bench.connection.sweep(10.0)
    assert bench.transport.told == []
    bench.connection.sweep(10.1)
    assert bench.transport.told == ["close"]


async def lingering() -> Bench:
    bench = Bench(at_once)
    await bench.send(POST % 90_000_000)
    assert bench.transport.told == ["eof"]
    return bench


async def test_lingering_ends_after_two_seconds():
    bench = await lingering()
    bench.connection.sweep(2.0)
    assert bench.transport.told == ["eof"]
    bench.connection.sweep(2.1)
    assert bench.transport.told == ["eof", "close"]


async def test_lingering_ends_after_one_mebibyte():
    bench = await lingering()
    await bench.send(*[b"x" * (1 << 18)] * 4)
    assert bench.transport.told == ["eof"]
    await bench.send(b"x")
    assert bench.transport.told == ["eof", "close"]


async def test_lingering_ends_when_the_application_ends():
    bench = await lingering()
    assert bench.connection.eof_received() is None  # the transport closes itself


async def test_lingering_reads_on_where_a_full_inbox_had_paused():
    async def handler(request: Request) -> Response:
        await asyncio.sleep(1)
        return answer()

    bench = Bench(handler)
    await bench.send(POST % 900_000, b"x" * 100_000)
    assert not bench.transport.reading
    await asyncio.sleep(2)
    assert bench.transport.told == ["pause", "resume", "eof"]


async def test_a_close_that_the_application_does_not_read_to_its_end_is_cut_after_idle_seconds():
    bench = Bench(at_once, idle=30.0)
    bench.transport.full = True
    await bench.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert bench.transport.told == ["close"]
    bench.connection.sweep(30.0)
    assert bench.transport.told == ["close"]
    bench.connection.sweep(30.1)
    assert bench.transport.told == ["close", "abort"]


async def test_a_connection_that_a_drain_finds_new_has_a_second_for_its_request():
    await asyncio.sleep(5)
    bench = Bench(Echo())
    bench.service.draining = True
    bench.connection.drain(4.9)
    bench.connection.sweep(6.0)
    assert bench.transport.told == []
    bench.connection.sweep(6.1)
    assert bench.transport.told == ["close"]
