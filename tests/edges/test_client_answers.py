"""Odd and hostile answers: what the caller sees, and whether the connection is used again. A row each."""

import asyncio

import pytest

from proxy.errors import UpstreamFailure
from tests.support.upstreams import OK, Upstream, body_of, cut, request, saying, transport_to

pytestmark = pytest.mark.usefixtures("loops")

H = b"HTTP/1.1 200 OK\r\n"
L = b"Content-Length: 2\r\n"
C = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"2\r\nhi\r\n0\r\n\r\n"

TAKEN = {  # raw answer; status, body; is the connection used again?
    "a length": (H + L + b"\r\nhi", 200, b"hi", True),
    "a length of zero": (H + b"Content-Length: 0\r\n\r\n", 200, b"", True),
    "a length with leading zeros": (H + b"Content-Length: 002\r\n\r\nhi", 200, b"hi", True),
    "a length with blanks around it": (H + b"Content-Length:   2 \t\r\n\r\nhi", 200, b"hi", True),
    "chunks": (H + C + b"\r\n" + CHUNKS, 200, b"hi", True),
    "chunks in capitals": (H + b"Transfer-Encoding: CHUNKED\r\n\r\n" + CHUNKS, 200, b"hi", True),
    "chunks with an extension": (H + C + b"\r\n2;a=b\r\nhi\r\n0\r\n\r\n", 200, b"hi", True),
    "chunks with a trailer": (H + C + b"\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n", 200, b"hi", True),
    "chunks with NUL in a trailer": (H + C + b"\r\n2\r\nhi\r\n0\r\nX: \0\r\n\r\n", 200, b"hi", True),
    "no reason": (b"HTTP/1.1 200\r\n" + L + b"\r\nhi", 200, b"hi", True),
    "an empty reason": (b"HTTP/1.1 200 \r\n" + L + b"\r\nhi", 200, b"hi", True),
    "a reason beyond ASCII": (b"HTTP/1.1 200 \xc3\xa9\r\n" + L + b"\r\nhi", 200, b"hi", True),
    "bare LF as line ends": (b"HTTP/1.1 200 OK\n" + L[:-2] + b"\n\nhi", 200, b"hi", True),
    "a folded field": (H + b"A: b\r\n c\r\n" + L + b"\r\nhi", 200, b"hi", True),
    "a status over 599": (b"HTTP/1.1 799 What\r\n" + L + b"\r\nhi", 799, b"hi", True),
    "a status of 999": (b"HTTP/1.1 999 Denied\r\n" + L + b"\r\nhi", 999, b"hi", True),
    "two Server fields": (H + b"Server: a\r\nServer: b\r\n" + L + b"\r\nhi", 200, b"hi", True),
    "Upgrade on an answer that upgrades nothing": (
        H + b"Upgrade: h2c\r\nConnection: Upgrade\r\n" + L + b"\r\nhi",
        200,
        b"hi",
        True,
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\n" + L + b"\r\n", 304, b"", True),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\n" + L + b"\r\n", 204, b"", True),
    "204 with chunks announced": (b"HTTP/1.1 204 No Content\r\n" + C + b"\r\n", 204, b"", True),
    "100 before it": (b"HTTP/1.1 100 Continue\r\n\r\n" + H + L + b"\r\nhi", 200, b"hi", True),
    "100 with Connection: close": (
        b"HTTP/1.1 100 C\r\nConnection: close\r\n\r\n" + H + L + b"\r\nhi",
        200,
        b"hi",
        True,
    ),
    "103 with fields": (b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" + H + L + b"\r\nhi", 200, b"hi", True),
    "sixteen interim answers": (b"HTTP/1.1 102 P\r\n\r\n" * 16 + H + L + b"\r\nhi", 200, b"hi", True),
    "256 fields": (H + L + b"A: b\r\n" * 255 + b"\r\nhi", 200, b"hi", True),
    "a field of 64 KiB": (H + L + b"A: " + b"b" * 65_535 + b"\r\n\r\nhi", 200, b"hi", True),
    "16 KiB of extensions": (H + C + b"\r\n2;" + b"a" * 16_000 + b"\r\nhi\r\n0\r\n\r\n", 200, b"hi", True),
    "Connection: close": (H + b"Connection: close\r\n" + L + b"\r\nhi", 200, b"hi", False),
    "close among options": (H + b"Connection: x, close\r\n" + L + b"\r\nhi", 200, b"hi", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n" + L + b"\r\nhi", 200, b"hi", False),
    "HTTP/1.0 that stays": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + L + b"\r\nhi", 200, b"hi", True),
    "a byte behind a length": (H + L + b"\r\nhi!", 200, b"hi", False),
    "a line end behind a length": (H + L + b"\r\nhi\r\n", 200, b"hi", False),
    "a CR behind a length": (H + L + b"\r\nhi\r", 200, b"hi", False),
    "a line end behind a length of zero": (H + b"Content-Length: 0\r\n\r\n\r\n", 200, b"", False),
    "a LF behind a length of zero": (H + b"Content-Length: 0\r\n\r\n\n", 200, b"", False),
    "a line end behind chunks": (H + C + b"\r\n" + CHUNKS + b"\r\n", 200, b"hi", False),
    "a line end behind a trailer": (H + C + b"\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n\r\n", 200, b"hi", False),
    "a second answer behind a length": (H + L + b"\r\nhi" + OK, 200, b"hi", False),
    "a second answer behind chunks": (H + C + b"\r\n" + CHUNKS + OK, 200, b"hi", False),
    "nonsense behind chunks": (H + C + b"\r\n" + CHUNKS + b"\0", 200, b"hi", False),
    "a body behind 204": (b"HTTP/1.1 204 No Content\r\n" + L + b"\r\nhi", 204, b"", False),
    "a body behind 304": (b"HTTP/1.1 304 Not Modified\r\n" + L + b"\r\nhi", 304, b"", False),
    "chunks behind 204": (b"HTTP/1.1 204 No Content\r\n" + C + b"\r\n0\r\n\r\n", 204, b"", False),
    "half a chunk behind 204": (b"HTTP/1.1 204 No Content\r\n" + C + b"\r\n0\r\n", 204, b"", False),
    "a line end behind 204": (b"HTTP/1.1 204 No Content\r\n\r\n\r\n", 204, b"", False),
}


@pytest.mark.parametrize(("raw", "status", "body", "again"), TAKEN.values(), ids=TAKEN)
async def test_an_answer_that_is_taken(raw, status, body, again):
    async with Upstream(saying(raw, OK)) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        assert (response.status, await body_of(response)) == (status, body)
        assert (await body_of(await transport(request()))) == b"ok"
        assert (upstream.connections == 1) is again


REFUSED = {  # raw answer; code
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "another protocol": b"RTSP/1.0 200 OK\r\n" + L + b"\r\nhi",
    "another protocol behind 100": b"HTTP/1.1 100 C\r\n\r\nRTSP/1.0 200 OK\r\n" + L + b"\r\nhi",
    "a blank line first": b"\r\n" + H + L + b"\r\nhi",
    "a blank line behind 100": b"HTTP/1.1 100 C\r\n\r\n\r\n" + H + L + b"\r\nhi",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n" + L + b"\r\nhi",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\n" + L + b"\r\nhi",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\n" + L + b"\r\nhi",
    "lower case": b"http/1.1 200 OK\r\n" + L + b"\r\nhi",
    "no status": b"HTTP/1.1\r\n" + L + b"\r\nhi",
    "two digits": b"HTTP/1.1 20 OK\r\n" + L + b"\r\nhi",
    "four digits": b"HTTP/1.1 2000 OK\r\n" + L + b"\r\nhi",
    "a status below 100": b"HTTP/1.1 099 Low\r\n" + L + b"\r\nhi",
    "two blanks": b"HTTP/1.1  200 OK\r\n" + L + b"\r\nhi",
    "101": b"HTTP/1.1 101 S\r\nUpgrade: a\r\nConnection: Upgrade\r\n\r\n",
    "101 without its fields": b"HTTP/1.1 101 S\r\n\r\n",
    "a length on 100": b"HTTP/1.1 100 C\r\nContent-Length: 0\r\n\r\n" + H + L + b"\r\nhi",
    "a body on 199": b"HTTP/1.1 199 X\r\nContent-Length: 5\r\n\r\nhello" + H + L + b"\r\nhi",
    "chunks on 100": b"HTTP/1.1 100 C\r\n" + C + b"\r\n" + H + L + b"\r\nhi",
    "seventeen interim answers": b"HTTP/1.1 102 P\r\n\r\n" * 17 + H + L + b"\r\nhi",
    "both lengths": H + L + C + b"\r\n" + CHUNKS,
    "both lengths, the other way round": H + C + L + b"\r\n" + CHUNKS,
    "two lengths": H + L + b"Content-Length: 3\r\n\r\nhi",
    "the same length twice": H + L + L + b"\r\nhi",
    "a list of lengths": H + b"Content-Length: 2, 2\r\n\r\nhi",
    "a length with a sign": H + b"Content-Length: +2\r\n\r\nhi",
    "a hex length": H + b"Content-Length: 0x2\r\n\r\nhi",
    "an empty length": H + b"Content-Length: \r\n\r\nhi",
    "a length over 2^64": H + b"Content-Length: 18446744073709551616\r\n\r\nhi",
    "a coding that is not chunked": H + b"Transfer-Encoding: gzip\r\n\r\nhi",
    "identity": H + b"Transfer-Encoding: identity\r\n\r\nhi",
    "chunked and another": H + b"Transfer-Encoding: chunked, gzip\r\n\r\nhi",
    "another and chunked": H + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS,
    "chunked twice": H + C + C + b"\r\n" + CHUNKS,
    "chunked with a blank behind": H + b"Transfer-Encoding: chunked \r\n\r\n" + CHUNKS,
    "chunked with a folded blank": H + b"Transfer-Encoding: chunked\r\n \r\n\r\n" + CHUNKS,
    "chunked on a fold": H + b"Transfer-Encoding:\r\n gzip, chunked\r\n\r\n" + CHUNKS,
    "chunked with HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + C + b"\r\n" + CHUNKS,
    "a wrong coding on 204": b"HTTP/1.1 204 N\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a bare CR in a value": H + b"A: b\rc\r\n" + L + b"\r\nhi",
    "a bare CR as the end of an empty value": H + b"A: \rB: c\r\n" + L + b"\r\nhi",
    "a bare CR before a blank": H + b"A: \r\tB: c\r\n" + L + b"\r\nhi",
    "a bare CR that would end the head": H + L + b"A: \r\r\nhi",
    "a bare CR before the length": H + b"Content-Length:\r 2\r\n\r\nhi",
    "a bare CR among bare LF": H + b"A: \rB: c\n" + L + b"\r\nhi",
    "a bare CR in an interim answer": b"HTTP/1.1 103 H\r\nA: \rB: c\r\n\r\n" + H + L + b"\r\nhi",
    "a bare CR in the reason": b"HTTP/1.1 200 O\rK\r\n" + L + b"\r\nhi",
    "NUL in a value": H + b"A: b\0c\r\n" + L + b"\r\nhi",
    "a control byte in a value": H + b"A: b\x01c\r\n" + L + b"\r\nhi",
    "ESC in a value": H + b"A: \x1b[31m\r\n" + L + b"\r\nhi",
    "DEL in a value": H + b"A: b\x7f\r\n" + L + b"\r\nhi",
    "a control byte on a fold": H + b"A: b\r\n \x08c\r\n" + L + b"\r\nhi",
    "NUL in the reason": b"HTTP/1.1 200 O\0K\r\n" + L + b"\r\nhi",
    "ESC in the reason": b"HTTP/1.1 200 \x1b[31m\r\n" + L + b"\r\nhi",
    "a blank before the colon": H + b"A : b\r\n" + L + b"\r\nhi",
    "a blank behind the name of a length": H + b"Content-Length : 2\r\n\r\nhi",
    "a blank behind the name of a length, beside a good one": H + b"Content-Length : 3\r\n" + L + b"\r\nhi",
    "a blank behind the name of a coding": H + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKS,
    "blanks behind Connection": H + b"Connection  : close\r\n" + L + b"\r\nhi",
    "no colon": H + b"A\r\n" + L + b"\r\nhi",
    "no name": H + b": b\r\n" + L + b"\r\nhi",
    "a name that is no token": H + b"A(b): c\r\n" + L + b"\r\nhi",
    "a first field that is folded": H + b" A: b\r\n" + L + b"\r\nhi",
    "a first field that is folded, behind 100": b"HTTP/1.1 100 C\r\n\r\n" + H + b"\tA: b\r\n" + L + b"\r\nhi",
    "a reason of 8 KiB": b"HTTP/1.1 200 " + b"a" * 8_200 + b"\r\n" + L + b"\r\nhi",
    "a field over 64 KiB": H + L + b"A: " + b"b" * 65_600 + b"\r\n\r\nhi",
    "257 fields": H + L + b"A: b\r\n" * 256 + b"\r\nhi",
    "a head over 256 KiB": H + L + (b"A: " + b"b" * 60_000 + b"\r\n") * 5 + b"\r\nhi",
    "a head over 256 KiB without an end": H + b"A: " + b"b" * 300_000,
    "interim heads over 256 KiB": (b"HTTP/1.1 103 H\r\nA: " + b"b" * 60_000 + b"\r\n\r\n") * 5 + H + L + b"\r\nhi",
    "a first line without an end": b"HTTP/1.1 100 " + b"a" * 9_000,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
async def test_an_answer_that_is_refused(raw):
    async with Upstream(saying(raw, OK)) as upstream, transport_to(upstream.url) as transport:
        with pytest.raises(UpstreamFailure) as caught:
            await transport(request())
        assert (caught.value.code, caught.value.sent) == ("upstream_protocol_error", True)
        assert (await body_of(await transport(request()))) == b"ok"
        assert upstream.connections == 2


BROKEN = {  # raw answer, what then; what comes of the body; code
    "a chunk size that is none": (H + C + b"\r\n2\r\nhi\r\nzz\r\n", "wait", b"hi", "upstream_protocol_error"),
    "a chunk size over 2^64": (H + C + b"\r\n2\r\nhi\r\n" + b"f" * 17, "wait", b"hi", "upstream_protocol_error"),
    "no line end behind a chunk": (H + C + b"\r\n2\r\nhi!!", "wait", b"hi", "upstream_protocol_error"),
    "a bare LF behind a chunk's size": (H + C + b"\r\n2\r\nhi\r\n2\nhi", "wait", b"hi", "upstream_protocol_error"),
    "a trailer that is no field": (H + C + b"\r\n2\r\nhi\r\n0\r\nX\r\n\r\n", "wait", b"hi", "upstream_protocol_error"),
    "extensions without end": (H + C + b"\r\n2\r\nhi\r\n2;" + b"a" * 20_000, "wait", b"hi", "upstream_protocol_error"),
    "trailers over 16 KiB": (
        H + C + b"\r\n2\r\nhi\r\n0\r\n" + b"X: y\r\n" * 3_000 + b"\r\n",
        "wait",
        b"hi",
        "upstream_protocol_error",
    ),
    "a close within a length": (H + b"Content-Length: 9\r\n\r\nhi", "close", b"hi", "upstream_reset"),
    "a cut within a length": (H + b"Content-Length: 9\r\n\r\n", "cut", b"", "upstream_reset"),
    "a close within chunks": (H + C + b"\r\n2\r\nhi\r\n", "close", b"hi", "upstream_reset"),
    "a close before the last line of chunks": (H + C + b"\r\n2\r\nhi\r\n0\r\n", "close", b"hi", "upstream_reset"),
}


@pytest.mark.parametrize(("raw", "then", "body", "code"), BROKEN.values(), ids=BROKEN)
async def test_a_fault_behind_a_good_head_breaks_the_body(raw, then, body, code):
    async with Upstream(saying(raw, then=then)) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        assert response.status == 200
        came = b""
        with pytest.raises(UpstreamFailure) as caught:
            while piece := await response.body.read():
                came += piece
        response.close()
        assert (came, caught.value.code, caught.value.sent) == (body, code, True)
        assert transport.idle == 0


HEAD_ANSWERS = {  # raw answer; is the connection used again?
    "a length": (H + b"Content-Length: 1000\r\n\r\n", True),
    "chunks announced": (H + C + b"\r\n", True),
    "an error": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\n", True),
    "neither length nor chunks": (H + b"\r\n", False),
    "a length, and the body all the same": (H + L + b"\r\nhi", False),
    "a line end behind it": (H + L + b"\r\n\r\n", False),
    "half a chunk behind it": (H + C + b"\r\n0\r\n", False),
    "100 before it": (b"HTTP/1.1 100 C\r\n\r\n" + H + L + b"\r\n", True),
}


@pytest.mark.parametrize(("raw", "again"), HEAD_ANSWERS.values(), ids=HEAD_ANSWERS)
async def test_an_answer_to_head_has_no_body_whatever_it_says(raw, again):
    async with Upstream(saying(raw, OK)) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request("HEAD"))
        assert (await body_of(response), response.length) == (b"", 0)
        assert (await body_of(await transport(request()))) == b"ok"
        assert (upstream.connections == 1) is again


@pytest.mark.parametrize("then", ["close", "cut"])
async def test_an_end_before_the_head_is_a_reset(then):
    async with Upstream(saying(b"", then=then)) as upstream, transport_to(upstream.url) as transport:
        with pytest.raises(UpstreamFailure) as caught:
            await transport(request())
        assert (caught.value.code, caught.value.sent, type(caught.value)) == ("upstream_reset", True, UpstreamFailure)


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_body_without_length_ends_with_its_connection(version):
    raw = b"HTTP/" + version + b" 200 OK\r\n\r\nall of it"
    async with Upstream(saying(raw, then="close")) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        assert (response.length, response.until_close) == (None, False)
        assert await body_of(response) == b"all of it"
        assert transport.idle == 0


async def test_a_body_without_length_that_is_cut_is_broken():
    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(H + b"\r\nsome")
        await cut_now.wait()
        cut(writer)

    cut_now = asyncio.Event()
    async with Upstream(play) as upstream, transport_to(upstream.url) as transport:
        response = await transport(request())
        assert await response.body.read() == b"some"
        cut_now.set()
        with pytest.raises(UpstreamFailure, match="upstream_reset"):
            await response.body.read()
        response.close()
