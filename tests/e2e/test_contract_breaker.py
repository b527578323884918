"""What opens a breaker, beside five failures in a row: slow answers; and what does not: a row that is mere chance."""

import httpx

from tests.support.scripted import plain

ONE = "retry: {attempts: 1}"


def breaker(stage, base: str) -> dict[str, object]:
    """What the admin listener says of the upstream's breaker."""
    return httpx.get(f"{stage.program.admin}/api/upstreams/{base.rpartition('/')[2]}").json()["breaker"]


def test_slow_answers_open_the_breaker(stage):
    base, upstream = stage(keys=ONE + ", breaker: {slow_after: 250ms, slow_rate: 60%, min_requests: 5}")
    with httpx.Client() as client:
        client.get(f"{base}/x")  # the connection and the code are warm now
        upstream.play(plain(), [0.3, plain(200, b"late")])
        assert {client.get(f"{base}/x").status_code for _ in range(4)} == {200}
        refused = client.get(f"{base}/x")
        assert (refused.status_code, refused.headers["outrigger-error"]) == (503, "circuit_open")
        assert breaker(stage, base)["state"] == "open"
        assert len(upstream.requests) == 5


def test_a_row_of_failures_that_chance_explains_does_not_open_it(stage):
    flaky = [plain(500) if number % 10 == 5 else plain() for number in range(30)]  # one in ten fails
    base, upstream = stage([*flaky, plain(500)], ONE)
    with httpx.Client() as client:
        for _ in range(30):
            client.get(f"{base}/x")
        # ceil(ln(10^6 * 30) / ln(10)), by resilience.md §3
        assert breaker(stage, base)["failures_in_a_row_to_open"] == 8
        codes = [client.get(f"{base}/x").status_code for _ in range(9)]
        assert codes == [500] * 8 + [503]
        assert len(upstream.requests) == 38


def test_without_that_past_five_are_enough(stage):
    base, upstream = stage([plain(500)], ONE)
    with httpx.Client() as client:
        codes = [client.get(f"{base}/x").status_code for _ in range(6)]
        assert (codes, len(upstream.requests)) == ([500] * 5 + [503], 5)
