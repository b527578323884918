"""Test events: what is sent is what the provider would send, or wrong in exactly one way."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.complaints import Complaints
from proxy.config.fill import Filling
from proxy.config.manifest import Presets
from proxy.config.schema import WebhookSettings
from proxy.config.webhooks import preset_rows
from proxy.rules.credentials import Secret
from proxy.rules.placing import Outgoing
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Verified, VerifySettings
from proxy.rules.signing import CannotSign
from proxy.webhooks.events import Event, Wish, event
from proxy.webhooks.sampling import FOLDER, Blanks, sample, types
from tests.support.pems import private_pem, public_pem
from tests.support.presets import presets
from tests.support.signed_by import Keys, keys_for

NOW = 1_790_000_000.0
KEY = b"made-up-secret"
ROWS = preset_rows(Presets(Complaints()), Filling(Complaints()))
URL = "https://hooks.example.test/in?from=provider"
FILES = sorted(path for path in FOLDER.rglob("*.*") if path.suffix in (".json", ".form"))


def blanks(type: str = "any", wall: float = NOW) -> Blanks:
    numbers = itertools.count()
    return Blanks(
        type, wall, lambda alphabet, length: "".join(alphabet[next(numbers) % len(alphabet)] for _ in range(length))
    )


def webhook(provider: str, **changes: object) -> WebhookSettings:
    values = {"name": provider, "path": "/in", "integration": provider, "verify": ROWS[provider], "public_url": URL}
    return WebhookSettings(**values | changes)  # type: ignore[arg-type]  # the tests' own rows


CUSTOM = webhook(
    "stripe",
    integration=None,
    verify=VerifySettings(
        scheme="hmac",
        signature=("header:X-Sig",),
        signed="{timestamp}.{body}",
        timestamp="header:X-Time",
        tolerance=300.0,
        id=("json:/event/id",),
        type=("json:/event/name",),
        secrets=("key",),
    ),
)


def made(webhook: WebhookSettings, type: str, wall: float = NOW, **wish: object) -> Event:
    return event(webhook, Wish(type=type, **wish), KEY, blanks(type, wall))  # type: ignore[arg-type]  # as above


def outcome(webhook: WebhookSettings, request: Outgoing) -> str:
    scheme = compile_scheme(webhook.verify, webhook.public_url)
    found = scheme.verify(request.seen(), scheme.keys([Secret("key", KEY)]), NOW)
    return getattr(found, "outcome", "accepted")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_sample_is_filled_in_and_holds_nothing_real(path: Path) -> None:
    provider = path.relative_to(FOLDER).parts[0]
    found = sample(provider, blanks(str(path.relative_to(FOLDER / provider).with_suffix(""))))
    assert found.known
    assert b"{now" not in found.body
    assert b"{a:" not in found.body
    if path.suffix == ".json":
        assert json.loads(found.body)
    for real in (b"stripe.com", b"github.com", b"@gmail", b"sk_live", b"sk_test", b"xoxb"):
        assert real not in found.body


def test_every_provider_of_the_presets_has_a_sample() -> None:
    assert [name for name in ROWS if not types(name)] == []


@pytest.mark.parametrize("provider", ["stripe", "slack", "twilio", "github"])
def test_a_provider_that_many_use_has_several(provider: str) -> None:
    assert len(types(provider)) >= 7


@pytest.mark.parametrize("provider", ["stripe", "slack", "twilio", "github"])
def test_each_sample_is_signed_and_named_as_its_provider_does(provider: str) -> None:
    one = webhook(provider)
    for name in types(provider):
        request = made(one, name).request
        assert outcome(one, request) == "accepted"
        naming = compile_scheme(one.verify, one.public_url).naming(request.seen())
        if name not in ("url_verification", "command", "block_actions"):
            assert naming.id is not None


@pytest.mark.parametrize("provider", sorted(ROWS))
def test_every_preset_can_send_what_it_verifies(provider: str) -> None:
    settings = presets()[provider]
    keys = keys_for(provider)
    if provider == "aws_sns":
        private = rsa.generate_private_key(65537, 2048)
        settings = replace(settings, verify=replace(settings.verify, secrets=("key",)))
        keys = Keys(public_pem(private), private_pem(private))
    scheme = compile_scheme(settings.verify, settings.public_url)
    for name in types(provider):
        found = event(settings, Wish(type=name, key=keys.signing), b"", blanks(name)).request
        proof = scheme.verify(found.seen(), scheme.keys([Secret("key", keys.configured)]), NOW)
        assert isinstance(proof, Verified), (name, proof)


@pytest.mark.parametrize("provider", ["adyen", "vonage", "plaid", "telnyx", "msgraph", "mailgun", "sendgrid"])
@pytest.mark.parametrize("bad", ["signature", "secret"])
def test_other_schemes_are_spoiled_too(provider: str, bad: str) -> None:
    keys = keys_for(provider)
    one = presets()[provider]
    found = event(one, Wish(type=types(provider)[0], key=keys.signing, bad=bad), b"", blanks()).request  # type: ignore[arg-type]  # a row
    scheme = compile_scheme(one.verify, one.public_url)
    proof = scheme.verify(found.seen(), scheme.keys([Secret("key", keys.configured)]), NOW)
    assert getattr(proof, "outcome", "accepted") == "bad_signature"


def test_amazon_alone_signs_for_its_own_certificate() -> None:
    with pytest.raises(CannotSign, match="pin one of your own"):
        event(presets()["aws_sns"], Wish(type="Notification", key=b"key"), b"", blanks())


def test_the_query_of_the_public_url_is_sent() -> None:
    assert made(webhook("twilio"), "message.received").request.target == b"/in?from=provider"


def test_an_unknown_type_is_a_generic_body_under_that_name() -> None:
    for provider, name in (("stripe", "thing.made"), ("slack", "thing_made"), ("github", "thing"), ("twilio", "thing")):
        one = webhook(provider)
        found = made(one, name)
        assert not found.known
        assert outcome(one, found.request) == "accepted"
        assert compile_scheme(one.verify, URL).naming(found.request.seen()).type == name.encode()


def test_a_webhook_of_ones_own_can_send_too() -> None:
    found = made(CUSTOM, "thing.made")
    document = json.loads(found.request.body)
    assert document["event"]["name"] == "thing.made"
    assert document["event"]["id"].startswith("evt_")
    assert outcome(CUSTOM, found.request) == "accepted"


@pytest.mark.parametrize("type", ["../../config/schema", "/etc/passwd", "..", "a/../b"])
def test_a_type_is_no_way_out_of_the_folder(type: str) -> None:
    assert not made(webhook("stripe"), type).known


def test_changes_are_made_before_it_is_signed() -> None:
    changes = {"/data/object/amount": "5", "/data/object/metadata/note": "Grüße", "/livemode": "true"}
    found = made(webhook("stripe"), "charge.succeeded", changes=changes)
    document = json.loads(found.request.body)
    assert document["data"]["object"]["amount"] == 5
    assert document["data"]["object"]["metadata"]["note"] == "Grüße"
    assert document["livemode"] is True
    assert outcome(webhook("stripe"), found.request) == "accepted"


def test_a_form_is_changed_by_its_names() -> None:
    found = made(webhook("twilio"), "message.received", changes={"/Body": "a b&c"})
    assert parse_qs(found.request.body.decode())["Body"] == ["a b&c"]
    assert outcome(webhook("twilio"), found.request) == "accepted"


def test_a_change_that_has_no_place_is_said() -> None:
    with pytest.raises(CannotSign, match="--set /id/x"):
        made(webhook("stripe"), "charge.succeeded", changes={"/id/x": "5"})


@given(body=st.binary(max_size=30))
def test_a_body_of_ones_own_is_sent_byte_for_byte(body: bytes) -> None:
    for one in (webhook("stripe"), CUSTOM):
        found = made(one, "any", body=body)
        assert found.known
        assert found.request.body == body
        assert outcome(one, found.request) == "accepted"


def test_an_old_event_is_old() -> None:
    assert outcome(webhook("stripe"), made(webhook("stripe"), "charge.succeeded", wall=NOW - 600).request) == "expired"


BAD: Mapping[str, str] = {
    "signature": "bad_signature",
    "body": "bad_signature",
    "secret": "bad_signature",
    "time": "expired",
    "duplicate": "ambiguous_signature",
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("one", [webhook("stripe"), webhook("slack"), CUSTOM], ids=["stripe", "slack", "custom"])
def test_what_is_spoiled_is_refused_for_that(one: WebhookSettings, bad: str) -> None:
    assert outcome(one, made(one, "any", bad=bad).request) == BAD[bad]


@pytest.mark.parametrize("bad", ["signature", "body", "secret", "duplicate"])
def test_a_signature_over_parameters_is_spoiled_too(bad: str) -> None:
    one = webhook("twilio")
    assert outcome(one, made(one, "message.received", bad=bad).request) == BAD[bad]


TOKEN = webhook(
    "github",
    verify=VerifySettings(scheme="token", signature=("header:X-Token",), secrets=("key",), body_signed=False),
)


@pytest.mark.parametrize("bad", ["signature", "secret", "duplicate"])
def test_a_token_can_be_wrong_or_twice(bad: str) -> None:
    assert outcome(TOKEN, made(TOKEN, "push", bad=bad).request) == BAD[bad]


@pytest.mark.parametrize(("bad", "says"), [("body", "does not cover the body"), ("time", "no time")])
def test_what_cannot_be_spoiled_is_said(bad: str, says: str) -> None:
    with pytest.raises(CannotSign, match=says):
        made(TOKEN, "push", bad=bad)
