"""What becomes of a proven event: stored, asked about, or known already; and what its sender is told."""

import asyncio

import pytest

from proxy.config.schema import InboxSettings, WebhookAnswer
from proxy.errors import UpstreamFailure
from tests.support.provider import EPOCH, answer
from tests.support.webhooks import Listening, settings, signed, verify

BODY, OTHER = b'{"id": "evt_1"}', b'{"id": "evt_2"}'
STORED = {"mode": "stored"}
PULLED = {"url": None, "mode": "stored"}
REFUSED = UpstreamFailure("connect_refused", sent=False)


async def test_an_event_is_stored_as_it_came_and_due_at_once() -> None:
    listening = Listening(settings(deliver=STORED))
    headers = ((b"Host", b"h"), (b"X-Type", b"t"), (b"Connection", b"close"), *signed(BODY))
    await listening.ask(BODY, headers, "POST /in/plain?a=%2F")
    ((stored),) = listening.inbox.events.values()
    arrival = stored.arrival
    assert (arrival.method, arrival.query, arrival.headers, arrival.body) == ("POST", b"a=%2F", headers, BODY)
    assert (arrival.event_id, arrival.type, arrival.key_name) == ("evt_1", "t", "old")
    assert (arrival.state, arrival.next_at, arrival.received_at) == ("pending", EPOCH, EPOCH)


async def test_without_an_application_it_waits() -> None:
    listening = Listening(settings(deliver=PULLED))
    await listening.ask(BODY, signed(BODY))
    ((stored),) = listening.inbox.events.values()
    assert (stored.state, stored.next_at) == ("waiting", None)


async def test_a_sender_gets_the_configured_answer_for_the_first_and_for_a_repeat() -> None:
    words = WebhookAnswer(status=202, headers={"X-Taken": "yes"}, body="[accepted]")
    listening = Listening(settings(deliver=STORED, answer=words))
    answers = [await listening.ask(BODY, signed(BODY)) for _ in range(2)]
    assert [(one.status, one.headers, one.body) for one in answers] == [
        (202, ((b"X-Taken", b"yes"),), b"[accepted]")
    ] * 2
    assert [outcome for outcome, _ in listening.ears.ended] == ["accepted", "duplicate"]
    assert len(listening.inbox.events) == 1


NONCE = verify(nonce="header:X-Once")


@pytest.mark.parametrize("deliver", [STORED, {"mode": "sync"}], ids=["stored", "sync"])
async def test_a_nonce_with_another_body_is_a_replay_and_with_the_same_a_repeat(deliver: dict) -> None:
    listening = Listening(settings(NONCE, deliver=deliver), [lambda _: answer(200)])
    once = (b"X-Once", b"n-1")
    found = [await listening.ask(body, (*signed(body), once)) for body in (BODY, BODY, OTHER)]
    assert [one.status for one in found] == [200, 200, 401]
    assert (found[2].headers, found[2].body) == ((), b"")
    assert [outcome for outcome, _ in listening.ears.ended] == ["accepted", "duplicate", "replayed"]


async def test_in_sync_only_a_success_is_remembered() -> None:
    listening = Listening(settings(), [answer(500), REFUSED, answer(200), answer(200)])
    found = [(await listening.ask(BODY, signed(BODY))).status for _ in range(4)]
    assert found == [500, 503, 200, 200]
    assert len(listening.application.requests) == 3
    assert listening.inbox.events == {}


async def test_in_sync_an_event_that_cannot_be_remembered_was_delivered_all_the_same() -> None:
    def breaks(_: object) -> object:
        listening.inbox.broken = "full"
        return answer(201)

    listening = Listening(settings(), [breaks])
    assert (await listening.ask(BODY, signed(BODY))).status == 201
    assert listening.ears.warnings == ["webhooks.plain: an event could not be remembered: full"]


async def test_sync_then_stored_stores_what_cannot_be_asked_and_nothing_else() -> None:
    webhook = settings(deliver={"mode": "sync_then_stored"})
    listening = Listening(webhook, [answer(500), REFUSED, lambda _: answer(200)])
    found = [(await listening.ask(body, signed(body))).status for body in (BODY, OTHER)]
    assert found == [500, 200]
    assert [one.arrival.event_id for one in listening.inbox.events.values()] == ["evt_2"]
    async with listening.delivering():
        await asyncio.sleep(1)
    assert listening.states() == ["delivered"]


@pytest.mark.parametrize("deliver", [STORED, PULLED, {"mode": "sync"}], ids=["stored", "pulled", "sync"])
async def test_without_the_store_nothing_is_answered_2xx(deliver: dict) -> None:
    listening = Listening(settings(deliver=deliver))
    listening.inbox.broken = "locked"
    found = await listening.ask(BODY, signed(BODY))
    assert (found.status, found.headers, found.body) == (503, ((b"Retry-After", b"5"),), b"")
    assert listening.ears.ended == [("inbox_unavailable", "old")]
    assert listening.application.requests == []


async def test_three_failures_in_a_row_make_the_program_unready_until_one_works() -> None:
    listening = Listening(settings(deliver=STORED))
    troubles = []
    for broken in ("full", "full", None, "full", "full", "full", None):
        listening.inbox.broken = broken
        await listening.ask(BODY, signed(BODY))
        troubles.append(listening.keeping.trouble)
    assert troubles == [None, None, None, None, None, "inbox: full", None]


async def test_nobody_needs_to_send_anything_for_it_to_be_ready_again() -> None:
    listening = Listening(settings(deliver=STORED))
    async with listening.delivering():
        listening.inbox.broken = "full"
        for _ in range(3):
            await listening.ask(BODY, signed(BODY))
        await asyncio.sleep(20)
        assert listening.keeping.trouble == "inbox: full"
        listening.inbox.broken = None
        await asyncio.sleep(10)
        assert listening.keeping.trouble is None


async def test_over_max_pending_nothing_is_read_and_a_longer_queue_asks_for_a_longer_wait() -> None:
    listening = Listening(settings(deliver=PULLED), inbox=InboxSettings(max_pending=2000))
    for number in range(2000):
        body = b'{"id": "evt_%d"}' % number
        await listening.ask(body, signed(body))
    found = await listening.ask(BODY, ())
    assert (found.status, found.headers, found.body) == (503, ((b"Retry-After", b"7"),), b"")
    assert listening.ears.ended[-1] == ("overloaded", None)


async def test_a_full_inbox_does_not_stop_what_is_never_stored() -> None:
    listening = Listening(settings(), inbox=InboxSettings(max_pending=0))
    assert (await listening.ask(BODY, signed(BODY))).status == 200


async def test_a_refused_request_is_kept_with_its_reason() -> None:
    listening = Listening(settings(deliver=STORED))
    await listening.ask(BODY, signed(BODY, secret=b"guessed"))
    await listening.ask(b"", (), "PUT /in/plain")
    put, forged = listening.refused.last("plain")
    assert (forged.outcome, forged.status, forged.body, forged.whole) == ("bad_signature", 401, BODY, True)
    assert (put.outcome, put.status, put.length) == ("method_not_allowed", 405, None)
