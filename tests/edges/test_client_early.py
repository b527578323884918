"""Request bodies that do not simply go up: stalls, back pressure, answers that come before the end."""

import asyncio
import gc
import socket

import pytest

from proxy.body import Body, Whole
from proxy.errors import ClientGone, Refusal, StaleConnection, UpstreamFailure
from tests.support.upstreams import (
    OK,
    Pieces,
    Upstream,
    body_of,
    chunked,
    patient,
    request,
    saying,
    settled,
    transport_to,
)

pytestmark = pytest.mark.usefixtures("loops")


async def test_an_application_that_stops_sending_is_a_request_timeout():
    async with Upstream(saying(OK)) as upstream, transport_to(upstream.url, timeout=patient(idle=0.05)) as transport:
        with pytest.raises(Refusal, match="request_timeout"):
            await transport(request("POST", body=Body(Pieces(b"some"), 9)))
        await settled(lambda: transport.open == 0)


async def test_an_upstream_that_stops_taking_is_an_upstream_timeout():
    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.Event().wait()

    async with Upstream(play) as upstream, transport_to(upstream.url, timeout=patient(idle=0.1)) as transport:
        with pytest.raises(UpstreamFailure, match="upstream_timeout") as caught:
            await transport(request("POST", body=Body(Endless(), None)))
        assert caught.value.sent
        await settled(lambda: transport.open == 0)


class Endless:
    """A body without end, and how much of it was taken."""

    ready = True

    def __init__(self):
        self.taken = 0

    async def read(self):
        self.taken += 65_536
        return bytes(65_536)


async def test_an_upstream_that_does_not_read_holds_the_body_back():
    go = asyncio.Event()

    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await go.wait()
        writer.write(OK)

    endless = Endless()
    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        asking = asyncio.get_running_loop().create_task(transport(request("POST", body=chunked(endless))))
        before = -1
        while endless.taken != before:
            before = endless.taken
            await asyncio.sleep(0.05)
        assert endless.taken < 16 << 20  # what the kernel's buffers hold, and no more
        go.set()
        assert await body_of(await asking) == b"ok"


async def test_an_early_answer_goes_back_at_once_and_its_connection_is_not_used_again():
    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await asyncio.Event().wait()

    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        tasks = asyncio.all_tasks()
        response = await transport(request("POST", body=Body(Pieces(b"some"), 1_000)))
        assert (response.status, await body_of(response)) == (413, b"no")
        await settled(lambda: transport.open == 0 and asyncio.all_tasks() - upstream.tasks <= tasks)


class Unwanted:
    """A body whose upstream answers and closes, with bytes of it unread, while a piece is on its way."""

    def __init__(self, listening: socket.socket, answer: bytes) -> None:
        self.ready = False
        self._listening = listening
        self._answer = answer
        self._asked = False

    async def read(self) -> bytes:
        if self._asked:
            await asyncio.Event().wait()
        self._asked = True
        served, _ = await asyncio.to_thread(self._listening.accept)
        await asyncio.to_thread(served.recv, 1)
        served.sendall(self._answer)  # from here on the loop has no turn in which it could read
        served.close()
        return bytes(1_000)


@pytest.mark.parametrize("length", [2, 3], ids=["whole", "broken off"])
async def test_an_early_answer_is_heard_though_a_write_fails_before_it_was_read(length: int) -> None:
    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\nno" % length
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with transport_to(url) as transport:
            response = await transport(request("POST", body=Body(Unwanted(listening, answer), 10_000)))
            assert (response.status, await response.body.read()) == (413, b"no")
            if length > 2:
                with pytest.raises(UpstreamFailure, match="upstream_reset"):
                    await response.body.read()
            response.close()
            await settled(lambda: transport.open == 0)


async def test_a_body_goes_on_while_the_answer_to_it_comes():
    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (piece := await reader.readuntil(b"\r\n")) != b"0\r\n":
            word = (await reader.readexactly(int(piece, 16) + 2))[:-2]
            writer.write(b"%x\r\n%b\r\n" % (len(word), word.upper()))
        await reader.readuntil(b"\r\n")
        writer.write(b"0\r\n\r\n")

    stream = Pieces(b"one")
    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request("POST", body=chunked(stream)))
        assert await response.body.read() == b"ONE"
        stream.put(b"two")
        assert await response.body.read() == b"TWO"
        stream.put(b"")
        assert await body_of(response) == b""
        assert transport.idle == 1


async def test_an_answer_that_has_begun_outlives_a_body_that_stalls():
    go = asyncio.Event()

    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for word in [b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n", *[b"x" * 5] * 6]:
            writer.write(word)
            await asyncio.sleep(0.02)
        go.set()

    async with Upstream(play) as upstream, transport_to(upstream.url, timeout=patient(idle=0.06)) as transport:
        response = await transport(request("POST", body=Body(Pieces(b"some"), 9)))
        assert await body_of(response) == b"x" * 30
        await settled(lambda: transport.open == 0)


async def test_nothing_was_sent_on_a_connection_that_was_lost_before():
    heard = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    async with Upstream(saying(OK)) as upstream, transport_to(upstream.url) as transport:
        await body_of(await transport(request()))

        class Late(Whole):
            async def read(self):
                for task in upstream.tasks:
                    task.cancel()
                await settled(lambda: transport.open == 0)
                return await super().read()

        with pytest.raises(StaleConnection) as caught:
            await transport(request("POST", body=Body(Late(b"late"), 4)))
        assert not caught.value.sent
        del caught
    gc.collect()
    assert heard == []


async def test_a_body_that_was_given_up_is_free_for_the_next_attempt_at_once():
    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if await reader.read(5) == b"hello":
            writer.write(OK)
        await asyncio.Event().wait()

    loop = asyncio.get_running_loop()
    stream = Pieces()
    body = Body(stream, 5, keep=5)
    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        first = loop.create_task(transport(request("POST", body=body)))
        await settled(lambda: upstream.connections == 1 and stream.waits)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        stream.put(b"hello")
        assert await body_of(await transport(request("POST", body=body))) == b"ok"


async def test_a_bug_in_a_body_stays_a_bug():
    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.Event().wait()

    heard, stream = [], Pieces(b"some")
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        asking = asyncio.get_running_loop().create_task(transport(request("POST", body=Body(stream, 9))))
        await settled(lambda: stream.waits)
        stream.put(KeyError("bug"))
        with pytest.raises(KeyError):
            await asking
    assert heard == []  # its caller was told


async def test_a_bug_in_a_body_that_nobody_is_told_of_reaches_the_loop():
    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await asyncio.Event().wait()

    heard = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(type(context["exception"])))
    stream = Pieces(b"some")
    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request("POST", body=Body(stream, 9)))
        stream.put(KeyError("bug"))
        with pytest.raises(UpstreamFailure, match="upstream_reset"):
            await body_of(response)
    assert heard == [KeyError]


async def test_an_application_that_leaves_breaks_the_answer_that_has_begun():
    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await asyncio.Event().wait()

    stream = Pieces(b"some")
    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request("POST", body=Body(stream, 9)))
        stream.put(ClientGone())
        with pytest.raises(ClientGone):
            await body_of(response)
        await settled(lambda: transport.open == 0)
