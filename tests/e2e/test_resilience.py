"""What an application sees when a provider is sick: configuration in, bytes out, real time."""

import threading
import time

import httpx
import pytest

from tests.support.scripted import plain

FAST = "retry: {backoff: {base: 10ms}}, breaker: off"


def test_a_told_wait_holds_every_caller_and_then_all_succeed(stage):
    base, upstream = stage([plain(503, b"", ("Retry-After", "1")), plain(200, b"fine")])
    answers = []
    first = threading.Thread(target=lambda: answers.append(httpx.get(f"{base}/a")))
    first.start()
    while not upstream.requests:
        time.sleep(0.005)
    time.sleep(0.1)
    others = [threading.Thread(target=lambda: answers.append(httpx.get(f"{base}/b"))) for _ in range(5)]
    for thread in others:
        thread.start()
    for thread in [first, *others]:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 6
    told = upstream.requests[0].at
    assert all(later - told >= 1.0 for later in upstream.times()[1:])
    assert max(upstream.times()) - told < 2.5


def test_refused_connections_open_the_breaker_and_one_probe_follows(stage):
    base, upstream = stage(keys="retry: {attempts: 1}, breaker: {recovery_timeout: 1s}")
    upstream.close()
    name = base.rpartition("/")[2]
    with httpx.Client() as client:
        failed = [client.get(f"{base}/x") for _ in range(5)]
        assert {(one.status_code, one.headers["outrigger-error"]) for one in failed} == {(502, "connect_refused")}
        opened = time.monotonic()
        refused = client.get(f"{base}/x")
        fastest = 1.0
        while fastest >= 0.005 and time.monotonic() < opened + 0.7:  # a busy machine is not the breaker's slowness
            began = time.perf_counter()
            refused = client.get(f"{base}/x")
            fastest = min(fastest, time.perf_counter() - began)
        assert (refused.status_code, refused.json()["code"]) == (503, "circuit_open")
        assert "outrigger-attempts" not in refused.headers
        assert int(refused.headers["retry-after"]) == refused.json()["retry_after"] == 1
        assert fastest < 0.005
        assert stage.program.metrics()[f'outrigger_attempts_total{{outcome="connect_refused",upstream="{name}"}}'] == 5
        time.sleep(max(0.0, opened + 1.05 - time.monotonic()))
        assert client.get(f"{base}/x").headers["outrigger-error"] == "connect_refused"
        assert client.get(f"{base}/x").headers["outrigger-error"] == "circuit_open"
    assert stage.program.metrics()[f'outrigger_breaker_state{{state="open",upstream="{name}"}}'] == 1


def test_a_post_without_a_key_is_not_repeated_on_500(stage):
    base, upstream = stage([plain(500, b"broken"), plain(200)], FAST)
    answer = httpx.post(f"{base}/charge", content=b"amount=1")
    assert (answer.status_code, answer.content) == (500, b"broken")
    assert answer.headers["outrigger-attempts"] == "1"
    assert answer.headers["outrigger-retry-stopped"] == "not_idempotent"
    assert len(upstream.requests) == 1


def test_a_post_with_a_key_is_repeated_with_the_same_key_and_body(stage):
    base, upstream = stage([plain(500), plain(200, b"charged")], FAST)
    answer = httpx.post(f"{base}/charge", content=b"amount=1", headers={"Idempotency-Key": "o-17"})
    assert (answer.status_code, answer.content, answer.headers["outrigger-attempts"]) == (200, b"charged", "2")
    assert [(seen.body, seen.values(b"idempotency-key")) for seen in upstream.requests] == [
        (b"amount=1", [b"o-17"])
    ] * 2


def test_when_attempts_are_spent_the_last_real_answer_goes_back(stage):
    base, _ = stage([plain(500, b"one"), plain(502, b"two"), plain(503, b"three")], FAST)
    answer = httpx.get(f"{base}/x")
    assert (answer.status_code, answer.content) == (503, b"three")
    assert answer.headers["outrigger-retry-stopped"] == "attempts"
    assert answer.headers["x-should-retry"] == answer.headers["stripe-should-retry"] == "false"
    assert "outrigger-error" not in answer.headers


WISHES = {
    "Outrigger-Retry: off": ({"Outrigger-Retry": "off"}, 1, "off"),
    "Outrigger-Idempotent: true": ({"Outrigger-Idempotent": "true"}, 3, "attempts"),
}


@pytest.mark.parametrize(("headers", "attempts", "stopped"), WISHES.values(), ids=WISHES)
def test_the_application_may_wish(stage, headers, attempts, stopped):
    base, upstream = stage([plain(500)], FAST)
    answer = httpx.post(f"{base}/x", headers=headers)
    assert (len(upstream.requests), answer.headers["outrigger-retry-stopped"]) == (attempts, stopped)
    assert not any(name.lower().startswith(b"outrigger-") for seen in upstream.requests for name, _ in seen.headers)


def test_the_applications_timeout_shortens_the_call(stage):
    base, _ = stage([[2.0, plain()]])
    began = time.monotonic()
    answer = httpx.get(f"{base}/x", headers={"Outrigger-Timeout": "0.3"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    assert 0.3 <= time.monotonic() - began < 1.9  # and not the 2 of the upstream


def test_a_wait_that_cannot_end_in_time_is_not_begun(stage):
    base, _ = stage([plain(503, b"later", ("Retry-After", "30"))])
    began = time.monotonic()
    answer = httpx.get(f"{base}/x", headers={"Outrigger-Timeout": "5"})
    assert (answer.status_code, answer.content) == (503, b"later")
    assert answer.headers["outrigger-retry-stopped"] == "deadline"
    assert time.monotonic() - began < 4  # neither the 5 that it may take nor the 30 of the wait


def test_a_stopped_program_lets_calls_in_flight_end(through):
    program, upstream = through([[1.0, plain(200, b"late but whole")]])
    answers = []
    caller = threading.Thread(target=lambda: answers.append(httpx.get(f"{program.proxy}/api/x")))
    caller.start()
    program.until(lambda: len(upstream.requests) == 1)
    assert program.stop() == 0
    caller.join()
    assert answers[0].content == b"late but whole"
