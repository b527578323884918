"""What the application gets of a proven request, and what becomes of its answer."""

import asyncio

import pytest

from proxy.errors import UpstreamFailure
from proxy.model import Response
from tests.support.provider import answer
from tests.support.webhooks import Drip, Listening, read, settings, signed, verify

BODY = b'{"id": "evt_1", "kind": "thing.made"}'


def delivered(listening: Listening) -> dict[bytes, bytes]:
    """The fields that we added, of the last delivery."""
    return {name: value for name, value in listening.application.requests[-1].headers if name.startswith(b"Outrigger-")}


async def test_method_query_and_body_go_on_byte_for_byte() -> None:
    listening = Listening(settings(verify(methods=("POST", "PUT"))))
    body = b'\xef\xbb\xbf{"id":\t"evt_1"}\r\n\x00\xff'
    await listening.ask(body, signed(body), line="PUT /in/plain?a=%2F&&b=+;c?d")
    (request,) = listening.application.requests
    assert (request.method, request.target) == ("PUT", b"?a=%2F&&b=+;c?d")
    assert listening.application.bodies == [body]
    assert request.body is not None
    assert request.body.length == len(body)


@pytest.mark.parametrize(("line", "target"), [("POST /in/plain", b""), ("POST /in/plain?", b"?")])
async def test_the_target_holds_only_what_stands_behind_the_path(line: str, target: bytes) -> None:
    listening = Listening(settings())
    await listening.ask(BODY, signed(BODY), line=line)
    assert listening.application.requests[0].target == target


async def test_headers_go_on_in_order_but_for_those_of_the_connection_and_ours() -> None:
    listening = Listening(settings())
    proof = signed(BODY)
    headers = (
        (b"Host", b"hooks.example"),
        (b"X-b", b"1"),
        (b"Content-Length", b"15"),
        (b"x-A", b"2"),
        (b"Connection", b"close, X-Once"),
        (b"X-Once", b"3"),
        (b"X-b", b"4"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Expect", b"100-continue"),
        (b"Keep-Alive", b"5"),
        (b"outrigger-Key", b"forged"),
        (b"Outrigger_Event_Id", b"forged"),
        (b"X-latin", b"gr\xfc\xdfe"),
        (b"Content-Encoding", b"gzip"),
        *proof,
    )
    await listening.ask(BODY, headers)
    found = listening.application.requests[0].headers
    kept = tuple(field for field in found if not field[0].startswith(b"Outrigger-"))
    assert kept == (
        (b"X-b", b"1"),
        (b"x-A", b"2"),
        (b"X-b", b"4"),
        (b"X-latin", b"gr\xfc\xdfe"),
        (b"Content-Encoding", b"gzip"),
        *proof,
    )
    assert b"forged" not in delivered(listening).values()


async def test_a_delivery_says_which_event_it_is() -> None:
    listening = Listening(settings())
    await listening.ask(BODY, (*signed(BODY), (b"X-Type", b"thing.made")))
    assert delivered(listening) == {
        b"Outrigger-Webhook": b"plain",
        b"Outrigger-Event-Id": b"evt_1",
        b"Outrigger-Event-Type": b"thing.made",
        b"Outrigger-Attempt": b"1",
        b"Outrigger-Received": b"2026-09-21T14:13:20.000Z",
        b"Outrigger-Key": b"old",
    }


@pytest.mark.parametrize("type", [b"", b"two\tparts", b"gr\xfc\xdfe", b"x" * 201])
async def test_a_type_that_cannot_stand_in_a_header_is_left_out(type: bytes) -> None:
    listening = Listening(settings())
    await listening.ask(BODY, (*signed(BODY), (b"X-Type", type)))
    assert b"Outrigger-Event-Type" not in delivered(listening)


async def test_a_type_from_the_body_cannot_add_a_header() -> None:
    body = b'{"id": "1\\r\\nX-Evil: 1", "type": "a\\r\\nX-Evil: 1"}'
    listening = Listening(settings(verify(type=("json:/type",))))
    await listening.ask(body, signed(body))
    values = [value for _, value in listening.application.requests[0].headers]
    assert not any(b"\n" in value for value in values)


async def test_an_application_that_thinks_longer_than_the_timeout_is_unavailable() -> None:
    listening = Listening(settings(deliver={"timeout": 30.0}), [60.0, answer(200)])
    loop = asyncio.get_running_loop()
    found = await listening.ask(BODY, signed(BODY))
    assert (found.status, listening.ears.ended) == (503, [("app_unavailable", "old")])
    assert 30.0 <= loop.time() < 31.0


async def test_an_error_of_the_application_is_its_answer_and_a_failed_delivery() -> None:
    listening = Listening(settings(), [answer(500, b"oops")])
    found = await listening.ask(BODY, signed(BODY))
    assert (found.status, found.body) == (500, b"oops")
    assert listening.ears.ended == [("accepted", "old")]
    assert listening.ears.deliveries == ["failed"]


async def test_an_answer_whose_body_does_not_end_in_time_breaks_off() -> None:
    slow = Response(200, b"", (), Drip([(1.0, b"begun"), (40.0, b"late")]), None)
    listening = Listening(settings(deliver={"timeout": 30.0}), [slow])
    response = await listening.send(BODY, signed(BODY))
    assert await response.body.read() == b"begun"
    with pytest.raises(UpstreamFailure, match="upstream_timeout"):
        await response.body.read()
    response.close()


async def test_only_so_many_deliveries_are_under_way_and_the_others_wait_their_turn() -> None:
    loop = asyncio.get_running_loop()
    listening = Listening(settings(deliver={"concurrency": 2}), [lambda _: held()])
    answers = []

    def held() -> Response:
        response = answer(200)
        answers.append(response)
        loop.call_later(5.0, response.close)
        return response

    bodies = [b'{"id": "evt_%d"}' % number for number in range(5)]
    await asyncio.gather(*(listening.send(body, signed(body)) for body in bodies))
    assert len(answers) == 5
    assert listening.application.times == [0.0, 0.0, 5.0, 5.0, 10.0]


async def test_failed_and_abandoned_deliveries_leave_their_places() -> None:
    listening = Listening(
        settings(deliver={"concurrency": 1}), [UpstreamFailure("connect_refused", sent=False), 100.0, answer(200)]
    )
    await listening.ask(BODY, signed(BODY))
    waiting = asyncio.get_running_loop().create_task(listening.send(BODY, signed(BODY)))
    await asyncio.sleep(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await read(await listening.send(BODY, signed(BODY)))).status == 200
