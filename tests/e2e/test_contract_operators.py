"""What operators see of a running program: readiness, queues, and a secret that changes while calls use it."""

import re
import threading
import time

import httpx

from tests.support.raw import ask, exchange
from tests.support.scripted import plain


def test_only_the_secrets_of_live_upstreams_make_the_program_unready(run):
    test = "  test: {integration: stripe, mode: sandbox}\n  fake: {integration: stripe, mode: mock}\n"
    ready = httpx.get(f"{run(f'upstreams:{chr(10)}{test}').admin}/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    unready = httpx.get(f"{run(f'upstreams:{chr(10)}{test}  real: {{integration: stripe}}{chr(10)}').admin}/readyz")
    assert unready.status_code == 503
    assert [reason.partition(":")[0] for reason in unready.json()["reasons"]] == ["upstreams.real"]


def test_calls_that_wait_for_a_rate_are_queued(through):
    program, _ = through([plain()], "rate_limit: {rate: 30/m, burst: 1, max_wait: 20s}\n")
    assert program.metrics()['outrigger_queued{upstream="api"}'] == 0
    httpx.get(f"{program.proxy}/api/x")
    asked = {"args": (f"{program.proxy}/api/x",), "kwargs": {"timeout": 30}}
    callers = [threading.Thread(target=httpx.get, **asked) for _ in range(2)]
    for one in callers:
        one.start()
    end = time.monotonic() + 1.9  # then the first of them has its turn
    while (queued := program.metrics()['outrigger_queued{upstream="api"}']) != 2 and time.monotonic() < end:
        pass
    shown = httpx.get(f"{program.admin}/api/upstreams/api").json()["counts"]["queued"]
    for one in callers:
        one.join()
    assert (queued, shown) == (2, 2)
    assert program.metrics()['outrigger_queued{upstream="api"}'] == 0


def test_a_refused_secret_that_was_replaced_is_read_anew_and_tried_once(run, provider, tmp_path):
    token = tmp_path / "token"
    token.write_text("old-token-value")

    def turn(seen):
        token.write_text("new-token-value\n")
        return plain(401, b"out")

    upstream = provider(turn, plain(200, b"in"))
    program = run(
        f"secrets: {{api_token: {{file: {token}}}}}\n"
        f"upstreams:\n  api: {{url: {upstream.url}, auth: {{type: bearer, secret: api_token}}}}\n"
    )
    answer = httpx.post(f"{program.proxy}/api/x", content=b"1")
    assert (answer.status_code, answer.content, answer.headers["outrigger-attempts"]) == (200, b"in", "2")
    assert [seen.values(b"authorization") for seen in upstream.requests] == [
        [b"Bearer old-token-value"],
        [b"Bearer new-token-value"],
    ]


def test_a_refused_secret_that_is_still_the_same_is_not_tried_again(run, provider, tmp_path):
    token = tmp_path / "token"
    token.write_text("old-token-value")
    upstream = provider(plain(401, b"out"))
    program = run(
        f"secrets: {{api_token: {{file: {token}}}}}\n"
        f"upstreams:\n  api: {{url: {upstream.url}, auth: {{type: bearer, secret: api_token}}}}\n"
    )
    answer = httpx.get(f"{program.proxy}/api/x")
    assert (answer.status_code, answer.content, len(upstream.requests)) == (401, b"out", 1)
    assert "outrigger-retry-stopped" not in answer.headers


def test_a_method_that_is_never_passed_on_is_refused_with_those_that_are(through):
    program, upstream = through()
    for line in ("TRACE /api/x", "CONNECT api:443"):
        got = ask(program.proxy, f"{line} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert (got.status, got.code, upstream.requests) == (405, "method_not_allowed", [])
        assert b"GET" in got.value(b"allow").split(b", ")


def test_every_400_closes_the_connection(through):
    program, upstream = through()
    first = b"GET /api/x HTTP/1.1\r\nHost: localhost\r\nOutrigger-Timeout: soon\r\n\r\n"
    said = exchange(program.proxy, first + b"GET /api/second HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in said
    assert said.count(b"HTTP/1.1 ") == 1
    assert upstream.requests == []


def test_what_is_left_of_the_provider_s_limit_is_shown_with_the_upstream(run, provider):
    upstream = provider(plain(200, b"{}", ("X-Shopify-Shop-Api-Call-Limit", "32/40")), plain(200, b"{}"))
    program = run(
        f"upstreams:\n  shop: {{integration: shopify, url: '{upstream.url}'}}\n", SHOPIFY_ACCESS_TOKEN="shpat_x"
    )
    assert httpx.get(f"{program.admin}/api/upstreams/shop").json()["limits"] == []
    for _ in range(2):
        httpx.get(f"{program.proxy}/shop/shop.json")
    [found] = httpx.get(f"{program.admin}/api/upstreams/shop").json()["limits"]
    assert (found["header"], found["limit"], found["remaining"]) == ("X-Shopify-Shop-Api-Call-Limit", 40, 8)
    assert (found["resets_in_seconds"], 0 <= found["seconds_ago"] < 60) == (None, True)


def test_the_dashboard_shows_nothing_that_the_program_does_not_say(run):
    program = run("upstreams:\n  stripe: {integration: stripe, mode: mock}\n")
    [said] = httpx.get(f"{program.admin}/api/upstreams").json()["upstreams"]
    script = httpx.get(f"{program.admin}/dashboard.js").text
    shown = set(re.findall(r"\bupstream\.(\w+)(?:\.(\w+))?", script))
    assert {first for first, _ in shown} <= said.keys()
    assert [name for first, name in shown if isinstance(said[first], dict) and name and name not in said[first]] == []
    assert ("counts", "queued") in shown


def test_the_dashboard_shows_nothing_of_webhooks_that_the_program_does_not_say(run):
    program = run("webhooks:\n  stripe: {integration: stripe}\n")
    [said] = httpx.get(f"{program.admin}/api/webhooks").json()["webhooks"]
    script = httpx.get(f"{program.admin}/dashboard.js").text
    shown = set(re.findall(r"\bwebhook\.(\w+)", script))
    assert shown == said.keys() - {"delivers"}
