"""Webhooks as their senders make them: through the listener to the application, or not at all."""

import hmac
import json
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import httpx
import pytest

from tests.support.program import Program
from tests.support.scripted import ScriptedUpstream, plain

SECRETS = {
    "STRIPE_WEBHOOK_SECRET": "whsec_made-up-for-this-test",
    "SLACK_SIGNING_SECRET": "made-up-slack-signing-secret",
    "GITHUB_WEBHOOK_SECRET": "made-up-github-secret",
    "TWILIO_AUTH_TOKEN": "made-up-twilio-token",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
}
PUBLIC = "https://hooks.example.com/twilio"


class Sent(NamedTuple):
    """A request as a sender makes it, and what its provider calls the event."""

    headers: dict[str, str]
    body: bytes
    id: str | None
    type: str | None


def mac(secret: str, message: bytes, algorithm: str = "sha256") -> hmac.HMAC:
    return hmac.new(SECRETS[secret].encode(), message, algorithm)


def stripe(id: str = "evt_17") -> Sent:
    body = json.dumps({"id": id, "type": "charge.succeeded", "amount": 1999}, indent=2).encode()
    now = int(time.time())
    signature = mac("STRIPE_WEBHOOK_SECRET", b"%d.%b" % (now, body)).hexdigest()
    return Sent({"Stripe-Signature": f"t={now},v1={signature},v0=0"}, body, id, "charge.succeeded")


def slack() -> Sent:
    return slack_sends({"type": "event_callback", "event_id": "Ev17", "event": {"type": "app_mention"}}, "Ev17")


def slack_sends(document: dict[str, object], id: str | None = None) -> Sent:
    body = json.dumps(document).encode()
    now = int(time.time())
    signature = mac("SLACK_SIGNING_SECRET", b"v0:%d:%b" % (now, body)).hexdigest()
    headers = {"X-Slack-Request-Timestamp": str(now), "X-Slack-Signature": f"v0={signature}"}
    return Sent(headers, body, id, "app_mention")


def github() -> Sent:
    body = b'{"zen": "Speak like a human."}'
    signature = mac("GITHUB_WEBHOOK_SECRET", body).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Delivery": "d-17", "X-GitHub-Event": "ping"}
    return Sent(headers, body, "d-17", "ping")


def twilio() -> Sent:
    form = {"MessageSid": "SM17", "MessageStatus": "delivered", "Body": "a+b & c"}
    text = PUBLIC + "".join(name + form[name] for name in sorted(form))
    signature = b64encode(mac("TWILIO_AUTH_TOKEN", text.encode(), "sha1").digest()).decode()
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    headers["I-Twilio-Idempotency-Token"] = "tok-17"
    return Sent(headers, urlencode(form).encode(), "tok-17", "delivered")


KEYS = {
    "stripe": b"stripe_webhook_secret",
    "slack": b"slack_signing_secret",
    "github": b"github_webhook_secret",
    "twilio": b"twilio_auth_token",
}
LISTEN = "listen: {proxy: 127.0.0.1:0, webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}\n"
SENDERS = {"stripe": stripe, "slack": slack, "github": github, "twilio": twilio}


class Listening:
    """The program with a webhook of each sender, and the application behind them that plays a script."""

    def __init__(self, folder: Path) -> None:
        self.application = ScriptedUpstream()
        keys = f"deliver: {{url: '{self.application.url}/hooks', mode: sync}}"
        lines = [f"  {name}: {{integration: {name}, {keys}}}" for name in SENDERS if name != "twilio"]
        lines.append(f"  twilio: {{integration: twilio, public_url: '{PUBLIC}', {keys}}}")
        lines.append("  down: {integration: stripe, deliver: {url: 'http://127.0.0.1:9/', mode: sync}}")
        config = folder / "config.yaml"
        config.write_text("\n".join(["version: 1", LISTEN + "webhooks:", *lines]))
        self.program = Program(config, SECRETS)
        self._counted: dict[str, float] = {}

    def begin(self, *script: bytes) -> None:
        """Forgets what came, and starts counting anew."""
        self.application.play(*script or [plain()])
        self.application.requests.clear()
        self._counted = self.program.metrics()

    def counted(self) -> dict[str, float]:
        """The webhook counters that moved since then, by name and labels, without prefix."""
        return {
            key.removeprefix("outrigger_webhook_"): value - self._counted.get(key, 0)
            for key, value in self.program.metrics().items()
            if key.startswith("outrigger_webhook_") and value != self._counted.get(key, 0) and "_created" not in key
        }

    def post(self, name: str, sent: Sent) -> httpx.Response:
        return httpx.post(f"{self.program.webhooks}/{name}", content=sent.body, headers=sent.headers)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    made = Listening(tmp_path_factory.mktemp("webhooks"))
    yield made
    made.program.stop()
    made.application.close()


@pytest.fixture
def listening(started: Listening) -> Listening:
    started.begin()
    return started


@pytest.mark.parametrize("name", SENDERS)
def test_what_the_sender_signed_reaches_the_application_and_its_answer_the_sender(listening, name):
    listening.begin(plain(202, b"taken", ("X-From", "application")))
    sent = SENDERS[name]()
    answer = listening.post(name, sent._replace(headers={**sent.headers, "Outrigger-Key": "forged", "X-Own": "kept"}))
    assert (answer.status_code, answer.content, answer.headers["x-from"]) == (202, b"taken", "application")
    (seen,) = listening.application.requests
    assert (seen.method, seen.target, seen.body) == ("POST", b"/hooks", sent.body)
    got = {field.decode().lower(): value.decode() for field, value in seen.headers}
    assert {field: got[field.lower()] for field in sent.headers} == sent.headers
    assert got["x-own"] == "kept"
    assert (got["outrigger-webhook"], got["outrigger-attempt"]) == (name, "1")
    assert (got["outrigger-event-id"], got["outrigger-event-type"]) == (sent.id, sent.type)
    assert seen.values(b"outrigger-key") == [KEYS[name]]
    age = datetime.now(UTC) - datetime.fromisoformat(got["outrigger-received"])
    assert abs(age.total_seconds()) < 5
    assert listening.counted() == {
        f'events_total{{outcome="accepted",webhook="{name}"}}': 1,
        f'deliveries_total{{outcome="delivered",webhook="{name}"}}': 1,
        f'key_matches_total{{secret="{KEYS[name].decode()}",webhook="{name}"}}': 1,
    }


@pytest.mark.parametrize("name", SENDERS)
def test_what_somebody_changed_on_the_way_gets_an_empty_401_and_arrives_nowhere(listening, name):
    sent = SENDERS[name]()
    answer = listening.post(name, sent._replace(body=sent.body.replace(b"e", b"E", 1)))
    assert (answer.status_code, answer.content, listening.application.requests) == (401, b"", [])
    assert listening.counted() == {f'events_total{{outcome="bad_signature",webhook="{name}"}}': 1}


def test_every_failed_proof_gets_the_same_answer_and_a_reason_of_its_own_in_the_metrics(listening):
    good = stripe()
    then = int(time.time()) - 600
    old = mac("STRIPE_WEBHOOK_SECRET", b"%d.%b" % (then, good.body)).hexdigest()
    headers = [{}, {"Stripe-Signature": "nothing"}, {"Stripe-Signature": f"t={then},v1={old}"}]
    answers = [listening.post("stripe", good._replace(headers=one)) for one in headers]
    fields = {tuple((name, value) for name, value in one.headers.items() if name != "date") for one in answers}
    assert ({one.status_code for one in answers}, {one.content for one in answers}, len(fields)) == ({401}, {b""}, 1)
    assert listening.application.requests == []
    reasons = ("missing_signature", "malformed_signature", "expired")
    assert listening.counted() == {f'events_total{{outcome="{one}",webhook="stripe"}}': 1 for one in reasons}


def test_slack_s_challenge_is_answered_here_and_a_forged_one_is_not(listening):
    asked = slack_sends({"type": "url_verification", "token": "old", "challenge": "3eZbrw1a"})
    answer = listening.post("slack", asked)
    assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw1a"})
    assert answer.headers["content-type"] == "application/json"
    unproven = asked._replace(headers={**asked.headers, "X-Slack-Signature": "v0=" + "0" * 64})
    forged = listening.post("slack", unproven)
    assert (forged.status_code, forged.content, listening.application.requests) == (401, b"", [])
    assert listening.counted() == {
        'events_total{outcome="handshake",webhook="slack"}': 1,
        'events_total{outcome="bad_signature",webhook="slack"}': 1,
    }


def test_an_application_that_is_down_makes_the_sender_come_again(listening):
    answer = listening.post("down", stripe())
    assert (answer.status_code, answer.content) == (503, b"")
    assert int(answer.headers["retry-after"]) > 0
    counted = listening.counted()
    assert counted['events_total{outcome="app_unavailable",webhook="down"}'] == 1
    assert counted['deliveries_total{outcome="failed",webhook="down"}'] == 1


def test_an_application_s_own_refusal_goes_back_to_the_sender(listening):
    listening.begin(plain(422, b"not mine"))
    answer = listening.post("stripe", stripe("evt_18"))
    assert (answer.status_code, answer.content) == (422, b"not mine")
    counted = listening.counted()
    assert counted['events_total{outcome="accepted",webhook="stripe"}'] == 1
    assert counted['deliveries_total{outcome="failed",webhook="stripe"}'] == 1


def test_other_paths_and_methods_are_not_there(listening):
    assert httpx.post(f"{listening.program.webhooks}/nobody").status_code == 404
    refused = httpx.get(f"{listening.program.webhooks}/stripe")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert listening.application.requests == []
