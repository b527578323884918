"""What goes out: heads built anew, bodies framed by us, and what happens where one does not end as it should."""

import asyncio

import pytest

from proxy.body import Body
from proxy.errors import ClientGone, Refusal
from tests.support.upstreams import (
    OK,
    Pieces,
    Upstream,
    body_of,
    chunked,
    read_request,
    request,
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


async def test_a_call_without_a_body_is_told_that_its_head_was_sent():
    told = []
    sent = request()
    sent.call.progress = lambda: told.append("sent")
    async with Upstream(Recording()) as upstream, transport_to(upstream.url) as transport:
        await body_of(await transport(sent))
    assert told == ["sent"]


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
    assert at_once or b"<reset>" in wire


class Later:
    """A body whose pieces are never ready at once."""

    ready = False

    def __init__(self, body):
        self._stream = body.open()

    async def read(self):
        await asyncio.sleep(0.001)
        return await self._stream.read()
