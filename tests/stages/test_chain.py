"""The stages together, in the program's own order: what each of them makes of what the others do."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import ProxyError, StaleConnection, UpstreamFailure
from proxy.model import Headers, Response
from proxy.rules.breaker import BreakerSettings
from proxy.rules.concurrency import ConcurrencySettings
from proxy.rules.cooldown import CooldownSettings
from proxy.rules.credentials import InjectSettings
from proxy.rules.rate_limit import RateLimitSettings
from proxy.rules.retry import BackoffSettings, RetrySettings
from proxy.rules.scope import ScopeSettings
from proxy.upstream import TimeoutSettings
from tests.support.attempts import streamed
from tests.support.chain import Chain
from tests.support.loop import JumpingLoop
from tests.support.provider import Line

REFUSED = UpstreamFailure("connect_refused", sent=False)


def says(status: int, *pieces: bytes | float | BaseException, headers: Headers = ()) -> Line:
    """A line of the script that makes its answer anew each time."""
    return lambda _request: streamed(status, *pieces, headers=headers)


FINE = says(200, b"done")


async def outcome(chain: Chain, method: str = "GET") -> str | int:
    try:
        return (await chain(method)).status
    except ProxyError as error:
        return error.code


async def test_a_dead_upstream_is_asked_five_times_and_not_three_times_for_each_call():
    chain = Chain(REFUSED)
    ends = [await outcome(chain) for _ in range(10)]
    assert ends == ["connect_refused"] * 2 + ["circuit_open"] * 8
    assert len(chain.provider.requests) == 5
    assert [(call.attempts, call.stopped) for call in chain.calls[:3]] == [
        (3, "attempts"),
        (2, "circuit_open"),
        (0, None),
    ]


async def test_one_probe_after_the_recovery_timeout_finds_out_that_it_works_again():
    chain = Chain(*[REFUSED] * 5, FINE, breaker=BreakerSettings(recovery_timeout=20.0))
    for _ in range(3):
        await outcome(chain)
    await asyncio.sleep(20.0)
    assert [await outcome(chain) for _ in range(3)] == [200, 200, 200]
    assert len(chain.provider.requests) == 8


async def test_a_told_wait_is_one_wait_for_every_caller():
    chain = Chain(says(503, headers=((b"Retry-After", b"1"),)), FINE)
    tasks = [chain.start()]
    for _ in range(20):
        await asyncio.sleep(0.04)
        tasks.append(chain.start())
    assert {response.status for response in await asyncio.gather(*tasks)} == {200}
    assert chain.provider.times[0] == 0.0
    assert min(chain.provider.times[1:]) >= 1.0
    assert len(chain.provider.requests) == 22


@pytest.mark.parametrize("mode", ["wait", "reject", "pass"])
async def test_a_call_refused_without_a_told_wait_comes_back_after_a_second_then_two(mode):
    chain = Chain(says(429), says(429), FINE, cooldown=CooldownSettings(mode=mode))
    assert (await chain("POST")).status == 200
    assert chain.provider.times == pytest.approx([0.0, 1.05, 3.15])


async def test_an_attempt_that_met_a_stale_connection_takes_one_turn_of_the_rate():
    chain = Chain(StaleConnection(sent=True), FINE, rate_limit=RateLimitSettings(rate=0.1, burst=1, mode="reject"))
    assert await outcome(chain) == 200
    assert await outcome(chain) == "rate_limited"


async def test_a_wait_that_nobody_told_is_never_too_long_a_told_one_and_does_not_count_as_told():
    chain = Chain(says(429), FINE, retry=RetrySettings(max_retry_after=0.5))
    assert (await chain("POST")).status == 200
    assert [told for _, _, told in chain.heard.of("retried")] == [False]


def _key(value: bytes) -> Headers:
    return ((b"Authorization", b"Bearer " + value),)


WHO_WAITS = {  # what the upstream injects, the credentials of both calls; what the second call comes to
    "the same credential waits": ({}, _key(b"a"), _key(b"a"), "cooldown"),
    "another one does not": ({}, _key(b"a"), _key(b"b"), 200),
    "nor does a call without any": ({}, _key(b"a"), (), 200),
    "in another header it is another": ({}, _key(b"a"), ((b"X-Api-Key", b"Bearer a"),), 200),
    "an injected one is that of all calls": ({"X-Key": "fixed"}, _key(b"a"), _key(b"b"), "cooldown"),
}


@pytest.mark.parametrize(("injected", "first", "second", "end"), WHO_WAITS.values(), ids=WHO_WAITS)
async def test_cooldown_by_credential(injected, first, second, end):
    chain = Chain(
        says(429, headers=((b"Retry-After", b"9"),)),
        FINE,
        inject=InjectSettings(headers=injected),
        cooldown=CooldownSettings(mode="reject", scope="credential"),
        retry=RetrySettings(attempts=1),
    )
    assert (await chain(headers=first)).status == 429
    try:
        found: str | int = (await chain(headers=second)).status
    except ProxyError as error:
        found = error.code
    assert found == end


async def test_a_cooldown_that_others_began_meets_the_repeat_and_the_answer_before_it_goes_back():
    chain = Chain(
        says(500, b"first"),
        says(429, headers=((b"Retry-After", b"50"),)),
        FINE,
        retry=RetrySettings(backoff=BackoffSettings(base=4.0)),
        cooldown=CooldownSettings(mode="reject"),
    )
    first = chain.start()
    await asyncio.sleep(1.0)
    second = chain.start()
    assert ((await first).status, chain.calls[0].stopped, chain.loop.time()) == (500, "cooldown", 2.0)
    assert (await second).status == 200


async def test_a_wait_for_the_next_attempt_holds_no_place():
    chain = Chain(
        says(503, b"down", headers=((b"Retry-After", b"20"),)),
        FINE,
        cooldown=CooldownSettings(mode="pass"),
        concurrency=ConcurrencySettings(max=1, queue=0),
    )
    first = chain.start()
    await asyncio.sleep(5.0)
    assert chain.state.gate.in_flight == 0
    assert await outcome(chain) == 200
    assert (await first).status == 200


async def test_a_repeat_costs_of_the_rate_what_a_first_attempt_does():
    chain = Chain(says(500, b"first"), FINE, rate_limit=RateLimitSettings(rate=0.1, burst=1, mode="reject"))
    assert await outcome(chain) == 500
    assert (chain.calls[0].attempts, chain.calls[0].stopped) == (1, "rate_limited")


async def test_a_stale_connection_is_no_evidence_for_the_breaker():
    stale = [StaleConnection(sent=True), FINE] * 6
    chain = Chain(*stale, breaker=BreakerSettings(failure_threshold=1))
    assert [await outcome(chain) for _ in range(6)] == [200] * 6
    assert [call.attempts for call in chain.calls] == [1] * 6


async def test_a_body_that_breaks_off_is_a_failure_for_the_breaker_and_is_not_repeated():
    chain = Chain(
        says(200, b"half", UpstreamFailure("upstream_reset", sent=True)), breaker=BreakerSettings(failure_threshold=2)
    )
    assert [await outcome(chain) for _ in range(3)] == ["upstream_reset", "upstream_reset", "circuit_open"]
    assert len(chain.provider.requests) == 2
    assert [call.stopped for call in chain.calls] == ["response_started", "response_started", None]
    assert [event[:2] for event in chain.heard.of("ended")] == [
        (200, "upstream_reset"),
        (200, "upstream_reset"),
        (503, "circuit_open"),
    ]


async def test_what_is_out_of_scope_uses_up_nothing():
    chain = Chain(FINE, scope=ScopeSettings(deny=("POST /v1/charges",)))
    assert await outcome(chain, "POST") == "out_of_scope"
    assert (chain.provider.requests, chain.calls[0].attempts) == ([], 0)
    assert chain.heard.of("ended") == [(403, "out_of_scope", 0.0)]


async def test_the_applications_timeout_bounds_waits_and_attempts_together():
    chain = Chain(says(503), 10.0, FINE)
    response = await chain(outrigger_timeout=b"2.5")
    assert (response.status, chain.calls[0].stopped) == (503, "deadline")
    assert 2.5 <= chain.loop.time() <= 2.52


async def test_a_post_is_repeated_only_if_the_application_vouches_for_it():
    chain = Chain(says(500), FINE)
    assert (await chain("POST")).status == 500
    assert (await chain("POST", outrigger_idempotent=b"true")).status == 200


def reading(status: int, pause: float, *, breaks: bool) -> Line:
    end: tuple[bytes | BaseException, ...] = (UpstreamFailure("upstream_reset", sent=True),) if breaks else (b"end",)
    return says(status, b"begin", pause, *end, headers=((b"Retry-After", b"3"),) if status == 429 else ())


LINES = st.one_of(
    st.builds(reading, st.sampled_from([200, 200, 404, 429, 500, 503]), st.floats(0, 2), breaks=st.booleans()),
    st.sampled_from([REFUSED, UpstreamFailure("upstream_reset", sent=True), StaleConnection(sent=True), 40.0]),
)
CALLS = st.lists(st.tuples(st.floats(0, 3), st.none() | st.floats(0, 20)), min_size=1, max_size=25)
SMALL = {
    "concurrency": ConcurrencySettings(max=3, queue=5, max_wait=2.0),
    "cooldown": CooldownSettings(max_wait=10.0, queue=4),
    "rate_limit": RateLimitSettings(rate=5.0, burst=3),
    "timeout": TimeoutSettings(total=15.0, first_byte=5.0),
    "breaker": BreakerSettings(failure_threshold=4, recovery_timeout=3.0),
}


@given(st.lists(LINES, min_size=1, max_size=30), CALLS)
@settings(max_examples=60)
def test_whatever_ends_calls_nothing_of_them_is_left_and_each_was_heard_of_once(script, calls):
    async def story() -> None:
        chain = Chain(*script, FINE, **SMALL)
        tasks = []
        for pause, leaves_after in calls:
            await asyncio.sleep(pause)
            task = chain.start()
            if leaves_after is not None:
                chain.loop.call_later(leaves_after, task.cancel)
            tasks.append(task)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, Response | ProxyError | asyncio.CancelledError) for end in ends), ends
        assert chain.state.gate.in_flight == 0
        assert chain.state.cooldown.waiting == 0
        assert len(chain.heard.of("ended")) == len(chain.heard.of("started")) <= len(calls)
        assert max((call.attempts for call in chain.calls), default=0) <= 3

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(story())
