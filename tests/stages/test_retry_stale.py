"""What is tried once more without being a failed attempt: a stale connection, and a credential that was renewed."""

import pytest

from proxy.body import Body, Whole
from proxy.errors import Refusal, StaleConnection, UpstreamFailure
from tests.support.attempts import Attempts, Pieces
from tests.support.provider import answer


async def test_a_stale_connection_is_replaced_at_once_and_counts_as_nothing():
    attempts = Attempts(StaleConnection(sent=True), answer(200))
    assert (await attempts()).status == 200
    assert [request.fresh for request in attempts.provider.requests] == [False, True]
    assert attempts.provider.times == [0.0, 0.0]
    assert (attempts.call.attempts, attempts.heard.of("attempt")) == (1, [("ok", 0.0)])
    assert attempts.heard.of("retried") == []


async def test_it_is_replaced_for_any_method_if_nothing_was_sent():
    attempts = Attempts(StaleConnection(sent=False), answer(200))
    body = Body(Whole(b"a=1"), 3, 99)
    assert (await attempts("POST", body=body)).status == 200
    assert attempts.provider.bodies == [b"a=1", b"a=1"]
    assert (attempts.call.attempts, attempts.loop.time()) == (1, 0.0)


async def test_it_is_a_failed_attempt_where_a_repeat_could_do_it_twice():
    attempts = Attempts(StaleConnection(sent=True), answer(200))
    with pytest.raises(UpstreamFailure, match="upstream_reset"):
        await attempts("POST")
    assert (attempts.call.attempts, attempts.call.stopped) == (1, "not_idempotent")
    assert attempts.heard.of("attempt") == [("upstream_reset", 0.0)]


async def test_it_is_a_failed_attempt_where_the_body_is_gone():
    attempts = Attempts(StaleConnection(sent=True), answer(200))
    with pytest.raises(UpstreamFailure, match="upstream_reset"):
        await attempts("PUT", body=Body(Pieces(b"x" * 100), None, 10))
    assert attempts.call.stopped == "body_not_replayable"


async def test_what_fails_on_the_new_connection_is_repeated_like_any_attempt():
    attempts = Attempts(StaleConnection(sent=True), answer(503), answer(200))
    assert (await attempts()).status == 200
    assert [request.fresh for request in attempts.provider.requests] == [False, True, False]
    assert attempts.provider.times == pytest.approx([0.0, 0.0, 0.1])
    assert attempts.call.attempts == 2


async def test_a_later_attempt_may_meet_one_too():
    attempts = Attempts(answer(503), StaleConnection(sent=True), answer(200))
    assert (await attempts()).status == 200
    assert (attempts.call.attempts, len(attempts.provider.requests)) == (2, 3)


async def test_it_is_replaced_even_where_repeats_are_off():
    attempts = Attempts(StaleConnection(sent=True), answer(200))
    attempts.call.wants_retry = False
    assert (await attempts()).status == 200


async def test_a_refusal_of_the_new_connection_goes_back_as_it_is():
    attempts = Attempts(StaleConnection(sent=True), Refusal("secret_unavailable"))
    with pytest.raises(Refusal, match="secret_unavailable"):
        await attempts()
    assert (attempts.call.attempts, attempts.call.stopped) == (1, None)


async def test_a_refused_credential_is_tried_once_more_if_the_secret_has_changed():
    attempts = Attempts(answer(401), answer(200), renew=lambda _call: True)
    assert (await attempts("POST")).status == 200
    assert attempts.call.attempts == 2


async def test_but_only_once():
    attempts = Attempts(answer(401), renew=lambda _call: True)
    assert (await attempts()).status == 401
    assert (attempts.call.attempts, attempts.call.stopped) == (2, None)


@pytest.mark.parametrize("renew", [None, lambda _call: False], ids=["cannot be read anew", "is still the same"])
async def test_a_refused_credential_is_not_tried_again_if_the_secret(renew):
    attempts = Attempts(answer(401), renew=renew)
    assert (await attempts()).status == 401
    assert (attempts.call.attempts, attempts.call.stopped) == (1, None)


async def test_the_secret_is_not_read_where_no_attempt_could_follow():
    read = []
    attempts = Attempts(answer(401), renew=lambda _call: not read.append(1))
    attempts.call.wants_retry = False
    assert (await attempts()).status == 401
    assert read == []
