"""What the application gets from the inbox, when, and what becomes of each event."""

import asyncio

import pytest

from proxy.config.schema import InboxSettings, RetentionSettings
from proxy.errors import StaleConnection, UpstreamFailure
from proxy.model import Response
from proxy.rules.delivery import WaitSettings
from tests.support.delivering import body, sent, stored, take
from tests.support.provider import Line, answer
from tests.support.webhooks import Listening, signed

REFUSED = UpstreamFailure("connect_refused", sent=False)


async def test_an_event_is_answered_before_it_is_delivered_and_delivered_soon() -> None:
    listening = Listening(stored(), [lambda _: answer(204)])
    async with listening.delivering():
        (found,) = await take(listening)
        assert (found.status, found.body, listening.application.requests) == (200, b"", [])
        await asyncio.sleep(1)
    assert listening.application.bodies == [body(1)]
    assert listening.states() == ["delivered"]
    assert listening.ears.delivered == [("delivered", 1, "the application said 204")]


async def test_a_delivery_carries_what_the_sender_sent_and_who_it_is() -> None:
    listening = Listening(stored())
    async with listening.delivering():
        await listening.ask(
            body(1), ((b"X-b", b"1"), (b"Connection", b"close"), *signed(body(1))), "POST /in/plain?a=%2F"
        )
        await asyncio.sleep(1)
    (request,) = listening.application.requests
    assert (request.method, request.target) == ("POST", b"?a=%2F")
    assert request.headers == (
        (b"X-b", b"1"),
        *signed(body(1)),
        (b"Outrigger-Webhook", b"plain"),
        (b"Outrigger-Event-Id", b"evt_1"),
        (b"Outrigger-Attempt", b"1"),
        (b"Outrigger-Received", b"2026-09-21T14:13:20.000Z"),
        (b"Outrigger-Key", b"old"),
    )


OUTCOMES = {  # the application's answers; seconds of each attempt, state, outcomes
    "an answer that is no success comes again": (
        [answer(500), answer(200)],
        [0, 5],
        "delivered",
        ["failed", "delivered"],
    ),
    "a redirect is a failure": ([answer(301), answer(200)], [0, 5], "delivered", ["failed", "delivered"]),
    "a reset is an attempt": (
        [UpstreamFailure("upstream_reset", sent=True), answer(200)],
        [0, 5],
        "delivered",
        ["failed", "delivered"],
    ),
    "a wait that is told is kept": (
        [answer(503, headers=((b"Retry-After", b"90"),)), answer(200)],
        [0, 90],
        "delivered",
        ["failed", "delivered"],
    ),
    "410 ends it": ([answer(410), answer(200)], [0], "dead", ["dead"]),
    "the last attempt ends it": ([lambda _: answer(500)], [0, 5, 35], "dead", ["failed", "failed", "dead"]),
    "a kept connection that was closed is no failure": (
        [StaleConnection(sent=True), answer(200)],
        [0, 0],
        "delivered",
        ["delivered"],
    ),
}


@pytest.mark.parametrize(("script", "times", "state", "outcomes"), OUTCOMES.values(), ids=OUTCOMES)
async def test_what_becomes_of_an_event(
    script: list[Line], times: list[float], state: str, outcomes: list[str]
) -> None:
    listening = Listening(stored(retry=WaitSettings(waits=(5.0, 30.0))), script)
    async with listening.delivering():
        await take(listening)
        await asyncio.sleep(300)
    assert [round(when) for when in listening.application.times] == times
    assert listening.states() == [state]
    assert listening.ears.deliveries == outcomes


async def test_no_answer_in_time_is_an_attempt() -> None:
    listening = Listening(stored(timeout=10.0), [100.0, answer(200)])
    async with listening.delivering():
        await take(listening)
        await asyncio.sleep(60)
    assert [round(when) for when in listening.application.times] == [0, 15]
    assert listening.ears.delivered[0] == ("failed", 1, "no answer within 10 s")
    assert sent(listening, b"Outrigger-Attempt") == [b"1", b"2"]


async def test_while_nothing_listens_one_event_probes_and_no_attempt_is_spent() -> None:
    listening = Listening(stored(), [REFUSED] * 3 + [lambda _: answer(200)])
    await take(listening, range(20))
    async with listening.delivering():
        await asyncio.sleep(300)
    assert [round(when) for when in listening.application.times][:4] == [0, 5, 35, 65]
    assert listening.states() == ["delivered"] * 20
    assert set(sent(listening, b"Outrigger-Attempt")) == {b"1"}


async def test_a_dead_application_is_asked_once_in_half_a_minute() -> None:
    listening = Listening(stored(concurrency=1), [REFUSED])
    await take(listening, range(20))
    async with listening.delivering():
        await asyncio.sleep(126)
    assert [round(when) for when in listening.application.times] == [0, 5, 35, 65, 95, 125]
    assert listening.states() == ["pending"] * 20


async def test_when_it_is_back_all_follow_oldest_first_in_groups_that_double() -> None:
    listening = Listening(stored(concurrency=4), [REFUSED, lambda _: answer(200)])
    await take(listening, range(20))
    async with listening.delivering():
        await asyncio.sleep(30)
    arrived = sent(listening, b"Outrigger-Event-Id")[1:]
    assert arrived == [b"evt_%d" % number for number in range(20)]
    assert listening.states() == ["delivered"] * 20


async def test_an_event_that_never_reached_anybody_dies_of_age() -> None:
    listening = Listening(stored(retry=WaitSettings(waits=(5.0, 30.0))), [REFUSED])
    await take(listening, range(12))
    async with listening.delivering():
        await asyncio.sleep(70)
    assert listening.states() == ["dead"] * 12
    assert listening.ears.deliveries.count("dead") == 12


async def test_only_so_many_are_on_their_way_at_once() -> None:
    listening = Listening(stored(concurrency=3), ([10.0] * 3 + [answer(200)] * 3) * 3)
    await take(listening, range(7))
    async with listening.delivering():
        await asyncio.sleep(1)
        assert len(listening.application.requests) == 3
        await asyncio.sleep(60)
    assert len(listening.application.requests) == 7


async def test_events_of_one_key_go_one_after_the_other_and_a_failing_one_holds_its_key_only() -> None:
    def judge(request: object) -> Response:
        first = listening.application.bodies[-1] == body(0) and len(listening.application.bodies) < 5
        return answer(500 if first else 200)

    listening = Listening(stored(order_by="json:/object/id"), [judge])
    await take(listening, range(6))
    async with listening.delivering():
        await asyncio.sleep(3)
        assert sent(listening, b"Outrigger-Event-Id") == [b"evt_0", b"evt_1", b"evt_3", b"evt_5"]
        await asyncio.sleep(60)
    assert [event for event in sent(listening, b"Outrigger-Event-Id") if event in {b"evt_0", b"evt_2", b"evt_4"}] == [
        b"evt_0",
        b"evt_0",
        b"evt_2",
        b"evt_4",
    ]


async def test_a_row_of_failures_opens_the_breaker_of_the_target_and_one_event_probes() -> None:
    listening = Listening(stored(concurrency=1), [answer(500)] * 5 + [lambda _: answer(200)])
    await take(listening, range(20))
    async with listening.delivering():
        await asyncio.sleep(2)
        assert len(listening.application.requests) == 5
        await asyncio.sleep(60)
    assert listening.states() == ["delivered"] * 20
    assert listening.application.times[5] >= 5.0


async def test_a_store_that_fails_for_a_while_delays_and_loses_nothing() -> None:
    listening = Listening(stored(), [lambda _: answer(200)])
    await take(listening, range(3))
    listening.inbox.broken = "locked"
    async with listening.delivering():
        await asyncio.sleep(5)
        assert listening.application.requests == []
        listening.inbox.broken = None
        await asyncio.sleep(2)
    assert listening.states() == ["delivered"] * 3


async def test_a_delivery_that_cannot_be_written_down_at_once_is_written_down_later() -> None:
    def breaks(_: object) -> Response:
        listening.inbox.broken = "full"
        return answer(200)

    listening = Listening(stored(), [breaks])
    async with listening.delivering():
        await take(listening)
        await asyncio.sleep(3)
        assert listening.states() == ["pending"]
        listening.inbox.broken = None
        await asyncio.sleep(3)
    assert (listening.states(), len(listening.application.requests)) == (["delivered"], 1)


async def test_a_drain_lets_deliveries_end_and_lets_go_of_the_others() -> None:
    loop = asyncio.get_running_loop()
    listening = Listening(stored(concurrency=2), [3.0, 60.0, answer(200)])
    await take(listening, range(5))
    listening.deliveries.start()
    await asyncio.sleep(1)
    await listening.deliveries.drain(loop.time() + 10)
    assert loop.time() < 12
    assert listening.states() == ["delivered", "pending", "pending", "pending", "pending"]
    assert listening.inbox.claims == {}


async def test_what_is_delivered_or_dead_is_forgotten_in_time() -> None:
    hour = InboxSettings(retention=RetentionSettings(delivered=3600.0))
    listening = Listening(stored(), [lambda _: answer(200)], inbox=hour)
    async with listening.delivering():
        await take(listening)
        await asyncio.sleep(3500)
        assert listening.states() == ["delivered"]
        await asyncio.sleep(200)
    assert listening.states() == []
