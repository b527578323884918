"""What is found does not hang on the provider: the same mistakes with every preset."""

from dataclasses import replace

import pytest

from proxy.rules.credentials import Secret
from proxy.rules.diagnosis.case import Asked
from proxy.rules.diagnosis.diagnose import Diagnosis, diagnose
from proxy.rules.placing import Outgoing
from tests.support.presets import names, presets
from tests.support.signed_by import NOW, Keys, adyen_body, keys_for, request

ALL = sorted(set(names()) - {"aws_sns"})  # whose certificate is one for all
SIGNED = [name for name in ALL if presets()[name].verify.body_signed]
TIMED = [name for name in SIGNED if presets()[name].verify.tolerance is not None]
BODIES = {
    "mailgun": b'{"signature":{},"event-data":{}}',
    "msgraph": b'{"value":[{},{}]}',
    "linear": b'{"action":"create"}',
}


def sent(name: str, keys: Keys, wall: float = NOW) -> Outgoing:
    if name == "adyen":
        return Outgoing("POST", b"/in", (), adyen_body(keys))
    return request(name, BODIES.get(name, b'{"a": "b"}'), keys, wall)


def why(name: str, incoming: Outgoing, configured: bytes, *others: bytes) -> Diagnosis:
    one = presets()[name]
    question = Asked(
        webhook=name,
        settings=one.verify,
        secrets=(Secret("ours", configured),),
        wall=NOW,
        public_url=one.public_url,
        others=[("webhook other", Secret("theirs", value)) for value in others],
        presets={other: presets()[other].verify for other in names() if other != name},
    )
    return diagnose(question, incoming.seen())


@pytest.mark.parametrize("name", ALL)
def test_what_is_signed_well_is_verified(name: str) -> None:
    keys = keys_for(name)
    assert why(name, sent(name, keys), keys.configured).ok


@pytest.mark.parametrize("name", ALL)
def test_another_configured_secret_is_found(name: str) -> None:
    ours, theirs = keys_for(name, "a").configured, keys_for(name, "b")
    found = why(name, sent(name, theirs), ours, theirs.configured)
    assert (found.finding, found.proof, found.matched_secret) == ("other_secret", True, "theirs")


@pytest.mark.parametrize("name", SIGNED)
def test_a_line_end_behind_the_body_is_found(name: str) -> None:
    keys = keys_for(name)
    good = sent(name, keys)
    found = why(name, good._replace(body=good.body + b"\n"), keys.configured)
    assert (found.finding, found.proof) == ("body_changed", True)


@pytest.mark.parametrize("name", TIMED)
def test_an_old_request_is_found(name: str) -> None:
    keys = keys_for(name)
    found = why(name, sent(name, keys, NOW - 9999), keys.configured)
    assert (found.finding, found.proof, found.matched_secret, found.skew_seconds) == ("expired", True, "ours", 9999)


@pytest.mark.parametrize("name", ["stripe", "github", "slack", "sendgrid", "plaid"])
def test_nothing_is_made_up_for_a_stranger(name: str) -> None:
    found = why(name, sent(name, keys_for(name, "b")), keys_for(name, "a").configured)
    assert (found.finding, found.proof) == ("unknown", False)


def test_amazons_certificate_is_not_guessed() -> None:
    one = presets()["aws_sns"]
    question = Asked(webhook="aws_sns", settings=replace(one.verify, secrets=()), secrets=(), wall=NOW)
    found = diagnose(question, Outgoing("POST", b"/in", (), b"{}").seen())
    assert (found.reason, found.finding) == ("missing_signature", "missing_signature")
