"""A real server of another make on the other side: whole exchanges, and bodies larger than what may stay in memory."""

import asyncio
import contextlib
import hashlib
import os
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.body import Body
from tests.support.upstreams import Pieces, body_of, chunked, request, settled, transport_to, whole

pytestmark = pytest.mark.usefixtures("loops")

PIECE = bytes(range(256)) * 256  # 64 KiB
MANY = 1_024  # pieces, 64 MiB in all


async def echo(asked):
    answer = web.StreamResponse(headers={"X-Method": asked.method, "X-Target": asked.raw_path})
    if asked.headers.get("Content-Length"):
        answer.content_length = asked.content_length
    await answer.prepare(asked)
    async for piece in asked.content.iter_any():
        await answer.write(piece)
    return answer


async def moved(_):
    raise web.HTTPFound("/echo", headers={"Set-Cookie": "a=1"})


async def zipped(_):
    answer = web.Response(text="text " * 1_000)
    answer.enable_compression(web.ContentCoding.gzip)
    return answer


async def cookies(asked):
    answer = web.Response(text=asked.headers.get("Cookie", "none"))
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer


async def digest(asked):
    came = hashlib.sha256()
    async for piece in asked.content.iter_any():
        came.update(piece)
    return web.Response(text=came.hexdigest())


async def large(asked):
    answer = web.StreamResponse()
    await answer.prepare(asked)
    for _ in range(MANY):
        await answer.write(PIECE)
    return answer


async def hasty(asked):
    return web.Response(status=413, text="too much")


async def continued(asked):
    return web.Response(text=(await asked.text()) + "!")


@contextlib.asynccontextmanager
async def serving():
    app = web.Application(client_max_size=1 << 30)
    for handler in [echo, moved, zipped, cookies, digest, large, hasty, continued]:
        app.router.add_route("*", f"/{handler.__name__}", handler)
    async with TestServer(app) as server, transport_to(str(server.make_url(""))) as transport:
        yield transport


def fields(response, name):
    return [value for field, value in response.headers if field.lower() == name]


async def test_methods_targets_and_bodies_arrive_and_come_back():
    async with serving() as transport:
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]:
            bodies = {b"": None, b"known": whole(b"known"), b"unknown": chunked(Pieces(b"un", b"known", b""))}
            for sent, body in bodies.items():
                response = await transport(request(method, b"/echo?a=%2F&&b", body=body))
                assert (response.status, response.reason) == (200, b"OK")
                assert fields(response, b"x-method") == [method.encode()]
                assert fields(response, b"x-target") == [b"/echo?a=%2F&&b"]
                assert await body_of(response) == sent
        assert transport.open == 1


async def test_a_head_is_answered_without_its_body_on_a_connection_that_stays():
    async with serving() as transport:
        for _ in range(3):
            response = await transport(request("HEAD", b"/cookies"))
            assert (fields(response, b"content-length"), await body_of(response)) == ([b"4"], b"")
            assert await body_of(await transport(request(target=b"/cookies"))) == b"none"
        assert transport.open == 1


async def test_a_redirect_is_not_followed_and_no_cookie_is_kept():
    async with serving() as transport:
        response = await transport(request(target=b"/moved"))
        assert (response.status, fields(response, b"location")) == (302, [b"/echo"])
        response.close()
        response = await transport(request(target=b"/cookies"))
        assert len(fields(response, b"set-cookie")) == 2
        assert await body_of(response) == b"none"
        assert await body_of(await transport(request(target=b"/cookies"))) == b"none"


async def test_what_is_compressed_stays_so():
    async with serving() as transport:
        response = await transport(request(target=b"/zipped", headers=((b"Accept-Encoding", b"gzip"),)))
        assert fields(response, b"content-encoding") == [b"gzip"]
        assert (await body_of(response))[:2] == b"\x1f\x8b"


async def test_100_continue_is_dropped():
    async with serving() as transport:
        sent = request("POST", b"/continued", ((b"Expect", b"100-continue"),), whole(b"hi"))
        response = await transport(sent)
        assert (response.status, await body_of(response)) == (200, b"hi!")


def resident():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its memory as Linux shows it")


class Flood:
    """A body of `MANY` pieces, and the most memory that was used while it went out."""

    ready = True

    def __init__(self):
        self._left = MANY
        self.most = 0

    async def read(self):
        self.most = max(self.most, resident())
        self._left -= 1
        return PIECE if self._left >= 0 else b""


@linux
@pytest.mark.parametrize("length", [None, MANY * len(PIECE)], ids=["chunks", "length"])
async def test_a_large_request_goes_up_without_staying_in_memory(length):
    async with serving() as transport:
        await body_of(await transport(request("POST", b"/digest", body=whole(PIECE))))
        before, flood = resident(), Flood()
        came = await body_of(await transport(request("POST", b"/digest", body=Body(flood, length))))
        assert came.decode() == hashlib.sha256(PIECE * MANY).hexdigest()
        assert flood.most - before < 8 << 20


@linux
async def test_a_large_answer_comes_down_without_staying_in_memory():
    async with serving() as transport:
        await body_of(await transport(request("POST", b"/echo", body=whole(PIECE))))
        before, most, size, came = resident(), 0, 0, hashlib.sha256()
        response = await transport(request(target=b"/large"))
        while piece := await response.body.read():
            size += len(piece)
            came.update(piece)
            most = max(most, resident())
        response.close()
        assert (size, came.hexdigest()) == (MANY * len(PIECE), hashlib.sha256(PIECE * MANY).hexdigest())
        assert most - before < 8 << 20


async def test_an_early_refusal_reaches_the_caller_while_the_body_still_goes_up():
    async with serving() as transport:
        stream = Pieces(b"x" * 1_000)
        response = await transport(request("POST", b"/hasty", body=Body(stream, 1_000_000)))
        assert (response.status, await body_of(response)) == (413, b"too much")
        await settled(lambda: transport.open == 0)


async def test_many_callers_at_once_get_each_their_own_answer():
    async with serving() as transport:

        async def ask(number):
            content = b"%d " % number * (number % 97)
            body = whole(content) if number % 2 else chunked(Pieces(content, b"") if content else Pieces(b""))
            response = await transport(request("POST", b"/echo?%d" % number, body=body))
            assert fields(response, b"x-target") == [b"/echo?%d" % number]
            assert await body_of(response) == content

        for start in range(0, 500, 50):
            await asyncio.gather(*[ask(number) for number in range(start, start + 50)])
        assert transport.open == transport.idle <= 50
