"""The presets beside the providers' own libraries: ours is taken by theirs, theirs by ours, and neither takes a fake.

The libraries look at the real clock, so everything here is signed now. Stripe, Slack and Twilio stand in
`tests/rules/test_signatures_sdk.py`.
"""

import base64
import functools
import hashlib
import importlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.rules.placing import Outgoing
from tests.support.presets import PUBLIC
from tests.support.signed_by import Keys, adyen_body, keys_for, request, verdict


class Shown(NamedTuple):
    """A request as a library is shown it. `headers`: lower-case names; `keys`: those of the preset."""

    body: str
    headers: dict[str, str]
    keys: Keys

    @property
    def secret(self) -> str:
        return self.keys.configured.decode()


def library(name: str) -> Any:
    """The provider's own library."""
    return importlib.import_module(name)


def box(shown: Shown) -> bool:
    headers = shown.headers | {"box-signature-version": "1", "box-signature-algorithm": "HmacSHA256"}
    manager = library("box_sdk_gen.managers.webhooks").WebhooksManager
    return bool(manager.validate_message(shown.body, headers, shown.secret))


def coinbase_commerce(shown: Shown) -> bool:
    signature = library("coinbase_commerce.webhook").WebhookSignature
    return bool(signature.verify_sig_header(shown.body, shown.headers["x-cc-webhook-signature"], shown.secret))


def discord(shown: Shown) -> bool:
    key = library("nacl.signing").VerifyKey(bytes.fromhex(shown.secret))
    message = shown.headers["x-signature-timestamp"] + shown.body
    key.verify(message.encode(), bytes.fromhex(shown.headers["x-signature-ed25519"]))
    return True


def gocardless(shown: Shown) -> bool:
    webhooks = library("gocardless_pro.webhooks")
    return webhooks.parse(shown.body, shown.secret, shown.headers["webhook-signature"]) == []


def hubspot(shown: Shown) -> bool:
    signature = library("hubspot.utils.signature").Signature
    headers = shown.headers
    return bool(
        signature.is_valid(
            signature=headers["x-hubspot-signature-v3"],
            client_secret=shown.secret,
            request_body=shown.body,
            http_uri=f"{PUBLIC}?a=b",
            signature_version="v3",
            timestamp=headers["x-hubspot-request-timestamp"],
        )
    )


def line(shown: Shown) -> bool:
    validator = library("linebot.v3.webhook").SignatureValidator(shown.secret)
    return bool(validator.validate(shown.body, shown.headers["x-line-signature"]))


def openai(shown: Shown) -> bool:
    openai_client().webhooks.verify_signature(shown.body, shown.headers, secret=shown.secret)
    return True


@functools.cache
def openai_client() -> Any:
    """It calls nobody here; making one takes a tenth of a second."""
    return library("openai").OpenAI(api_key="made-up")


def plaid(shown: Shown) -> bool:
    token = shown.headers["plaid-verification"]  # its library verifies nothing; its page shows how with this one
    said = library("jwt").decode(token, shown.secret, algorithms=["ES256"])
    return bool(said["request_body_sha256"] == hashlib.sha256(shown.body.encode()).hexdigest())


def pusher(shown: Shown) -> bool:
    client = library("pusher").Pusher(app_id="1", key="key", secret=shown.secret)
    return client.validate_webhook("key", shown.headers["x-pusher-signature"], shown.body) is not None


def razorpay(shown: Shown) -> bool:
    utility = library("razorpay.utility").Utility()
    return bool(utility.verify_webhook_signature(shown.body, shown.headers["x-razorpay-signature"], shown.secret))


def resend(shown: Shown) -> bool:
    headers = {name: shown.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
    library("resend").Webhooks.verify({"payload": shown.body, "headers": headers, "webhook_secret": shown.secret})
    return True


def sendgrid(shown: Shown) -> bool:
    webhook = library("sendgrid.helpers.eventwebhook").EventWebhook(shown.secret)
    signature, when = (shown.headers[f"x-twilio-email-event-webhook-{name}"] for name in ("signature", "timestamp"))
    return bool(webhook.verify_signature(shown.body, signature, when))


def square(shown: Shown) -> bool:
    helper = library("square.utils.webhooks_helper")
    return bool(
        helper.verify_signature(
            request_body=shown.body,
            signature_header=shown.headers["x-square-hmacsha256-signature"],
            signature_key=shown.secret,
            notification_url=f"{PUBLIC}?a=b",
        )
    )


def standardwebhooks(shown: Shown) -> bool:
    library("standardwebhooks").Webhook(shown.secret).verify(shown.body, shown.headers)
    return True


def vonage(shown: Shown) -> bool:
    token = shown.headers["authorization"].removeprefix("Bearer ")
    said = library("jwt").decode(token, options={"verify_signature": False})  # its library leaves the body to the user
    digest = hashlib.sha256(shown.body.encode()).hexdigest()
    return bool(library("vonage_jwt").verify_signature(token, shown.secret)) and said["payload_hash"] == digest


def adyen_platform(shown: Shown) -> bool:
    check = library("Adyen.util").is_valid_hmac_payload
    return bool(check(shown.headers["hmacsignature"], shown.secret, shown.body.encode()))


LIBRARIES: dict[str, Callable[[Shown], bool]] = {
    "adyen_platform": adyen_platform,
    "box": box,
    "coinbase_commerce": coinbase_commerce,
    "discord": discord,
    "gocardless": gocardless,
    "hubspot": hubspot,
    "line": line,
    "openai": openai,
    "plaid": plaid,
    "pusher": pusher,
    "razorpay": razorpay,
    "resend": resend,
    "sendgrid": sendgrid,
    "square": square,
    "standardwebhooks": standardwebhooks,
    "vonage": vonage,
}


def accepted_by_library(name: str, shown: Shown) -> bool:
    try:
        return LIBRARIES[name](shown)
    except Exception:  # noqa: BLE001 - each library has its own; a skip is no Exception
        return False


def shown(sent: Outgoing, keys: Keys) -> Shown:
    headers = {name.decode().lower(): value.decode() for name, value in sent.headers}
    return Shown(sent.body.decode(), headers, keys)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
FEW = settings(max_examples=6, deadline=None)


@pytest.mark.parametrize("name", LIBRARIES)
@FEW
@given(text=TEXT)
def test_what_we_sign_the_library_takes_and_what_was_changed_neither_of_us(name: str, text: str) -> None:
    now = int(time.time())
    body = json.dumps({"events": [], "time_ms": now * 1000, "text": text}, ensure_ascii=False).encode()
    keys = keys_for(name)
    sent = request(name, body, keys, now)
    changed = sent._replace(body=body.replace(b'"text"', b'"texs"'))
    other = keys_for(name, "b")
    assert verdict(name, sent, keys.configured, now) == "accepted"
    assert accepted_by_library(name, shown(sent, keys))
    assert verdict(name, changed, keys.configured, now) == "bad_signature"
    assert not accepted_by_library(name, shown(changed, keys))
    assert verdict(name, sent, other.configured, now) == "bad_signature"
    assert not accepted_by_library(name, shown(sent, other))


def posted(body: str, **headers: str) -> Outgoing:
    fields = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return Outgoing("POST", b"/in?a=b", fields, body.encode())


def by_standardwebhooks(body: str, secret: str, now: int) -> Outgoing:
    made = library("standardwebhooks").Webhook(secret).sign("msg_1", datetime.fromtimestamp(now, UTC), body)
    return posted(body, webhook_id="msg_1", webhook_timestamp=str(now), webhook_signature=made)


def by_hubspot(body: str, secret: str, now: int) -> Outgoing:
    signature = library("hubspot.utils.signature").Signature
    made = signature.get_signature(secret, body, "v3", f"{PUBLIC}?a=b", "POST", str(now * 1000))
    return posted(body, X_HubSpot_Signature_v3=made, X_HubSpot_Request_Timestamp=str(now * 1000))


def by_adyen(body: str, secret: str, now: int) -> Outgoing:
    return posted(body, HmacSignature=library("Adyen.util").generate_payload_sig(body.encode(), secret).decode())


SIGNERS = {
    "adyen_platform": by_adyen,
    "gitlab_signed": by_standardwebhooks,
    "hubspot": by_hubspot,
    "openai": by_standardwebhooks,
    "standardwebhooks": by_standardwebhooks,
}


@pytest.mark.parametrize("name", SIGNERS)
@FEW
@given(body=TEXT)
def test_what_a_library_signs_we_take(name: str, body: str) -> None:
    now, keys = int(time.time()), keys_for(name)
    sent = SIGNERS[name](body, keys.configured.decode(), now)
    assert verdict(name, sent, keys.configured, now) == "accepted"
    assert verdict(name, sent._replace(body=sent.body + b" "), keys.configured, now) == "bad_signature"


def test_what_the_library_behind_discord_signs_we_take() -> None:
    key = library("nacl.signing").SigningKey.generate()
    configured = bytes(key.verify_key).hex().encode()
    made = key.sign(b'1790000000{"type":1}').signature.hex()
    sent = posted('{"type":1}', X_Signature_Ed25519=made, X_Signature_Timestamp="1790000000")
    assert verdict("discord", sent, configured) == "accepted"
    assert verdict("discord", sent._replace(body=b'{"type":2}'), configured) == "bad_signature"


def test_telnyx_is_the_same_scheme_with_a_line_between() -> None:
    key = library("nacl.signing").SigningKey.generate()
    configured = base64.b64encode(bytes(key.verify_key))
    made = base64.b64encode(key.sign(b"1790000000|{}").signature).decode()
    sent = posted("{}", telnyx_signature_ed25519=made, telnyx_timestamp="1790000000")
    assert verdict("telnyx", sent, configured) == "accepted"


@FEW
@given(reference=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_adyen_s_library_and_we_agree_on_notifications(reference: str) -> None:
    adyen = library("Adyen.util")
    keys = keys_for("adyen")
    body = adyen_body(keys, reference)
    for sent, genuine in ((body, True), (body.replace(b"1130", b"1131"), False)):
        item = json.loads(sent)["notificationItems"][0]["NotificationRequestItem"]
        assert adyen.is_valid_hmac_notification(item, keys.signing.decode()) is genuine
        found = verdict("adyen", Outgoing("POST", b"/in", (), sent), keys.configured)
        assert found == ("accepted" if genuine else "bad_signature")
