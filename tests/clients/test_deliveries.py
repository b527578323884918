"""Deliveries that we sign ourselves, as the application's library takes them. It looks at the real clock."""

import base64
import time

import pytest
import standardwebhooks

from proxy.model import Call, Headers
from proxy.rules.credentials import Secret
from proxy.webhooks.inbox import Arrival
from proxy.webhooks.outgoing import Writer
from tests.support.delivering import stored
from tests.support.webhooks import signed


def test_what_we_sign_for_the_application_standard_webhooks_takes_hours_after_receipt_too() -> None:
    secret = b"whsec_" + base64.b64encode(bytes(range(24)))
    write = Writer(stored(sign="outrigger", secret="ours"), lambda name: Secret(name, secret), time.time)
    content = '{"id": "evt_1", "note": "Größe"}'.encode()
    for age, attempt in ((0.0, 1), (6 * 3600.0, 5)):
        arrival = arrived(content, signed(content, age=age), time.time() - age)
        sent = write(arrival, attempt, Call("event-1", 0.0))
        headers = {name.decode(): value.decode() for name, value in sent.headers}
        standardwebhooks.Webhook(secret.decode()).verify(content, headers)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(secret.decode()).verify(content + b" ", headers)
        assert "X-Sig" not in headers


def arrived(content: bytes, headers: Headers, received_at: float) -> Arrival:
    return Arrival(
        id="event-1",
        webhook="plain",
        event_id="evt_1",
        type=None,
        method="POST",
        query=None,
        headers=headers,
        body=content,
        key_name="old",
        received_at=received_at,
        state="pending",
    )
