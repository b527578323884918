"""What is known of an upstream beyond one configuration, as the next one is taken."""

import pytest

from proxy.model import Evidence
from proxy.rules.breaker import CLOSED, OPEN, BreakerSettings
from proxy.upstream import UpstreamSettings, UpstreamState

NEXT = {  # what the next configuration says of the breaker; the state of one that was open
    "other settings keep it open": (BreakerSettings(failure_threshold=9), OPEN),
    "switched off, it is not seen open for ever": (None, CLOSED),
}


@pytest.mark.parametrize(("breaker", "state"), NEXT.values(), ids=NEXT)
def test_an_open_breaker(breaker, state):
    kept = UpstreamState(UpstreamSettings(name="api", breaker=BreakerSettings(failure_threshold=1)))
    kept.breaker.report(kept.breaker.admit(0.0), Evidence.FAILURE, 0.0)
    kept.adopt(UpstreamSettings(name="api", breaker=breaker))
    assert kept.breaker.state == state
