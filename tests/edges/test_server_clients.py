"""aiohttp and httpx as applications: what they send is what we read, and what we answer is what they read."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator

import aiohttp
import httpx
import pytest

from proxy.body import Whole
from proxy.errors import UpstreamFailure
from proxy.model import Request, Response
from tests.support.http1 import Echo, Pieces, answer, content_of, listening

pytestmark = [pytest.mark.sockets, pytest.mark.usefixtures("loops")]


@contextlib.asynccontextmanager
async def aiohttp_to(handler) -> AsyncIterator[aiohttp.ClientSession]:
    async with listening(handler) as (_, bound), aiohttp.ClientSession(f"http://{bound}") as session:
        yield session
        await session.close()


@contextlib.asynccontextmanager
async def httpx_to(handler) -> AsyncIterator[httpx.AsyncClient]:
    async with listening(handler) as (_, bound), httpx.AsyncClient(base_url=f"http://{bound}") as client:
        yield client


async def test_aiohttp_keeps_its_connection_over_many_calls():
    echo = Echo()
    peers: set[str] = set()
    async with listening(echo) as (listener, bound), aiohttp.ClientSession(f"http://{bound}") as session:
        for number in range(20):
            async with session.post(f"/{number}", data=b"body") as response:
                assert (response.status, await response.read()) == (200, b"POST /%d body" % number)
            peers.add(str(listener.connections))
    assert peers == {"1"}


async def test_aiohttp_uploads_in_chunks_and_asks_first():
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"%d," % number
            await asyncio.sleep(0)

    echo = Echo()
    async with aiohttp_to(echo) as session, session.post("/up", data=pieces(), expect100=True) as response:
        assert response.status == 200
    assert echo.seen == ["POST /up " + "".join(f"{number}," for number in range(50))]


async def test_aiohttp_reads_events_as_they_come():
    go = asyncio.Event()

    async def handler(request: Request) -> Response:
        return Response(200, b"OK", (), Pieces(b"data: 1\n\n", go.wait(), b"data: 2\n\n"), None)

    async with aiohttp_to(handler) as session, session.get("/events") as response:
        assert await response.content.readuntil(b"\n\n") == b"data: 1\n\n"
        go.set()
        assert await response.content.read() == b"data: 2\n\n"


async def test_aiohttp_sees_a_broken_body():
    async def handler(request: Request) -> Response:
        body = Pieces(b"some", asyncio.sleep(0.01), UpstreamFailure("upstream_reset", sent=True))
        return Response(200, b"OK", (), body, None)

    async with aiohttp_to(handler) as session, session.get("/") as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_httpx_keeps_its_connection_over_every_method():
    echo = Echo()
    async with listening(echo) as (listener, bound), httpx.AsyncClient(base_url=f"http://{bound}") as client:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
            response = await client.request(method, "/a", content=b"x" if method in {"POST", "PUT"} else None)
            assert response.status_code == 200
        assert listener.connections == 1
    assert [words.split()[0] for words in echo.seen] == ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


async def test_httpx_reads_answers_without_a_body_and_goes_on():
    async def handler(request: Request) -> Response:
        status = int(request.target[1:])
        return Response(status, b"X", ((b"ETag", b"e"),), Whole(), 0)

    async with httpx_to(handler) as client:
        for status in (204, 304, 200, 204):
            response = await client.get(f"/{status}")
            assert (response.status_code, response.content, response.headers["etag"]) == (status, b"", "e")


async def test_httpx_reads_repeated_fields_in_their_order():
    async def handler(request: Request) -> Response:
        return Response(200, b"X", ((b"Set-Cookie", b"a=1"), (b"X", b"\xff"), (b"set-cookie", b"b=2")), Whole(), 0)

    async with httpx_to(handler) as client:
        response = await client.get("/")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert (b"X", b"\xff") in response.headers.raw


async def test_httpx_that_gives_up_cancels_its_call():
    ended = asyncio.Event()

    async def handler(request: Request) -> Response:
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    async with httpx_to(handler) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/", timeout=0.1)
        await asyncio.wait_for(ended.wait(), 2)


async def test_httpx_gets_an_answer_that_came_before_its_upload_was_read():
    async def handler(request: Request) -> Response:
        return answer(b"no", 413)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"x" * 65_536

    async with httpx_to(handler) as client:
        response = await client.post("/", content=pieces())
        assert (response.status_code, response.content) == (413, b"no")


async def test_a_large_body_comes_and_goes_whole():
    async def handler(request: Request) -> Response:
        return answer(await content_of(request))

    content = bytes(range(256)) * 40_000
    async with aiohttp_to(handler) as session, session.post("/", data=io.BytesIO(content)) as response:
        assert await response.read() == content
