"""What goes out: heads built anew, bodies framed by us, and what happens where one does not end as it should."""

import asyncio

import pytest

from proxy.errors import ClientGone, Refusal, StaleConnection, UpstreamFailure
from proxy.model import Body, Whole
from tests.support.upstreams import (
    OK,
    Pieces,
    Upstream,
    body_of,
    chunked,
    patient,
    read_request,
    request,
    saying,
    settled,
    transport_to,
    whole,
)

pytestmark = pytest.mark.usefixtures("loops")

A = (b"A", b"1")


class Recording:
    """Plays OK to each request, and keeps what was sent."""

    def __init__(self):
        self.came = []

    async def __call__(self, reader, writer):
        while True:
            self.came.append(await read_request(reader))
            writer.write(OK)


SENT = {  # request; head after `Host`, body
    "GET has no length": (request("GET"), b"", b""),
    "DELETE has none either": (request("DELETE"), b"", b""),
    "POST without a body says so": (request("POST"), b"Content-Length: 0\r\n", b""),
    "PUT without a body says so": (request("PUT"), b"Content-Length: 0\r\n", b""),
    "PATCH without a body says so": (request("PATCH"), b"Content-Length: 0\r\n", b""),
    "fields go as they came": (
        request(headers=((b"a", b"1"), (b"B", b""), (b"a", b"\xff  2"))),
        b"a: 1\r\nB: \r\na: \xff  2\r\n",
        b"",
    ),
    "framing, Host and Connection of others do not": (
        request(
            headers=(
                (b"Host", b"evil"),
                (b"CONTENT-LENGTH", b"9"),
                (b"transfer-encoding", b"chunked"),
                (b"Connection", b"close"),
                A,
            )
        ),
        b"A: 1\r\n",
        b"",
    ),
}


@pytest.mark.parametrize(("sent", "fields", "body"), SENT.values(), ids=SENT)
async def test_a_request_is_built_anew(sent, fields, body):
    record = Recording()
    async with Upstream(record) as upstream, transport_to(upstream.url) as transport:
        await body_of(await transport(sent))
        host = b"Host: 127.0.0.1:%d\r\n" % upstream.port
    assert record.came == [(b"%b / HTTP/1.1\r\n%b%b\r\n" % (sent.method.encode(), host, fields), body)]


TARGETS = {  # path of the url, target; what is asked for
    "no path": ("", b"/a", b"/a"),
    "a slash": ("/", b"/a", b"/a"),
    "a path": ("/v2", b"/a", b"/v2/a"),
    "a path with a slash": ("/v2/", b"/a?b=c", b"/v2/a?b=c"),
    "a query alone": ("", b"?a=b", b"/?a=b"),
    "a query behind a path": ("/v2", b"?a=b", b"/v2?a=b"),
    "nothing": ("", b"", b"/"),
    "nothing behind a path": ("/v2", b"", b"/v2"),
    "bytes as they came": ("", b"//a/%2F/../;x?&&=+?", b"//a/%2F/../;x?&&=+?"),
}


@pytest.mark.parametrize(("path", "target", "asked"), TARGETS.values(), ids=TARGETS)
async def test_the_path_of_the_url_is_put_in_front(path, target, asked):
    record = Recording()
    async with Upstream(record) as upstream, transport_to(upstream.url + path) as transport:
        await body_of(await transport(request(target=target)))
    assert record.came[0][0].split(b" ")[1] == asked


BODIES = {  # body; framing field, what stands on the wire
    "known and whole": (lambda: whole(b"hello"), b"Content-Length: 5", b"hello"),
    "known and empty": (lambda: whole(b""), b"Content-Length: 0", b""),
    "known, in pieces": (lambda: Body(Pieces(b"he", b"llo", b""), 5), b"Content-Length: 5", b"hello"),
    "known and large": (lambda: whole(b"x" * 300_000), b"Content-Length: 300000", b"x" * 300_000),
    "unknown": (
        lambda: chunked(Pieces(b"he", b"llo", b"")),
        b"Transfer-Encoding: chunked",
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ),
    "unknown and empty": (lambda: chunked(Pieces(b"")), b"Transfer-Encoding: chunked", b"0\r\n\r\n"),
}


@pytest.mark.parametrize(("body", "framing", "wire"), BODIES.values(), ids=BODIES)
async def test_a_body_has_one_framing_field_and_it_is_ours(body, framing, wire):
    record = Recording()
    async with Upstream(record) as upstream, transport_to(upstream.url) as transport:
        sent = request("POST", headers=(A, (b"Content-Length", b"7")), body=body())
        assert await body_of(await transport(sent)) == b"ok"
        assert await body_of(await transport(request())) == b"ok"
        assert upstream.connections == 1
    head, came = record.came[0]
    assert (head.split(b"\r\n")[2:-2], came) == ([b"A: 1", framing], wire)


async def test_a_body_is_read_to_its_last_byte_and_the_call_is_told_that_it_moves():
    told = []
    stream = Pieces(b"one")
    sent = request("POST", body=Body(stream, 6))
    sent.call.progress = lambda: told.append(len(told))
    record = Recording()
    async with Upstream(record) as upstream, transport_to(upstream.url) as transport:
        asking = asyncio.get_running_loop().create_task(transport(sent))
        await settled(lambda: len(told) == 1)
        stream.put(b"two")
        await body_of(await asking)
    assert (told, sent.body.complete) == ([0, 1], True)


SPOILT = {  # body; the error that comes out
    "shorter than it said": (lambda: Body(Pieces(b"he", b""), 5), Refusal, "bad_request"),
    "longer than it said": (lambda: Body(Pieces(b"hello!"), 5), Refusal, "bad_request"),
    "chunks that break off": (
        lambda: chunked(Pieces(b"he", Refusal("bad_request", "A chunk."))),
        Refusal,
        "bad_request",
    ),
    "too large": (
        lambda: chunked(Pieces(b"he", Refusal("request_too_large", "Much."))),
        Refusal,
        "request_too_large",
    ),
    "an application that left": (lambda: Body(Pieces(b"he", ClientGone()), 5), ClientGone, "client_gone"),
}


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
@pytest.mark.parametrize(("body", "kind", "code"), SPOILT.values(), ids=SPOILT)
async def test_a_body_that_does_not_end_cuts_the_connection_and_is_never_made_whole(body, kind, code, at_once):
    came = []

    async def play(reader, writer):
        try:
            while piece := await reader.read(65_536):
                came.append(piece)
        except ConnectionResetError:
            came.append(b"<reset>")
        came.append(b"<end>")

    made = body()
    if not at_once:
        made = Body(Later(made), made.length)
    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        with pytest.raises(kind) as caught:
            await transport(request("POST", body=made))
        assert caught.value.code == code
        await settled(lambda: transport.open == 0 and came[-1:] == [b"<end>"])
    wire = b"".join(came)
    assert b"0\r\n\r\n" not in wire
    assert b"hello" not in wire


class Later:
    """A body whose pieces are never ready at once."""

    ready = False

    def __init__(self, body):
        self._stream = body.open()

    async def read(self):
        await asyncio.sleep(0.001)
        return await self._stream.read()


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
        response = await transport(request("POST", body=Body(Pieces(b"some"), 1_000)))
        assert (response.status, await body_of(response)) == (413, b"no")
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
