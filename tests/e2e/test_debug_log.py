"""The raw exchange, as the operator reads it: head and body as sent and received, each attempt on its own."""

import json

import httpx

from tests.support.raw import get
from tests.support.scripted import plain

KEYS = """inject: {headers: {Authorization: "Bearer {key}"}}
retry: {backoff: {base: 1ms}}
debug: {raw: true}
"""
MORE = "secrets: {key: {env: KEY}}\ndebug_log: {enabled: true}\n"


def test_each_attempt_is_shown_as_it_went_over_the_wire(run, provider):
    later = plain(503, b"later", ("X-Request-Id", "req-1"), ("Retry-After", "0"))
    chunked = b"HTTP/1.1 200 X\r\nX-Request-Id: req-2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    upstream = provider(later, chunked)
    text = f"upstreams:\n  api:\n    url: {upstream.url}/v2\n" + "".join(f"    {x}\n" for x in KEYS.splitlines())
    program = run(text + MORE, KEY="s3cr3t-value-of-ours")
    answer = httpx.put(
        f"{program.proxy}/api/x?token=abc",
        content=b'{"password": "theirs", "amount": 1}',
        headers={"Content-Type": "application/json", "Idempotency-Key": "k"},
    )
    made = answer.headers["outrigger-request-id"]
    call = json.loads(get(program.admin, f"/api/requests/{made}").body)
    assert (call["id"], call["upstream_request_id"], call["attempts"], call["status"]) == (made, "req-2", 2, 200)
    first, second = call["exchanges"]
    for number, exchange in enumerate((first, second)):
        asked, seen = exchange["request"], upstream.requests[number]
        assert (asked["method"], asked["target"]) == ("PUT", "/x?token=[redacted token]")
        assert asked["body"] == '{"password": "[redacted password]", "amount": 1}'
        wire = {name.decode().lower(): value.decode() for name, value in seen.headers}
        assert {name.lower(): value for name, value in asked["headers"]} == {
            name: value for name, value in wire.items() if name != "authorization"
        }
        assert wire["host"] == upstream.url.removeprefix("http://")
    assert (first["attempt"], first["outcome"], first["response"]["body"]) == (1, "5xx", "later")
    assert dict(first["response"]["headers"]) == {"X-Request-Id": "req-1", "Retry-After": "0", "Content-Length": "5"}
    assert (second["attempt"], second["outcome"], second["response"]["body"]) == (2, "ok", "ok")
    assert dict(second["response"]["headers"]) == {"X-Request-Id": "req-2", "Transfer-Encoding": "chunked"}


def test_a_call_to_a_further_host_is_kept_under_the_path_that_reaches_it(run):
    log = "debug_log: {enabled: true}\n"
    program = run(f"{log}upstreams: {{twilio: {{integration: twilio, mode: mock, debug: {{raw: true}}}}}}\n")
    httpx.get(f"{program.proxy}/twilio/~messaging/v1/Services?x=1")
    program.until(lambda: httpx.get(f"{program.admin}/api/requests").json()["requests"])
    [kept] = httpx.get(f"{program.admin}/api/requests").json()["requests"]
    assert kept["target"] == "/~messaging/v1/Services?x=1"


def test_a_refused_webhook_request_is_kept_with_its_reason_and_without_its_signature(run, tmp_path):
    config = f'inbox: {{url: "sqlite:{tmp_path}/inbox.db"}}\nwebhooks: {{github: {{integration: github}}}}\n'
    program = run(f"debug_log: {{enabled: true}}\n{config}", GITHUB_WEBHOOK_SECRET="s3cr3t-value-of-ours")
    forged = {"X-Hub-Signature-256": "sha256=" + "ab" * 32, "X-GitHub-Event": "push"}
    assert httpx.post(f"{program.webhooks}/github", content=b'{"zen": 1}', headers=forged).status_code == 401
    [kept] = httpx.get(f"{program.admin}/api/requests?upstream=webhooks.github").json()["requests"]
    assert (kept["code"], kept["status"], kept["target"]) == ("bad_signature", 401, "/github")
    shown = httpx.get(f"{program.admin}/api/requests/{kept['id']}")
    assert shown.json()["exchanges"][0]["request"]["body"] == '{"zen": 1}'
    assert "abab" not in shown.text
