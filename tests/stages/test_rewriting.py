"""The final answer's body: held, changed, or let through as it comes."""

import asyncio
import json

import pytest

from proxy.body import Whole
from proxy.errors import Refusal, UpstreamFailure
from proxy.model import Call, Request, Response
from proxy.rules.headers import Address
from proxy.rules.rewriting import LARGEST, JsonField, RewriteSettings, Rewriting
from proxy.stages.rewriting import AT_ONCE, RewritingStage
from proxy.timing import Alarms
from tests.support.provider import Provider
from tests.support.upstreams import Pieces, body_of

SETTINGS = RewriteSettings(json=(JsonField(pointer="/next"),))
BEFORE, AFTER = b'{"next":"https://api.example/x"}', b'{"next":"http://p/api/x"}'
KIND = (b"Content-Type", b"application/json")


def json_answer(body, length=None, *, status=200, headers=(KIND,), made_here=None):
    stream = Whole(body) if isinstance(body, bytes) else body
    size = len(body) if isinstance(body, bytes) else length
    return Response(status, b"", headers, stream, size, made_here=made_here)


async def answered(response, method="GET", deadline=60.0):
    loop = asyncio.get_running_loop()
    stage = RewritingStage(
        Rewriting(SETTINGS), lambda base: [Address(b"https", b"api.example", b"", base)], alarms=Alarms(loop)
    )
    call = Call("id", 0.0, deadline=deadline, base=b"http://p/api")
    return await stage(Request(method, b"/a", (), None, call), Provider(loop, [response]))


async def test_a_body_is_changed_and_its_length_with_it():
    response = await answered(json_answer(BEFORE))
    assert (response.length, await body_of(response)) == (len(AFTER), AFTER)


async def test_a_body_in_pieces_of_unknown_length_is_changed_too():
    response = await answered(json_answer(Pieces(BEFORE[:9], BEFORE[9:], b"")))
    assert (response.length, await body_of(response)) == (len(AFTER), AFTER)


LEFT = {
    "made here": {"made_here": "cooldown"},
    "a part": {"status": 206},
    "another type": {"headers": ((b"Content-Type", b"text/event-stream"),)},
}


@pytest.mark.parametrize("more", LEFT.values(), ids=LEFT)
async def test_what_is_not_held(more):
    stream = Pieces(BEFORE)
    response = await answered(json_answer(stream, len(BEFORE), **more))
    assert (response.body, stream.ready) == (stream, True)


async def test_the_head_alone_is_not_waited_for():
    assert (await answered(json_answer(b""), method="HEAD")).length == 0


async def test_a_body_that_is_known_to_be_over_the_limit_is_not_held():
    stream = Pieces(b"x")
    assert (await answered(json_answer(stream, LARGEST + 1))).body is stream


async def test_a_body_that_turns_out_to_be_over_the_limit_goes_on_as_it_came():
    document = json.dumps({"next": "https://api.example/x", "fill": "x" * LARGEST}).encode()
    pieces = [document[: LARGEST // 2], document[LARGEST // 2 : LARGEST + 9], document[LARGEST + 9 :]]
    response = await answered(json_answer(Pieces(*pieces, b"")))
    assert await body_of(response) == document


async def test_a_large_body_is_changed_too():
    fill = b'"fill":"%b",' % (b"x" * AT_ONCE)
    response = await answered(json_answer(b"{" + fill + BEFORE[1:]))
    assert await body_of(response) == b"{" + fill + AFTER[1:]


async def test_nothing_is_changed_where_there_is_nothing_to_change():
    etag = (b"ETag", b'"1"')
    response = await answered(json_answer(b'{"a": 1.0}', headers=(KIND, etag)))
    assert (response.headers, await body_of(response)) == ((KIND, etag), b'{"a": 1.0}')


async def test_a_body_that_breaks_off_while_it_is_held_is_a_failure_with_nothing_sent():
    broken = json_answer(Pieces(b"{", UpstreamFailure("upstream_reset", "x", sent=True)))
    closed = []
    broken.on_close(closed.append)
    with pytest.raises(UpstreamFailure, match="upstream_reset"):
        await answered(broken)
    assert len(closed) == 1


async def test_a_body_that_does_not_come_in_time_ends_with_the_deadline():
    slow = json_answer(Pieces(b"{"))
    closed = []
    slow.on_close(closed.append)
    with pytest.raises(Refusal, match="deadline_exceeded"):
        await answered(slow, deadline=2.0)
    assert len(closed) == 1
