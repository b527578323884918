"""Where repeats stop: each word, and what meets a repeat on its way."""

import pytest

from proxy.body import Body
from proxy.errors import Refusal, UpstreamFailure
from proxy.model import Request, Response
from proxy.pipeline import Handler
from proxy.rules.retry import BudgetSettings, RetrySettings
from tests.support.attempts import Attempts, Pieces, streamed
from tests.support.provider import answer

FAILED = UpstreamFailure("upstream_reset", sent=True)


def later(seconds: bytes) -> Response:
    return answer(503, headers=((b"Retry-After", seconds),))


async def test_a_call_that_may_do_it_twice_is_not_repeated():
    attempts = Attempts(answer(500))
    assert (await attempts("POST")).status == 500
    assert (attempts.call.attempts, attempts.call.stopped) == (1, "not_idempotent")


async def test_a_call_that_the_integration_names_is():
    attempts = Attempts(answer(500), answer(200), safe=lambda request: request.target == b"/v1/charges")
    assert (await attempts("POST")).status == 200


async def test_what_was_refused_is_repeated_whatever_the_method():
    attempts = Attempts(answer(429), answer(200))
    assert (await attempts("POST")).status == 200


async def test_what_was_never_sent_is_repeated_whatever_the_method():
    attempts = Attempts(UpstreamFailure("upstream_reset", sent=False), answer(200))
    assert (await attempts("POST")).status == 200


async def test_the_application_can_switch_repeats_off():
    attempts = Attempts(answer(503))
    attempts.call.wants_retry = False
    assert (await attempts()).status == 503
    assert attempts.call.stopped == "off"


async def test_a_body_that_is_gone_is_not_repeated():
    attempts = Attempts(answer(503))
    body = Body(Pieces(b"x" * 100), None, 10)
    assert (await attempts("PUT", body=body)).status == 503
    assert attempts.call.stopped == "body_not_replayable"


async def test_the_providers_no_is_obeyed():
    attempts = Attempts(answer(503, headers=((b"X-Should-Retry", b"false"),)))
    assert (await attempts()).status == 503
    assert attempts.call.stopped == "provider_says_no"


async def test_the_providers_yes_makes_an_answer_worth_another_attempt():
    attempts = Attempts(answer(409, headers=((b"Stripe-Should-Retry", b"true"),)), answer(200))
    assert (await attempts()).status == 200


async def test_a_told_wait_over_the_limit_is_not_sat_out():
    attempts = Attempts(later(b"61"), total=600.0)
    assert (await attempts()).status == 503
    assert (attempts.call.stopped, attempts.loop.time()) == ("retry_after_too_long", 0.0)


async def test_a_deadline_that_would_be_missed_is_known_before_the_wait():
    attempts = Attempts(later(b"10"), total=5.0)
    assert (await attempts()).status == 503
    assert (attempts.call.stopped, attempts.loop.time()) == ("deadline", 0.0)


async def test_a_repeat_must_leave_time_for_an_answer():
    attempts = Attempts(later(b"4.3"), total=5.0)  # with its jitter it ends half a second before the deadline
    assert (await attempts()).status == 503
    assert (attempts.call.attempts, attempts.call.stopped) == (1, "deadline")


async def test_an_empty_budget_stops_repeats():
    settings = RetrySettings(budget=BudgetSettings(ratio=0.0, min_per_second=0.1))
    attempts = Attempts(answer(503), settings=settings)
    assert (await attempts()).status == 503
    assert (attempts.call.attempts, attempts.call.stopped) == (2, "budget")


async def test_a_call_puts_its_share_into_the_budget():
    settings = RetrySettings(budget=BudgetSettings(ratio=1.0, min_per_second=0.0))
    attempts = Attempts(answer(503), answer(200), settings=settings)
    assert (await attempts()).status == 200


async def test_an_open_breaker_stops_repeats_and_takes_nothing_from_the_budget():
    asked = []

    def allows(now: float) -> bool:
        asked.append(now)
        return False

    attempts = Attempts(answer(503), allows=allows)
    assert (await attempts()).status == 503
    assert (attempts.call.stopped, asked) == ("circuit_open", [0.0])


class Turnstile:
    """Lets the first attempt through and refuses the others with `code`."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._passed = 0

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        self._passed += 1
        if self._passed > 1:
            raise Refusal(self._code, retry_after=9.0)
        return await call_next(request)


WORDS = {
    "cooldown": "cooldown",
    "rate_limited": "rate_limited",
    "concurrency_full": "concurrency_full",
    "circuit_open": "circuit_open",
    "draining": "draining",
    "deadline_exceeded": "deadline",
}


@pytest.mark.parametrize(("code", "word"), WORDS.items(), ids=WORDS)
async def test_a_refusal_that_meets_the_repeat_gives_back_the_answer_before_it(code, word):
    attempts = Attempts(answer(503, b"down"), inner=[Turnstile(code)])
    response = await attempts()
    assert (response.status, await response.body.read()) == (503, b"down")
    assert (attempts.call.attempts, attempts.call.stopped) == (1, word)
    assert attempts.heard.of("stopped") == [(word,)]


async def test_without_an_answer_the_refusal_itself_goes_back():
    attempts = Attempts(FAILED, inner=[Turnstile("circuit_open")])
    with pytest.raises(Refusal, match="circuit_open"):
        await attempts()
    assert attempts.call.stopped == "circuit_open"


async def test_an_answer_too_large_to_keep_gives_way_to_the_refusal():
    attempts = Attempts(streamed(503, b"x" * 70_000), inner=[Turnstile("cooldown")])
    with pytest.raises(Refusal, match="cooldown"):
        await attempts()


async def test_a_refusal_of_the_first_attempt_is_no_matter_of_repeats():
    attempts = Attempts(Refusal("secret_unavailable"))
    with pytest.raises(Refusal, match="secret_unavailable"):
        await attempts()
    assert (attempts.call.stopped, attempts.heard.of("stopped")) == (None, [])


async def test_a_deadline_that_passes_in_a_later_attempt_gives_back_the_answer_before_it():
    attempts = Attempts(answer(503, b"down"), 30.0, answer(200), total=10.0)
    response = await attempts()
    assert (response.status, attempts.call.stopped) == (503, "deadline")
    assert 10.0 <= attempts.loop.time() <= 10.02


async def test_a_drain_during_the_wait_gives_back_the_answer_at_once():
    attempts = Attempts(later(b"20"))
    attempts.loop.call_at(1.0, attempts.waits.drain, 5.0)
    response = await attempts()
    assert (response.status, attempts.call.stopped, attempts.loop.time()) == (503, "draining", 1.0)


async def test_a_drain_before_the_wait_leaves_the_answer_untouched():
    failed = streamed(503, b"x" * 100_000, headers=((b"Retry-After", b"20"),))
    attempts = Attempts(failed)
    attempts.waits.drain(5.0)
    assert await attempts() is failed
    assert attempts.call.stopped == "draining"


async def test_a_wait_that_ends_before_the_drain_goes_on():
    attempts = Attempts(later(b"2"), answer(200))
    attempts.waits.drain(5.0)
    assert (await attempts()).status == 200


async def test_our_own_failures_are_not_repeated():
    attempts = Attempts(UpstreamFailure("egress_denied", sent=False))
    with pytest.raises(UpstreamFailure, match="egress_denied"):
        await attempts()
    assert (attempts.call.attempts, attempts.call.stopped) == (1, None)


async def test_one_attempt_in_all_means_off():
    attempts = Attempts(answer(503), settings=RetrySettings(attempts=1))
    await attempts()
    assert attempts.call.stopped == "off"
