"""Faults in the upstream's place: everything further out takes them for real."""

import asyncio

import pytest

from proxy.errors import UpstreamFailure
from proxy.rules.breaker import BreakerSettings
from proxy.rules.faults import FaultSettings
from proxy.rules.retry import RetrySettings
from proxy.upstream import TimeoutSettings
from tests.support.chain import Chain
from tests.support.provider import answer

ONCE = RetrySettings(attempts=1)


def chain(*faults: FaultSettings, **settings: object) -> Chain:
    return Chain(answer(200, b"real"), faults=faults, **{"retry": ONCE, **settings})


async def test_a_status_comes_instead_of_the_upstream():
    struck = chain(FaultSettings(status=503, headers={"Retry-After": "7"}))
    response = await struck()
    assert (response.status, response.reason, response.headers) == (
        503,
        b"Service Unavailable",
        ((b"Retry-After", b"7"),),
    )
    assert (struck.provider.requests, struck.calls[0].fault) == ([], True)


async def test_a_status_is_repeated_and_counted_like_the_upstreams_own():
    struck = chain(FaultSettings(status=500), retry=RetrySettings(attempts=2))
    await struck()
    assert (struck.calls[0].attempts, struck.calls[0].stopped) == (2, "attempts")
    assert [outcome for outcome, _ in struck.heard.of("attempt")] == ["5xx", "5xx"]


async def test_a_reset_is_an_upstream_failure_that_opens_the_breaker():
    struck = chain(FaultSettings(reset=True), breaker=BreakerSettings(failure_threshold=2))
    for _ in range(2):
        with pytest.raises(UpstreamFailure, match="upstream_reset"):
            await struck()
    assert struck.state.breaker.state == "open"


async def test_a_delay_only_makes_the_upstream_slower():
    struck = chain(FaultSettings(delay=2.0))
    response = await struck()
    assert (response.status, struck.provider.times, struck.calls[0].fault) == (200, [2.0], True)


async def test_a_delay_beyond_first_byte_is_a_timeout():
    struck = chain(FaultSettings(delay=9.0), timeout=TimeoutSettings(first_byte=3.0))
    with pytest.raises(UpstreamFailure, match="upstream_timeout"):
        await struck()
    assert asyncio.get_running_loop().time() == pytest.approx(3.0, abs=0.02)
    assert struck.calls[0].fault


async def test_a_delay_and_a_status_go_together():
    struck = chain(FaultSettings(delay=2.0, status=500))
    assert ((await struck()).status, asyncio.get_running_loop().time()) == (500, 2.0)


async def test_what_does_not_match_goes_to_the_upstream_unmarked():
    struck = chain(FaultSettings(match="POST /**", status=500))
    assert ((await struck()).status, struck.calls[0].fault) == (200, False)
