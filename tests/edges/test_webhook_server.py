"""The webhook listener on real sockets: raw bytes of senders in, a real application behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.config.schema import DeliverSettings, InboxSettings, WebhookSettings
from proxy.edges.http1.listener import WEBHOOKS, Listener
from proxy.edges.http1.pool import Resolver, Transport
from proxy.edges.webhook_server import WebhookServer
from proxy.model import Call
from proxy.rules.egress import EgressSettings
from proxy.timing import Alarms, Clock
from proxy.upstream import TimeoutSettings, TlsSettings
from proxy.webhooks.accept import Acceptance, Ways
from proxy.webhooks.forward import Forward
from proxy.webhooks.intake import Intake
from proxy.webhooks.keeping import Keeping
from proxy.webhooks.outgoing import Writer
from proxy.webhooks.receive import Receiver, Surroundings
from proxy.webhooks.refused import RefusedRequests
from tests.support.cases import Case, cases
from tests.support.http1 import Answered, answers, exchange
from tests.support.memory_inbox import MemoryInbox
from tests.support.webhooks import Ears

pytestmark = pytest.mark.sockets
CASES = cases()
STRIPE, TWILIO = CASES["stripe/valid"], CASES["twilio/valid"]


@dataclass
class Application:
    """Remembers what reaches it, and answers 201."""

    bodies: list[bytes] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    headers: list[tuple[tuple[bytes, bytes], ...]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.targets.append(request.raw_path)
        self.headers.append(request.raw_headers)
        return web.Response(status=201, body=b"made", headers={"X-Made": "here"})


@dataclass
class World:
    bound: str
    application: Application
    ears: Ears


@asynccontextmanager
async def serving(case: Case, *, max_body: int = 5 << 20, url: str | None = None) -> AsyncIterator[World]:
    """One webhook at the path of `case`; `url`: where its events go instead of the application."""
    loop = asyncio.get_running_loop()
    clock, alarms, ears, application = Clock(loop.time, lambda: case.now), Alarms(loop), Ears(), Application()
    server = web.Application()
    server.router.add_route("*", "/{any:.*}", application.take)
    resolver = Resolver()
    behind = TestServer(server)
    await behind.start_server(auto_decompress=False)  # what arrives counts, not what it unpacks to
    try:
        transport = Transport(
            url or str(behind.make_url("/hooks/here")),
            timeout=TimeoutSettings(),
            tls=TlsSettings(),
            egress=EgressSettings(allow=("127.0.0.0/8",)),
            resolver=resolver,
            clock=clock,
            alarms=alarms,
            loop=loop,
        )
        path = case.target.partition(b"?")[0]
        webhook = WebhookSettings(
            name="hook",
            path=path.decode(),
            verify=case.settings,
            public_url=case.public_url,
            deliver=DeliverSettings(url="http://not.used", mode="sync"),
            max_body=max_body,
        )
        secrets = {secret.name: secret for secret in case.secrets}
        keeping = Keeping(MemoryInbox(), InboxSettings(), loop.time)
        around = Surroundings(
            secret=secrets.get,
            intake=Intake(loop.time, alarms),
            keeping=keeping,
            refused=RefusedRequests(),
            events=ears,
            clock=clock,
        )
        writer = Writer(webhook, secrets.get, clock.wall)
        ways = Ways(
            keeping=keeping,
            forward=Forward(transport, writer, webhook.deliver, loop.time, alarms),
            wake=lambda: None,
            events=ears,
        )
        handler = WebhookServer({path: Receiver(webhook, Acceptance(webhook, ways), around)}, ears)
        listener = Listener(
            handler,
            limits=WEBHOOKS,
            refuse=handler.refuse,
            new_call=lambda: Call("event-1", loop.time()),
            clock=clock,
            alarms=alarms,
            bug=ears.bug,
        )
        try:
            yield World(await listener.start("127.0.0.1:0"), application, ears)
        finally:
            await listener.close(loop.time())
            transport.retire()
            resolver.close()
    finally:
        await behind.close()
    assert ears.bugs == []


def raw(case: Case) -> bytes:
    """The request of a case as bytes, on a connection that ends with it."""
    lines = [b"%b %b HTTP/1.1" % (case.method.encode(), case.target), b"Host: hooks.example", b"Connection: close"]
    lines += [b"%b: %b" % header for header in case.headers]
    if case.chunked:
        third = len(case.body) // 3
        pieces = [case.body[:third], case.body[third : 2 * third], case.body[2 * third :]]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nX-Trailer: a\r\n\r\n"
        return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", body])
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(case.body), b"", case.body])


async def asked(world: World, sent: bytes) -> Answered:
    """The one answer to `sent`."""
    (found,) = answers(await exchange(world.bound, sent), (sent.split(b" ")[0].decode(),))
    return found


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("loops", [True], indirect=True, ids=["uvloop"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_shared_case_is_answered_as_its_row_says(case: Case) -> None:
    async with serving(case) as world:
        found = await asked(world, raw(case))
    assert found.status == (201 if case.reason == "accepted" else case.status)
    assert found.body == (b"made" if case.reason == "accepted" else b"")
    assert [outcome for outcome, _ in world.ears.ended] == [case.reason]
    assert world.application.bodies == ([case.body] if case.reason == "accepted" else [])


@pytest.mark.usefixtures("loops")
async def test_the_application_gets_the_request_and_the_sender_its_answer() -> None:
    case = CASES["twilio/query_in_url"]
    async with serving(case) as world:
        found = await asked(world, raw(case))
    assert (b"x-made", b"here") in found.headers
    assert world.application.targets == ["/hooks/here?foo=1&bar=a%20b"]
    (headers,) = world.application.headers
    assert tuple(field for field in headers if field in case.headers) == case.headers
    assert dict(headers)[b"Outrigger-Webhook"] == b"hook"
    assert [name.lower() for name, _ in headers].count(b"content-length") == 1
    assert b"connection" not in {name.lower() for name, _ in headers}


@pytest.mark.usefixtures("loops")
async def test_the_host_a_request_names_has_no_part_in_the_url_that_was_signed() -> None:
    case = CASES["twilio/signed_for_other_host"]
    told = (*case.headers, (b"X-Forwarded-Host", b"other.example"), (b"X-Forwarded-Proto", b"http"))
    async with serving(case) as world:
        for host in (b"hooks.example.com", b"other.example", b"evil.example"):
            sent = raw(case._replace(headers=told)).replace(b"Host: hooks.example", b"Host: " + host)
            assert (await asked(world, sent)).status == 401
    assert world.application.bodies == []


def long_body(size: int, *, chunked: bool) -> bytes:
    head = b"POST /stripe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    if chunked:
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n%b\r\n" % (b"x" * 1024) * (size // 1024)
    return head + b"Content-Length: %d\r\n\r\n" % size


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "counted"])
async def test_a_body_that_is_too_large_is_refused_before_its_end(*, chunked: bool) -> None:
    async with serving(STRIPE, max_body=2048) as world:
        found = await asked(world, long_body(4096, chunked=chunked))  # the end never comes
    assert (found.status, found.body) == (413, b"")
    assert world.ears.ended == [("too_large", None)]


@pytest.mark.usefixtures("loops")
async def test_a_body_that_is_declared_too_large_is_never_asked_for() -> None:
    sent = long_body(4096, chunked=False).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    async with serving(STRIPE, max_body=2048) as world:
        assert (await exchange(world.bound, sent)).startswith(b"HTTP/1.1 413 ")


REFUSED = {
    "no HTTP": (b"POST hello\r\n\r\n", 400),
    "two lengths": (b"POST /stripe HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    "a request line over 8 KiB": (b"POST /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 8192), 431),
    "101 fields": (b"POST /stripe HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431),
    "TRACE": (b"TRACE /stripe HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "another expectation": (
        b"POST /stripe HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
        417,
    ),
    "a path in capitals": (b"POST /Stripe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
    "the admin listener's path": (b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
}


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_reaches_no_webhook_gets_a_bare_status_and_is_not_counted(sent: bytes, status: int) -> None:
    async with serving(STRIPE) as world:
        found = await asked(world, sent)
    names = {name for name, _ in found.headers}
    assert (found.status, found.body) == (status, b"")
    assert names <= {b"content-length", b"connection", b"allow"}
    assert world.ears.ended == []


@pytest.mark.usefixtures("loops")
async def test_broken_chunks_are_a_bad_request_of_that_webhook() -> None:
    async with serving(STRIPE) as world:
        found = await asked(world, long_body(0, chunked=True) + b"zz\r\n")
    assert (found.status, found.body) == (400, b"")
    assert world.ears.ended == [("bad_request", None)]


@pytest.mark.usefixtures("loops")
async def test_where_no_application_listens_the_sender_is_told_to_come_back() -> None:
    async with serving(STRIPE, url="http://127.0.0.1:1/") as world:
        found = await asked(world, raw(STRIPE))
    assert found.status == 503
    assert (b"retry-after", b"5") in found.headers
    assert world.ears.ended == [("app_unavailable", "stripe_0")]


async def test_a_body_that_does_not_come_is_given_up_after_five_seconds() -> None:
    loop = asyncio.get_running_loop()
    async with serving(STRIPE) as world:
        sent = raw(STRIPE)[:-1]
        begun = loop.time()
        found = await asked(world, sent)
        assert (found.status, found.body) == (408, b"")
        assert 5.0 <= loop.time() - begun < 40.0
    assert world.ears.ended == [("timeout", None)]


@pytest.mark.usefixtures("loops")
async def test_a_connection_serves_one_event_after_the_other() -> None:
    sent = raw(STRIPE)
    async with serving(STRIPE) as world:
        found = answers(await exchange(world.bound, sent.replace(b"Connection: close\r\n", b"") + sent), ("POST",) * 2)
    assert [one.status for one in found] == [201, 200]  # the second one is a repeat
    assert world.application.bodies == [STRIPE.body]
