"""GETs of addresses that a rule allowed: what comes back, and what is no answer."""

import asyncio
import time

import pytest

from proxy.edges.fetcher import MOST, Fetcher
from proxy.edges.http1.pool import Resolver, Transport
from proxy.rules.egress import EgressSettings
from proxy.timing import Alarms, Clock
from proxy.upstream import TimeoutSettings, TlsSettings
from proxy.webhooks.fetching import Fetched, FetchFailed
from tests.support.upstreams import Upstream, read_request, saying

pytestmark = pytest.mark.usefixtures("loops")


class Fetching:
    """A fetcher, and the transports that it made."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.made: list[Transport] = []
        self._clock = Clock(loop.time, time.time)
        self.get = Fetcher(self._transport, Alarms(loop), self._clock)

    def _transport(self, url: str) -> Transport:
        loop = asyncio.get_running_loop()
        made = Transport(
            url,
            timeout=TimeoutSettings(),
            tls=TlsSettings(),
            egress=EgressSettings(),
            resolver=Resolver(),
            clock=self._clock,
            alarms=Alarms(loop),
            loop=loop,
        )
        self.made.append(made)
        return made


async def test_path_and_query_are_asked_for_and_status_and_body_come_back() -> None:
    heads = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await read_request(reader))
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")

    fetching = Fetching()
    async with Upstream(play) as upstream:
        assert await fetching.get(f"{upstream.url}/a/b.pem?c=d") == Fetched(404, b"none")
    [(head, _)] = heads
    assert head.startswith(b"GET /a/b.pem?c=d HTTP/1.1\r\n")
    assert fetching.made[0].idle == 0


async def test_a_redirect_is_an_answer_like_any() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    async with Upstream(saying(answer)) as upstream:
        assert await Fetching().get(upstream.url) == Fetched(302, b"")


NO_ANSWER = {
    "too large": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MOST + 1) + b"x" * (MOST + 1),
    "no HTTP": b"hello\r\n\r\n",
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
}


@pytest.mark.parametrize("answer", NO_ANSWER.values(), ids=NO_ANSWER)
async def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    fetching = Fetching()
    async with Upstream(saying(answer, then="close")) as upstream:
        with pytest.raises(FetchFailed):
            await fetching.get(upstream.url)
    assert fetching.made[0].idle == 0


async def test_a_name_that_leads_to_this_machine_is_not_followed() -> None:
    async with Upstream(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as upstream:
        with pytest.raises(FetchFailed, match="egress_denied"):
            await Fetching().get(f"http://localhost:{upstream.port}/")
        assert upstream.connections == 0
