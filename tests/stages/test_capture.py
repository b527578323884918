"""What is kept of each attempt, and that keeping it changes nothing."""

import asyncio

import pytest

from proxy.body import Body, Whole
from proxy.errors import Refusal, StaleConnection, UpstreamFailure
from proxy.model import Call, Request, Response
from proxy.pipeline import Handler, onion
from proxy.rules.redaction import DebugSettings
from proxy.stages.capture import MARGIN, CaptureStage, Exchange
from proxy.stages.sample import SampleStage
from tests.support.provider import Provider, answer, clock

SETTINGS = DebugSettings(raw=True, max_body=10)


class Shelf:
    """Keeps attempts where a test can see them."""

    def __init__(self) -> None:
        self.attempts: list[Exchange] = []

    def attempts_of(self, call: Call) -> list[Exchange]:
        return self.attempts


class Pieces:
    """A body in pieces; an exception among them is where it breaks off."""

    ready = False

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.left = list(pieces)

    async def read(self) -> bytes:
        piece = self.left.pop(0) if self.left else b""
        if isinstance(piece, Exception):
            raise piece
        return piece


def stage(shelf: Shelf) -> CaptureStage:
    hosts = {None: b"api.stripe.com", "files": b"files.stripe.com"}
    return CaptureStage("stripe", SETTINGS, shelf, clock=clock(asyncio.get_running_loop()), hosts=hosts)


def request(body: Body | None = None, *, sampled: bool = True) -> Request:
    call = Call("id", 0.0, sampled=sampled, upstream="stripe")
    return Request("POST", b"/v1?a=b", ((b"X-A", b"1"),), body, call)


async def drained(response: Response) -> bytes:
    pieces = []
    while piece := await response.body.read():
        pieces.append(piece)
    response.close()
    return b"".join(pieces)


def around(shelf: Shelf, *script) -> tuple[Handler, Provider]:
    provider = Provider(asyncio.get_running_loop(), script)
    return onion([stage(shelf)], provider), provider


async def test_an_attempt_is_kept_as_it_was_sent_and_received():
    shelf = Shelf()
    handle, _ = around(shelf, 0.5, answer(404, b"none", ((b"X-B", b"2"),)))
    await asyncio.sleep(2)
    assert await drained(await handle(request(Body(Whole(b"sent"), 4)))) == b"none"
    (kept,) = shelf.attempts
    assert (kept.attempt, kept.started, kept.seconds, kept.outcome) == (1, 2.0, 0.5, "4xx")
    assert (kept.method, kept.target, kept.headers, kept.sent.pieces) == (
        "POST",
        b"/v1?a=b",
        ((b"Host", b"api.stripe.com"), (b"X-A", b"1"), (b"Content-Length", b"4")),
        [b"sent"],
    )
    assert (kept.status, kept.response_headers, kept.received.pieces) == (
        404,
        ((b"X-B", b"2"), (b"Content-Length", b"4")),
        [b"none"],
    )
    assert not kept.sent.truncated
    assert not kept.received.truncated


CHUNKED, EMPTY, TWO = (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"0"), (b"Content-Length", b"2")
FRAMED = {  # method, length of the request's body or no body; status, length of the answer's; what each head says
    "nothing to send": ("GET", "none", 200, 2, [], [TWO]),
    "nothing to post": ("POST", "none", 200, 0, [EMPTY], [EMPTY]),
    "lengths that nobody knows": ("PUT", None, 200, None, [CHUNKED], [CHUNKED]),
    "no body by its status": ("DELETE", 2, 204, 0, [TWO], []),
    "an answer to HEAD": ("HEAD", "none", 200, 0, [], []),
}


@pytest.mark.parametrize(("method", "length", "status", "answered", "sent", "got"), FRAMED.values(), ids=FRAMED)
async def test_heads_say_how_their_bodies_were_framed(method, length, status, answered, sent, got):
    shelf = Shelf()
    handle, _ = around(shelf, Response(status, b"", (), Whole(b""), answered))
    body = None if length == "none" else Body(Whole(b"xx"), length)
    await handle(Request(method, b"/", (), body, Call("id", 0.0, sampled=True), origin="files"))
    (kept,) = shelf.attempts
    assert kept.headers == ((b"Host", b"files.stripe.com"), *sent)
    assert kept.response_headers == tuple(got)


async def test_an_answer_that_ends_with_its_connection_has_no_framing():
    shelf = Shelf()
    handle, _ = around(shelf, Response(200, b"", (), Whole(b"x"), None, until_close=True))
    await handle(request())
    assert shelf.attempts[0].response_headers == ()


async def test_each_attempt_is_kept_on_its_own():
    shelf = Shelf()
    handle, _ = around(shelf, answer(503), answer(200, b"ok"))
    asked = request(Body(Whole(b"sent"), 4, keep=100))
    for _ in range(2):
        await drained(await handle(asked))
    assert [(one.attempt, one.outcome, one.sent.pieces) for one in shelf.attempts] == [
        (1, "5xx", [b"sent"]),
        (2, "ok", [b"sent"]),
    ]


async def test_the_same_attempt_on_a_fresh_connection_stays_one():
    shelf = Shelf()
    handle, _ = around(shelf, StaleConnection(sent=False), answer(200))
    asked = request()
    with pytest.raises(StaleConnection):
        await handle(asked)
    await drained(await handle(asked.on_fresh_connection()))
    assert [(one.attempt, one.outcome) for one in shelf.attempts] == [(1, "ok")]


async def test_a_call_that_is_not_sampled_is_not_kept_and_its_body_not_wrapped():
    shelf = Shelf()
    given = answer(200, b"body")
    handle, _ = around(shelf, given)
    body = given.body
    assert (await handle(request(sampled=False))).body is body
    assert shelf.attempts == []


FAILURES = {
    "a failure of the upstream": (UpstreamFailure("upstream_reset", sent=True), "upstream_reset"),
    "a refusal further in": (Refusal("secret_unavailable"), "secret_unavailable"),
    "a bug": (ValueError(), "cancelled"),
}


@pytest.mark.parametrize(("error", "outcome"), FAILURES.values(), ids=FAILURES)
async def test_an_attempt_without_an_answer_has_its_reason(error, outcome):
    shelf = Shelf()
    handle, _ = around(shelf, 0.25, error)
    with pytest.raises(type(error)):
        await handle(request())
    (kept,) = shelf.attempts
    assert (kept.outcome, kept.status, kept.seconds) == (outcome, 0, 0.25)


async def test_an_attempt_that_is_cancelled_says_so():
    shelf = Shelf()
    handle, _ = around(shelf, 60.0, answer())
    task = asyncio.get_running_loop().create_task(handle(request()))
    await asyncio.sleep(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (shelf.attempts[0].outcome, shelf.attempts[0].seconds) == ("cancelled", 3.0)


async def test_a_body_that_breaks_off_keeps_what_came_and_passes_the_break_on():
    shelf = Shelf()
    broken = UpstreamFailure("upstream_reset", sent=True)
    handle, _ = around(shelf, Response(200, b"", (), Pieces(b"ha", broken), 4))
    response = await handle(request())
    with pytest.raises(UpstreamFailure):
        await drained(response)
    response.close(broken)
    assert (shelf.attempts[0].outcome, shelf.attempts[0].received.pieces) == ("upstream_reset", [b"ha"])


async def test_no_more_is_kept_than_the_limit_and_the_margin_and_everything_passes():
    shelf = Shelf()
    piece = b"x" * (MARGIN // 2)
    handle, provider = around(shelf, Response(200, b"", (), Pieces(piece, piece, piece), None))
    received = await drained(await handle(request(Body(Pieces(piece, piece, piece), None))))
    assert (received, provider.bodies) == (piece * 3, [piece * 3])
    for taken in (shelf.attempts[0].sent, shelf.attempts[0].received):
        assert sum(map(len, taken.pieces)) == SETTINGS.max_body + MARGIN
        assert taken.truncated


async def test_a_body_that_just_fits_is_not_called_truncated():
    shelf = Shelf()
    handle, _ = around(shelf, Response(200, b"", (), Pieces(b"x" * (SETTINGS.max_body + MARGIN)), None))
    await drained(await handle(request()))
    assert not shelf.attempts[0].received.truncated


async def test_an_answer_is_as_ready_as_it_was_without_the_capture():
    handle, _ = around(Shelf(), Response(200, b"", (), Pieces(b"later"), None), answer(200, b"now"))
    assert [(await handle(request())).body.ready for _ in range(2)] == [False, True]


async def test_the_share_of_calls_that_is_kept_is_the_dices():
    dice = iter([0.0, 0.19, 0.2, 0.9]).__next__
    handle = onion([SampleStage(0.2, dice)], Provider(asyncio.get_running_loop(), [answer()]))
    calls = []
    for _ in range(4):
        asked = request(sampled=False)
        await handle(asked)
        calls.append((asked.call.sampled, asked.call.decisions is not None))
    assert calls == [(True, True), (True, True), (False, False), (False, False)]
