"""Answers that come piece by piece: at once, held back, limited, given up, and gone through without memory."""

import asyncio
import gc

import pytest

from proxy.edges.http1.reader import AnswerReader
from proxy.errors import UpstreamFailure
from proxy.rules.upstream_heads import Heads
from tests.support.upstreams import (
    OK,
    Upstream,
    body_of,
    patient,
    read_request,
    request,
    saying,
    settled,
    transport_to,
)

pytestmark = pytest.mark.usefixtures("loops")

EVENTS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_each_piece_is_here_as_soon_as_it_was_sent():
    said = asyncio.Queue()

    async def play(reader, writer):
        await read_request(reader)
        writer.write(EVENTS)
        while piece := await said.get():
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        writer.write(b"0\r\n\r\n")
        await said.get()

    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        assert (response.length, response.body.ready) == (None, False)
        for piece in [b"one", b"two", b"three"]:
            said.put_nowait(piece)
            assert await response.body.read() == piece
        said.put_nowait(b"")
        assert await body_of(response) == b""
        assert transport.idle == 1


async def test_a_whole_answer_is_ready_at_once():
    async with Upstream(saying(OK)) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        assert response.body.ready
        assert (await response.body.read(), await response.body.read()) == (b"ok", b"")
        response.close()


async def test_a_body_that_stands_still_is_an_upstream_timeout_and_stays_one():
    async with (
        Upstream(saying(EVENTS + b"2\r\nhi\r\n")) as upstream,
        transport_to(upstream.url, timeout=patient(idle=0.05)) as transport,
    ):
        response = await transport(request())
        assert await response.body.read() == b"hi"
        for _ in range(2):
            with pytest.raises(UpstreamFailure, match="upstream_timeout") as caught:
                await response.body.read()
            assert caught.value.sent
            assert response.body.ready  # with the failure: nobody waits for it again
        response.close()
        await settled(lambda: transport.open == 0)


async def test_an_idle_timeout_of_zero_is_none():
    go = asyncio.Event()

    async def play(reader, writer):
        await read_request(reader)
        writer.write(EVENTS)
        await go.wait()
        writer.write(b"2\r\nhi\r\n0\r\n\r\n")
        await reader.read()

    async with Upstream(play) as upstream, transport_to(upstream.url, timeout=patient(idle=0.0)) as transport:
        response = await transport(request())
        asyncio.get_running_loop().call_later(0.05, go.set)
        assert await body_of(response) == b"hi"


@pytest.mark.parametrize("raw", [EVENTS + b"2\r\nhi\r\n", b"HTTP/1.1 200 OK\r\n\r\nhi"], ids=["chunks", "until close"])
async def test_an_answer_closed_before_its_end_cuts_the_connection_and_stays_broken(raw):
    async with Upstream(saying(raw)) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        response.close()
        await settled(lambda: transport.open == 0)
        with pytest.raises(UpstreamFailure, match="upstream_reset"):
            await body_of(response)
        await settled(lambda: not upstream.tasks)


async def test_an_answer_that_is_complete_but_unread_leaves_the_connection_usable():
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + bytes(900_000)
    async with Upstream(saying(large, OK)) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        await response.keep(1 << 20)
        response.close()
        assert await body_of(await transport(request())) == b"ok"
        assert upstream.connections == 1


async def test_the_end_may_come_long_after_the_last_byte_of_the_body():
    go = asyncio.Event()

    async def play(reader, writer):
        await read_request(reader)
        writer.write(EVENTS + b"2\r\nhi\r\n")
        await go.wait()
        writer.write(b"0\r\n\r\n")
        await reader.read()

    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        assert await response.body.read() == b"hi"
        go.set()
        assert await response.body.read() == b""
        response.close()
        assert transport.idle == 1


async def test_a_reader_that_stands_still_holds_the_upstream_back():
    sent = [0]

    async def play(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
        for _ in range(1024):
            writer.write(bytes(65_536))
            await writer.drain()
            sent[0] += 65_536
        await reader.read()

    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        before = -1
        while sent[0] != before:
            before = sent[0]
            await asyncio.sleep(0.05)
        assert sent[0] < 16 << 20  # what the kernel's buffers hold, and no more
        size = largest = 0
        while piece := await response.body.read():
            size += len(piece)
            largest = max(largest, len(piece))
        response.close()
        assert size == 64 << 20
        assert largest <= 1 << 20
        assert transport.idle == 1


async def test_a_response_leaves_no_circle_for_the_garbage_collector():
    async with Upstream(saying(OK)) as upstream, transport_to(upstream.url) as transport:
        await body_of(await transport(request()))
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                await body_of(await transport(request()))
            assert gc.collect() == 0
        finally:
            gc.enable()


async def test_a_connection_that_is_over_leaves_no_circle_either():
    async with Upstream(saying(OK)) as upstream, transport_to(upstream.url) as transport:
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                await body_of(await transport(request(fresh=True)))
            transport.retire()
            await settled(lambda: transport.open == 0)
            assert [one for one in gc.get_objects() if isinstance(one, AnswerReader)] == []
        finally:
            gc.enable()


FIELDS = {  # fields of the answer; those that go on
    "repeats and order stay": (
        [(b"Set-Cookie", b"a=1"), (b"X", b"y"), (b"set-cookie", b"b=2")],
        [(b"Set-Cookie", b"a=1"), (b"X", b"y"), (b"set-cookie", b"b=2")],
    ),
    "bytes beyond ASCII stay": ([(b"X", b"\xc3\xa9\xff")], [(b"X", b"\xc3\xa9\xff")]),
    "empty values stay": ([(b"X", b"")], [(b"X", b"")]),
    "blanks behind a value go": ([(b"X", b"a b \t")], [(b"X", b"a b")]),
    "connection fields go": (
        [
            (b"Connection", b"keep-alive"),
            (b"Keep-Alive", b"timeout=5"),
            (b"Proxy-Connection", b"x"),
            (b"TE", b"trailers"),
            (b"Trailer", b"X"),
            (b"UPGRADE", b"h2c"),
            (b"Proxy-Authenticate", b"Basic"),
        ],
        [(b"Proxy-Authenticate", b"Basic")],
    ),
    "what Connection names goes": (
        [(b"Connection", b"X-One, x-two"), (b"x-one", b"1"), (b"X-Two", b"2"), (b"X-Three", b"3")],
        [(b"X-Three", b"3")],
    ),
    "two Connection fields count as one": (
        [(b"Connection", b"X-One"), (b"connection", b"x-two"), (b"X-One", b"1"), (b"X-Two", b"2")],
        [],
    ),
    "what Connection names stays if it says what the message is": (
        [(b"Connection", b"Content-Type"), (b"Content-Type", b"text/plain")],
        [(b"Content-Type", b"text/plain")],
    ),
    "fields in our name go": (
        [(b"Outrigger-Attempts", b"9"), (b"OUTRIGGER_ERROR", b"x"), (b"outrigger-x", b"y"), (b"Outrigger", b"z")],
        [(b"Outrigger", b"z")],
    ),
}


@pytest.mark.parametrize(("fields", "kept"), FIELDS.values(), ids=FIELDS)
def test_fields_of_the_connection_go_no_further(fields, kept):
    length = [(b"Content-Length", b"2")]
    assert Heads().read(200, fields + length, for_head=False, old=False) == (tuple(kept), 2, False)
    chunks = [(b"Transfer-Encoding", b"chunked")]
    assert Heads().read(200, chunks + fields, for_head=False, old=False) == (tuple(kept), None, True)
    for status, for_head in [(304, False), (200, True)]:
        read = Heads().read(status, fields + length, for_head=for_head, old=False)
        assert read == ((*kept, *length), 0, False)
    assert list(Heads().read(204, fields + length, for_head=False, old=False)[0]) == kept


def test_a_name_is_treated_alike_however_often_and_however_many_came():
    heads = Heads()
    fields = [(b"X-%d" % i, b"") for i in range(250)]
    for turn in range(10):
        many = [(b"X-%d-%d" % (turn, i), b"") for i in range(250)]
        assert list(heads.read(200, many, for_head=False, old=False)[0]) == many
    assert list(heads.read(200, fields, for_head=False, old=False)[0]) == fields
    late = [(b"OutRigger-Late-%d" % i, b"") for i in range(9)] + [(b"cOnnEction", b"a"), (b"a", b"")]
    assert heads.read(200, late, for_head=False, old=False)[0] == ()
