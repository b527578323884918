"""The last refused request is explained with all that is configured around it."""

from dataclasses import replace
from pathlib import Path

import pytest

from proxy.config.schema import Settings
from proxy.rules.credentials import Secret
from proxy.rules.placing import Outgoing
from proxy.rules.signing import Pen, sign
from proxy.webhooks.refused import RefusedRequest
from proxy.webhooks.why import why, why_last
from tests.support.configuration import settings as read

NOW = 1_790_000_000.0
SECRETS = {"stripe_webhook_secret": b"whsec_one", "shop_secret": b"shop-secret", "spare": b"a-spare-one"}
CONFIG = """\
version: 1
secrets: {shop_secret: {env: A}, spare: {env: B}}
webhooks:
  stripe: {integration: stripe, deliver: {url: "http://127.0.0.1:9/", mode: sync}}
  shop:
    verify: {scheme: hmac, header: X-Sig, signed: "{body}", secrets: [shop_secret]}
    deliver: {url: "http://127.0.0.1:9/", mode: sync}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read(tmp_path, CONFIG)


def secret(name: str) -> Secret | None:
    return Secret(name, SECRETS[name]) if name in SECRETS else None


def refused(
    settings: Settings, outcome: str, *, at: float = NOW, age: float = 0.0, key: bytes = b"whsec_one"
) -> RefusedRequest:
    verify = settings.webhooks["stripe"].verify
    sent = sign(verify, None, Outgoing("POST", b"/stripe", (), b'{"id":"evt_1"}'), Pen(key, at - age, b"evt_1"))
    return RefusedRequest(
        id="call",
        webhook="stripe",
        at=at,
        outcome=outcome,
        status=401,
        detail="why",
        method="POST",
        target=b"/stripe",
        headers=sent.headers,
        body=sent.body,
        length=len(sent.body),
    )


def test_the_last_one_is_judged_as_of_when_it_came(settings: Settings) -> None:
    requests = [
        refused(settings, "bad_signature", at=NOW, key=b"shop-secret"),
        refused(settings, "expired", age=9999.0),
    ]
    found = why_last(settings, "stripe", requests, secret)
    assert found is not None
    assert (found.finding, found.matched_secret, found.skew_seconds) == ("other_secret", "shop_secret", 0.0)
    assert "webhook shop" in found.what


def test_a_secret_that_no_webhook_uses_is_tried_too(settings: Settings) -> None:
    found = why_last(settings, "stripe", [refused(settings, "bad_signature", key=b"a-spare-one")], secret)
    assert found is not None
    assert found.matched_secret == "spare"


@pytest.mark.parametrize(("ages", "says"), [((600.0, 605.0, 610.0), "clock"), ((600.0, 1000.0, 9000.0), "replay")])
def test_all_of_them_tell_a_wrong_clock_from_a_replay(settings: Settings, ages: tuple[float, ...], says: str) -> None:
    requests = [refused(settings, "expired", at=NOW - place, age=age) for place, age in enumerate(ages)]
    found = why_last(settings, "stripe", requests, secret)
    assert found is not None
    assert (found.finding, found.skew_seconds) == ("expired", 600.0)
    assert says in (found.fix or "")


def test_refusals_that_are_not_about_signatures_are_passed_over(settings: Settings) -> None:
    busy = replace(refused(settings, "rate_limited"), body=b"", length=None)
    assert why_last(settings, "stripe", [busy], secret) is None
    found = why_last(settings, "stripe", [busy, refused(settings, "expired", age=700.0)], secret)
    assert found is not None
    assert found.finding == "expired"


def test_a_body_that_was_not_kept_whole_cannot_be_looked_into(settings: Settings) -> None:
    found = why_last(settings, "stripe", [replace(refused(settings, "bad_signature"), length=99_999)], secret)
    assert found is not None
    assert (found.ok, found.finding, found.proof) == (False, "unknown", False)
    assert "--file" in (found.fix or "")


def test_a_replay_is_not_called_accepted(settings: Settings) -> None:
    found = why_last(settings, "stripe", [refused(settings, "replayed")], secret)
    assert found is not None
    assert found.reason == "replayed"


def test_another_providers_header_is_known_from_the_presets(settings: Settings) -> None:
    github = Outgoing("POST", b"/stripe", ((b"X-Hub-Signature-256", b"sha256=" + b"ab" * 32),), b"{}")
    found = why(settings, "stripe", github.seen(), secret, NOW)
    assert found.finding == "other_provider"
    assert "integration: github" in (found.fix or "")


def test_without_the_secret_nothing_is_guessed(settings: Settings) -> None:
    found = why(settings, "stripe", Outgoing("POST", b"/", (), b"").seen(), lambda name: None, NOW)
    assert (found.reason, found.finding) == ("secret_unavailable", "unknown")
    assert "STRIPE_WEBHOOK_SECRET" in (found.fix or "")
