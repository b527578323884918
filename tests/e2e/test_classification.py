"""Answers whose meaning stands in their body: what the four presets make of them, with a scripted provider behind."""

import gzip
import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.by_hand import ByHand, Peer
from tests.support.program import Program
from tests.support.scripted import ScriptedUpstream, plain
from tests.support.standing import LISTEN

JSON = ("Content-Type", "application/json")
ENVIRON = {
    "STRIPE_SECRET_KEY": "sk_test_" + "0" * 24,
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "made-up-token",
    "SLACK_BOT_TOKEN": "xoxb-made-up",
    "SOAP_USERNAME": "made-up",
    "SOAP_PASSWORD": "made-up-too",
}
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
KEYS = "retry: {backoff: {base: 5ms}}, timeout: {idle: 1s}"
SMS = f"twilio/2010-04-01/Accounts/AC{'0' * 32}/Messages.json"


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Iterator[tuple[Program, dict[str, ScriptedUpstream]]]:
    """One program with the four presets, each led to a provider of ours."""
    upstreams = {name: ScriptedUpstream() for name in ("stripe", "twilio", "slack", "soap")}
    broken = ByHand(breaking_off)
    lines = [f"  {name}: {{integration: {name}, url: {one.url}, {KEYS}}}" for name, one in upstreams.items()]
    lines.append(f"  broken: {{integration: slack, url: {broken.url}}}")
    config = tmp_path_factory.mktemp("classification") / "config.yaml"
    config.write_text(f"{LISTEN}upstreams:\n" + "\n".join(lines) + "\n")
    program = Program(config, ENVIRON)
    yield program, upstreams
    program.stop()
    for one in (*upstreams.values(), broken):
        one.close()


def breaking_off(peer: Peer) -> None:
    """Says that there is more than comes."""
    peer.head()
    peer.send(BEGUN)


def said(status: int, *headers: tuple[str, str], **values: object) -> bytes:
    return plain(status, json.dumps(values).encode(), JSON, *headers)


def fault(code: str) -> bytes:
    body = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:{code}\
</faultcode><faultstring>no</faultstring></s:Fault></s:Body></s:Envelope>'
    return plain(500, body.encode(), ("Content-Type", "text/xml"))


REPEATED = {  # provider, path, first answer, headers of the call; what comes of a POST: attempts and the word
    "slack: busy": ("slack", "slack/chat.a", said(200, ("Retry-After", "0"), ok=False, error="ratelimited"), {}, 2),
    "slack: broken, reading": ("slack", "slack/users.list", said(200, ok=False, error="internal_error"), {}, 2),
    "slack: broken, writing": ("slack", "slack/chat.b", said(200, ok=False, error="fatal_error"), {}, "not_idempotent"),
    "slack: refused": ("slack", "slack/chat.c", said(200, ok=False, error="channel_not_found"), {}, None),
    "stripe: declined": ("stripe", "stripe/v1/charges", said(402, error={"code": "card_declined"}), {}, None),
    "stripe: a lock, with a key": ("stripe", "stripe/v1/charges", said(409), {"Idempotency-Key": "k"}, 2),
    "stripe: a lock": ("stripe", "stripe/v1/charges", said(409), {}, "not_idempotent"),
    "stripe: a lock in a 429": (
        "stripe",
        "stripe/v1/charges",
        said(429, error={"code": "lock_timeout"}),
        {},
        "not_idempotent",
    ),
    "stripe: never": (
        "stripe",
        "stripe/v1/charges",
        said(409, ("Stripe-Should-Retry", "false")),
        {"Idempotency-Key": "k"},
        "provider_says_no",
    ),
    "stripe: a stored failure": (
        "stripe",
        "stripe/v1/charges",
        said(500, ("Idempotent-Replayed", "true")),
        {"Idempotency-Key": "k"},
        "provider_says_no",
    ),
    "stripe: 424, which no list names": ("stripe", "stripe/v1/charges", said(424), {"Idempotency-Key": "k"}, 2),
    "twilio: too many": ("twilio", SMS, said(429, ("Retry-After", "0"), code=20429), {}, 2),
    "twilio: no such number": ("twilio", SMS, said(400, code=21211), {}, None),
    "soap: the caller's fault": ("soap", "soap/svc", fault("Client.UnknownSku"), {"SOAPAction": '"GetStock"'}, None),
    "soap: the service's fault, reading": ("soap", "soap/svc", fault("Server"), {"SOAPAction": '"GetStock"'}, 2),
    "soap: the service's fault, writing": (
        "soap",
        "soap/svc",
        fault("Server"),
        {"SOAPAction": '"Reserve"'},
        "not_idempotent",
    ),
}


@pytest.mark.parametrize(("name", "path", "first", "headers", "then"), REPEATED.values(), ids=REPEATED)
def test_a_preset_knows_what_its_providers_answers_mean(stage, name, path, first, headers, then):
    program, upstreams = stage
    upstreams[name].play(first, plain(200, b"{}", JSON))
    answer = httpx.post(f"{program.proxy}/{path}", content=b"x", headers=headers)
    if then == 2:
        assert (answer.status_code, answer.content, answer.headers["outrigger-attempts"]) == (200, b"{}", "2")
    else:
        assert first.endswith(answer.content)
        assert (answer.headers["outrigger-attempts"], answer.headers.get("outrigger-retry-stopped")) == ("1", then)


def test_a_refused_credential_is_counted_and_said_once(stage):
    program, upstreams = stage
    before = program.metrics().get('outrigger_secret_errors_total{secret="slack_bot_token"}', 0)
    upstreams["slack"].play(said(200, ok=False, error="token_revoked"))
    for _ in range(3):
        answer = httpx.post(f"{program.proxy}/slack/auth.test")
        assert (answer.status_code, answer.json()["error"]) == (200, "token_revoked")
        assert answer.headers["outrigger-attempts"] == "1"
    assert program.metrics()['outrigger_secret_errors_total{secret="slack_bot_token"}'] == before + 3
    program.wait_for('"event":"credential_refused","upstream":"slack","secrets":"slack_bot_token"')
    assert program.output.count('"event":"credential_refused"') == 1
    assert program.metrics()['outrigger_breaker_state{state="closed",upstream="slack"}'] == 1


def test_a_compressed_refusal_is_understood_and_passes_as_it_came(stage):
    program, upstreams = stage
    packed = gzip.compress(b'{"ok": false, "error": "internal_error"}')
    coded = ("Content-Encoding", "gzip")
    upstreams["slack"].play(plain(200, packed, JSON, coded), plain(200, packed, JSON, coded), plain(200, packed, JSON))
    with httpx.stream("POST", f"{program.proxy}/slack/conversations.list") as answer:
        assert answer.headers["outrigger-attempts"] == "3"
        assert b"".join(answer.iter_raw()) == packed


def test_a_body_that_breaks_off_while_its_head_is_held_is_an_error_page(stage):
    program, _ = stage
    answer = httpx.post(f"{program.proxy}/broken/chat.d")
    assert (answer.status_code, answer.headers["outrigger-error"]) == (200, "upstream_reset")
    assert answer.json() == {"ok": False, "error": "service_unavailable"}
    assert answer.headers["outrigger-retry-stopped"] == "not_idempotent"


def test_a_body_that_stands_still_while_its_head_is_held_ends_with_idle(stage):
    program, upstreams = stage
    upstreams["slack"].play([BEGUN, 4.0])
    began = time.monotonic()
    answer = httpx.post(f"{program.proxy}/slack/chat.d", timeout=10)
    assert (answer.status_code, answer.headers["outrigger-error"]) == (200, "upstream_timeout")
    assert time.monotonic() - began < 3.5


def test_an_event_stream_is_never_held_back(stage):
    program, upstreams = stage
    came = threading.Event()

    def events() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        yield b"8\r\ndata: 1\n\r\n"
        if came.wait(10):  # only a client that has the first event lets the stream end
            yield b"0\r\n\r\n"

    upstreams["slack"].play(lambda seen: events())
    with httpx.stream("GET", f"{program.proxy}/slack/stream") as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == b"data: 1\n"
        came.set()
        assert list(pieces) == []
