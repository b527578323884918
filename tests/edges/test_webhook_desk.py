"""What operators are shown of events and refusals: the request, less what proves it."""

import asyncio

from proxy.config.schema import InboxSettings
from proxy.edges.webhook_desk import WebhookDesk
from proxy.rules.proofs import Proofs
from proxy.rules.redaction import Redactor
from proxy.rules.signatures import VerifySettings
from proxy.webhooks.keeping import Keeping
from proxy.webhooks.refused import RefusedRequest, RefusedRequests
from tests.support.inbox import Sender
from tests.support.memory_inbox import MemoryInbox
from tests.support.provider import EPOCH, clock

PROOF = b"proof-of-the-sender"
VERIFY = VerifySettings(
    scheme="token",
    signature=("header:X-Proof", "query:t", "json:/proof"),
    body_signed=False,
    secrets=("s",),
)
HEADERS = ((b"X-Proof", PROOF), (b"X-Hub-Signature-256", PROOF), (b"X-Type", b"push"))
BODY = b'{"proof": "%b", "a": 1}' % PROOF
SHOWN = [
    ["X-Proof", "[redacted x-proof]"],
    ["X-Hub-Signature-256", "[redacted x-hub-signature-256]"],
    ["X-Type", "push"],
]


REFUSED = RefusedRequest(
    id="9",
    webhook="plain",
    at=EPOCH,
    outcome="bad_signature",
    status=401,
    detail="",
    method="POST",
    target=b"/plain?b=2&t=%b" % PROOF,
    headers=HEADERS,
    body=BODY,
    length=len(BODY),
)


async def test_neither_an_event_nor_a_refusal_shows_its_proof():
    time, refused, inbox = clock(asyncio.get_running_loop()), RefusedRequests(), MemoryInbox()
    keeping = Keeping(inbox, InboxSettings(), time.now)
    desk = WebhookDesk(keeping, refused, Redactor(), time.wall, lambda _: None, lambda *_: None)
    desk.proofs = Proofs({"plain": VERIFY})
    came = Sender("plain").pulled
    await inbox.put(came(id="1", headers=HEADERS, body=BODY, query=b"t=%b&b=2" % PROOF))
    await inbox.put(came(id="2", headers=HEADERS, body=BODY))
    refused.add(REFUSED)
    event = (await desk.event("1"))["request"]
    (refusal,) = desk.refused(b"/api/webhooks/refused")["refused"]
    assert (event["query"], event["headers"]) == ("t=[redacted signature]&b=2", SHOWN)
    assert (refusal["request"]["target"], refusal["request"]["headers"]) == ("/plain?b=2&t=[redacted signature]", SHOWN)
    assert event["body"] == refusal["request"]["body"] == '{"proof": "[redacted signature]", "a": 1}'
    assert (await desk.event("2"))["request"]["query"] is None
    assert inbox.events["1"].arrival.headers == HEADERS  # what is delivered is whole
