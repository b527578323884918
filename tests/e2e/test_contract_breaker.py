"""What opens a breaker, beside five failures in a row: slow answers; and what does not: a row that is mere chance."""

import httpx

from tests.support.scripted import plain
from tests.support.standing import standing

ONE = "retry: {attempts: 1}\n"


def test_slow_answers_open_the_breaker(tmp_path):
    keys = ONE + "breaker: {slow_after: 250ms, slow_rate: 60%, min_requests: 5}\n"
    with standing(tmp_path, [plain()], keys) as (program, upstream), httpx.Client(base_url=program.proxy) as client:
        client.get("/api/x")  # the connection and the code are warm now
        upstream.play(plain(), [0.3, plain(200, b"late")])
        answers = [client.get("/api/x") for _ in range(4)]
        assert {answer.status_code for answer in answers} == {200}
        refused = client.get("/api/x")
        assert (refused.status_code, refused.headers["outrigger-error"]) == (503, "circuit_open")
        window = httpx.get(f"{program.admin}/api/upstreams/api").json()["breaker"]
        assert window["state"] == "open"
        assert len(upstream.requests) == 5


def test_a_row_of_failures_that_chance_explains_does_not_open_it(tmp_path):
    flaky = [plain(500) if number % 10 == 5 else plain() for number in range(30)]  # one in ten fails
    with standing(tmp_path, [*flaky, plain(500)], ONE) as (program, upstream), httpx.Client() as client:
        for _ in range(30):
            client.get(f"{program.proxy}/api/x")
        needed = httpx.get(f"{program.admin}/api/upstreams/api").json()["breaker"]["failures_in_a_row_to_open"]
        assert needed == 8  # ceil(ln(10^6 * 30) / ln(10)), by resilience.md §3
        codes = [client.get(f"{program.proxy}/api/x").status_code for _ in range(9)]
        assert codes == [500] * 8 + [503]
        assert len(upstream.requests) == 38


def test_without_that_past_five_are_enough(tmp_path):
    with standing(tmp_path, [plain(500)], ONE) as (program, upstream), httpx.Client() as client:
        codes = [client.get(f"{program.proxy}/api/x").status_code for _ in range(6)]
        assert (codes, len(upstream.requests)) == ([500] * 5 + [503], 5)
