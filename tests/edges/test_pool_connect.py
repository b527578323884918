"""From a name to a connection: lookups, the judgement on addresses, the race between them, and names of errors."""

import asyncio
import contextlib
import gc
import socket
import threading

import pytest

from proxy.edges.http1.connect import Address, first_connected
from proxy.edges.http1.pool import Resolver, system_lookup
from proxy.errors import UpstreamFailure
from tests.support.upstreams import OK, Upstream, body_of, patient, request, saying, settled, transport_to

pytestmark = pytest.mark.usefixtures("loops")


def v4(port, host="127.0.0.1"):
    return Address(socket.AF_INET, (host, port))


def v6(port, host="::1"):
    return Address(socket.AF_INET6, (host, port, 0, 0))


class Names:
    """A resolver's answers, and what it was asked."""

    def __init__(self, answer):
        self._answer = answer
        self.asked = []

    def __call__(self, host, port):
        self.asked.append((host, port))
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer


@contextlib.contextmanager
def closed_port():
    """A port on which nobody listens, and which nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextlib.contextmanager
def silent_port():
    """A port that neither takes nor refuses a connection: its queue is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        yield listening.getsockname()[1]


async def failure(transport):
    with pytest.raises(UpstreamFailure) as caught:
        await transport(request())
    return caught.value


UNKNOWN = {
    "a name that nobody knows": socket.gaierror(socket.EAI_NONAME, "secret.example"),
    "a resolver that is away": socket.gaierror(socket.EAI_AGAIN, "secret.example"),
    "a name that cannot be asked for": UnicodeError("label too long"),
    "a name without addresses": [],
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)
async def test_a_name_that_is_not_found_is_a_dns_error(answer):
    async with transport_to("http://secret.example", lookup=Names(answer)) as transport:
        error = await failure(transport)
    assert (error.code, error.sent) == ("dns_error", False)
    assert "secret" not in error.detail


async def test_a_name_that_leads_to_a_private_address_is_refused_without_a_connection():
    async with Upstream(saying(OK)) as upstream:
        names = Names([v4(upstream.port), v6(upstream.port)])
        async with transport_to("http://api.example", lookup=names, allow=()) as transport:
            error = await failure(transport)
        assert (error.code, error.sent, upstream.connections) == ("egress_denied", False, 0)
        assert "127" not in error.detail


async def test_it_is_looked_up_once_for_each_connection_and_judged_each_time():
    async with Upstream(saying(OK)) as upstream:
        names = Names([v4(upstream.port)])
        async with transport_to("http://api.example:81", lookup=names, allow=["127.0.0.1/32"]) as transport:
            for fresh in [False, False, True]:
                await body_of(await transport(request(fresh=fresh)))
    assert names.asked == [("api.example", 81)] * 2


async def test_of_several_addresses_only_those_that_are_allowed_are_tried():
    async with Upstream(saying(OK)) as private, Upstream(saying(OK)) as listed:
        names = Names([v4(private.port, "127.0.0.2"), v4(listed.port)])
        async with transport_to("http://api.example", lookup=names, allow=["127.0.0.1/32"]) as transport:
            assert await body_of(await transport(request())) == b"ok"
        assert (private.connections, listed.connections) == (0, 1)


async def test_an_address_in_the_url_lists_itself_and_is_not_looked_up():
    async with Upstream(saying(OK)) as upstream:
        names = Names(AssertionError("asked"))
        async with transport_to(upstream.url, lookup=names, allow=()) as transport:
            assert await body_of(await transport(request())) == b"ok"
        assert names.asked == []


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://[::ffff:169.254.169.254]", "http://[fd00:ec2::254]"])
async def test_a_metadata_address_in_the_url_does_not_list_itself(url):
    async with transport_to(url, allow=()) as transport:
        assert (await failure(transport)).code == "egress_denied"


async def test_when_one_address_refuses_the_next_is_tried_at_once():
    async with Upstream(saying(OK)) as upstream:
        with closed_port() as closed:
            names = Names([v6(closed), v4(closed), v4(upstream.port)])
            async with transport_to("http://localhost", lookup=names) as transport:
                started = asyncio.get_running_loop().time()
                assert await body_of(await transport(request())) == b"ok"
                assert asyncio.get_running_loop().time() - started < 0.45  # not 0.25 for each


async def test_when_one_address_is_silent_the_next_is_tried_beside_it():
    with silent_port() as silent:
        async with Upstream(saying(OK)) as upstream:
            names = Names([v4(silent), v4(upstream.port)])
            async with transport_to("http://localhost", lookup=names) as transport:
                started = asyncio.get_running_loop().time()
                assert await body_of(await transport(request())) == b"ok"
                assert 0.2 < asyncio.get_running_loop().time() - started < 2


async def test_families_take_turns():
    with silent_port() as silent:
        async with Upstream(saying(OK)) as upstream:
            names = Names([v4(silent), v4(silent), v4(silent), v6(upstream.port, "::ffff:127.0.0.1")])
            async with transport_to("http://localhost", lookup=names, timeout=patient(connect=0.45)) as transport:
                assert await body_of(await transport(request())) == b"ok"  # second, not fourth


async def test_those_that_lose_the_race_are_given_up():
    with silent_port() as silent:
        async with Upstream(saying(OK)) as upstream:
            tasks = asyncio.all_tasks()
            won = await first_connected(asyncio.get_running_loop(), [v4(silent), v4(upstream.port)])
            won.close()
            await settled(lambda: upstream.connections == 1 and asyncio.all_tasks() <= tasks)


async def test_a_race_that_is_cancelled_at_any_turn_leaves_no_socket():
    loop = asyncio.get_running_loop()
    async with Upstream(saying(OK)) as upstream:
        won = 0
        for turns in range(40):
            racing = loop.create_task(first_connected(loop, [v4(upstream.port), v4(upstream.port)]))
            for _ in range(turns):
                await asyncio.sleep(0)
            racing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                (await racing).close()
                won += 1
        await settled(lambda: not upstream.tasks)
        assert 0 < won < 40
        gc.collect()  # a socket left open would be a warning here, and warnings are errors


async def test_nobody_listens():
    with closed_port() as closed:
        async with transport_to(f"http://127.0.0.1:{closed}") as transport:
            error = await failure(transport)
            assert (error.code, error.sent, transport.open) == ("connect_refused", False, 0)
            assert str(closed) not in error.detail
        names = Names([v6(closed), v4(closed)])
        async with transport_to("http://localhost", lookup=names) as transport:
            assert (await failure(transport)).code == "connect_refused"


async def test_nobody_answers():
    with silent_port() as silent:
        async with transport_to(f"http://127.0.0.1:{silent}", timeout=patient(connect=0.05)) as transport:
            error = await failure(transport)
            assert (error.code, error.sent, transport.open) == ("connect_timeout", False, 0)
        names = Names([v4(silent), v4(silent)])
        async with transport_to("http://localhost", lookup=names, timeout=patient(connect=0.3)) as transport:
            assert (await failure(transport)).code == "connect_timeout"


async def test_a_lookup_that_hangs_counts_as_connecting_and_stops_no_other_name():
    hang = threading.Event()

    def lookup(host, port):
        if host == "hangs.example":
            hang.wait(10)
        return [v4(upstream.port)]

    try:
        async with Upstream(saying(OK)) as upstream:
            resolver = Resolver(lookup)
            hanging = asyncio.get_running_loop().create_task(resolver.addresses("hangs.example", 80))
            assert await resolver.addresses("api.example", 80) == [v4(upstream.port)]
            async with transport_to("http://hangs.example", lookup=lookup, timeout=patient(connect=0.05)) as transport:
                assert (await failure(transport)).code == "connect_timeout"
            hang.set()
            assert await hanging == [v4(upstream.port)]
            resolver.close()
    finally:
        hang.set()


async def test_those_who_ask_for_a_name_at_a_time_share_one_lookup():
    go, asked = threading.Event(), []

    def lookup(host, port):
        asked.append(host)
        go.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    resolver = Resolver(lookup)
    loop = asyncio.get_running_loop()
    try:
        waiting = [loop.create_task(resolver.addresses("api.example", 80)) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        go.set()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ends] == [asyncio.CancelledError] + [socket.gaierror] * 4
        assert asked == ["api.example"]
        with pytest.raises(socket.gaierror):
            await resolver.addresses("api.example", 80)
        assert asked == ["api.example"] * 2
    finally:
        go.set()
        resolver.close()


async def test_a_lookup_that_fails_when_nobody_asks_any_more_is_no_accident():
    heard, loop = [], asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: heard.append(context))
    go = threading.Event()

    def lookup(host, port):
        go.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    resolver = Resolver(lookup)
    asking = loop.create_task(resolver.addresses("api.example", 80))
    await asyncio.sleep(0)
    asking.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    with pytest.raises(socket.gaierror):
        await resolver.addresses("later.example", 80)
    resolver.close()
    gc.collect()
    assert heard == []


def test_the_system_knows_localhost():
    found = system_lookup("localhost", 80)
    assert {address.where[:2] for address in found} <= {("127.0.0.1", 80), ("::1", 80)}
    assert found


BAD_URLS = ["ftp://api.example", "http://", "api.example", "http://api.example:99999", "http://api.example:x"]


@pytest.mark.parametrize("url", BAD_URLS)
async def test_a_url_that_cannot_be_used_is_an_error(url):
    with pytest.raises(ValueError, match=r"\S"):
        async with transport_to(url):
            pass
