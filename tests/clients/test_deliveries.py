"""Deliveries that we sign ourselves, as the application's library takes them. It looks at the real clock."""

import base64
import time

import pytest
import standardwebhooks

from proxy.model import Call
from proxy.rules.credentials import Secret
from proxy.webhooks.outgoing import Writer
from tests.support.delivering import stored
from tests.support.inbox import Sender
from tests.support.webhooks import signed


def test_what_we_sign_for_the_application_standard_webhooks_takes_hours_after_receipt_too() -> None:
    secret = b"whsec_" + base64.b64encode(bytes(range(24)))
    write = Writer(stored(sign="outrigger", secret="ours"), lambda name: Secret(name, secret), time.time)
    content = '{"id": "evt_1", "note": "Größe"}'.encode()
    for age, attempt in ((0.0, 1), (6 * 3600.0, 5)):
        about = {"headers": signed(content, age=age), "body": content, "received_at": time.time() - age}
        arrival = Sender("plain")("evt_1", **about)
        sent = write(arrival, attempt, Call("event-1", 0.0))
        headers = {name.decode(): value.decode() for name, value in sent.headers}
        standardwebhooks.Webhook(secret.decode()).verify(content, headers)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(secret.decode()).verify(content + b" ", headers)
        assert "X-Sig" not in headers
