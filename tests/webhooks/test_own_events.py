"""Fakes tell what their providers would, signed, to the first webhook of that integration; failures tell nothing."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from proxy import integrations
from proxy.body import Whole
from proxy.config.schema import WebhookSettings
from proxy.integrations.stand_in import Told
from proxy.model import Call, Request, Response
from proxy.rules.credentials import Secret
from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Verified
from proxy.webhooks.own_events import OwnEvents
from tests.support.asking import ask
from tests.support.configuration import settings
from tests.support.provider import EPOCH, clock
from tests.support.webhooks import Ears

FILE = """
webhooks:
  first: {integration: stripe, deliver: {url: "http://127.0.0.1:8000/", mode: sync}}
  other: {integration: stripe, deliver: {url: "http://127.0.0.1:8000/", mode: sync}}
  slack: {integration: slack, deliver: {url: "http://127.0.0.1:8000/", mode: sync}}
  twilio: {integration: twilio, public_url: "https://hooks.example/t",
           deliver: {url: "http://127.0.0.1:8000/", mode: sync}}
"""
CHARGE = {"amount": 1, "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
MESSAGES = "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json"
SMS = {"To": "+15005550006", "From": "+15005550006", "Body": "x", "StatusCallback": "https://app.example/s"}


class Rehearsal:
    """The fake of `name` with somebody who sends its events; `came`: path and body of each that fitted its scheme."""

    def __init__(
        self, name: str, webhooks: Mapping[str, WebhookSettings], secrets: Sequence[str] | None = None
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.came: list[tuple[str, bytes]] = []
        self.times: list[float] = []
        self._webhooks = webhooks
        self._known = secrets
        self._clock = clock(self.loop)
        self.sender = OwnEvents(
            self._listen,
            lambda: webhooks,
            secret=self._secret,
            new_call=lambda: Call("own-event", self.loop.time()),
            clock=self._clock,
            events=Ears(),
        )
        self.fake = integrations.fake(name, wall=self._clock.wall, tell=self.sender.teller(name))

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.came]

    def _secret(self, name: str) -> Secret | None:
        return Secret(name, f"made-up {name}".encode()) if self._known is None or name in self._known else None

    async def _listen(self, request: Request) -> Response:
        (webhook,) = [one for one in self._webhooks.values() if one.path.encode() == request.target]
        body = b"" if request.body is None else await request.body.open().read()
        scheme = compile_scheme(webhook.verify, webhook.public_url)
        secrets = [secret for name in webhook.verify.secrets if (secret := self._secret(name)) is not None]
        incoming = Incoming(request.method, request.target, request.headers, body)
        assert isinstance(scheme.verify(incoming, scheme.keys(secrets), self._clock.wall()), Verified)
        self.came.append((webhook.path, body))
        self.times.append(self.loop.time())
        return Response(200, b"OK", (), Whole(), 0)


@pytest.fixture
def webhooks(tmp_path) -> Mapping[str, WebhookSettings]:
    return settings(tmp_path, FILE).webhooks


STRIPE = {
    "a payment": (
        [("POST /v1/payment_intents", CHARGE)],
        ["charge.succeeded", "payment_intent.succeeded"],
    ),
    "a declined payment": (
        [("POST /v1/payment_intents", {**CHARGE, "payment_method": "pm_card_chargeDeclined"})],
        ["payment_intent.payment_failed"],
    ),
    "a charge": ([("POST /v1/charges", {"amount": 1, "currency": "eur", "source": "tok_visa"})], ["charge.succeeded"]),
    "a customer": ([("POST /v1/customers", {"email": "a@example.com"})], ["customer.created"]),
    "a payment that is not confirmed": ([("POST /v1/payment_intents", {"amount": 1, "currency": "eur"})], []),
    "something that is refused": ([("POST /v1/payment_intents", {"amount": 1})], []),
    "something that is read": ([("GET /v1/customers", None)], []),
}


@pytest.mark.parametrize(("calls", "types"), STRIPE.values(), ids=STRIPE)
async def test_stripe_sends_the_events_of_what_was_done(webhooks, calls, types):
    rehearsal = Rehearsal("stripe", webhooks)
    for line, form in calls:
        await ask(rehearsal.fake, line, form)
    await asyncio.sleep(1.0)
    assert rehearsal.types == types
    assert {path for path, _ in rehearsal.came} <= {"/first"}
    assert all(0.1 <= when < 0.2 for when in rehearsal.times)


async def test_a_refund_is_told(webhooks):
    rehearsal = Rehearsal("stripe", webhooks)
    paid = await ask(rehearsal.fake, "POST /v1/charges", {"amount": 1, "currency": "eur", "source": "tok_visa"})
    await ask(rehearsal.fake, "POST /v1/refunds", {"charge": paid.json["id"]})
    await asyncio.sleep(1.0)
    assert rehearsal.types == ["charge.succeeded", "charge.refunded"]


async def test_an_answer_that_is_replayed_tells_nothing_again(webhooks):
    rehearsal = Rehearsal("stripe", webhooks)
    for _ in range(2):
        await ask(rehearsal.fake, "POST /v1/payment_intents", CHARGE, headers={"Idempotency-Key": "k"})
    await asyncio.sleep(1.0)
    assert len(rehearsal.came) == 2


@pytest.mark.parametrize("mark", ["[[429 wait=1]]", "[[503]]", "[[cut]]"])
async def test_a_rehearsed_failure_tells_nothing(webhooks, mark):
    rehearsal = Rehearsal("stripe", webhooks)
    form = {**CHARGE, "description": mark}
    try:
        await ask(rehearsal.fake, "POST /v1/payment_intents", form)
    except Exception:  # noqa: BLE001 - a cut answer ends with one
        assert mark == "[[cut]]"
    await asyncio.sleep(1.0)
    assert rehearsal.came == []
    await ask(rehearsal.fake, "POST /v1/payment_intents", form)
    await asyncio.sleep(1.0)
    assert len(rehearsal.came) == 2


async def test_a_slow_answer_is_no_failure(webhooks):
    rehearsal = Rehearsal("stripe", webhooks)
    await ask(rehearsal.fake, "POST /v1/payment_intents", {**CHARGE, "description": "[[slow for=1s]]"})
    await asyncio.sleep(1.0)
    assert len(rehearsal.came) == 2


async def test_a_message_with_a_callback_is_told_of_twice_under_two_tokens(webhooks):
    rehearsal = Rehearsal("twilio", webhooks)
    sent = await ask(rehearsal.fake, f"POST {MESSAGES}", SMS)
    await ask(rehearsal.fake, f"POST {MESSAGES}", {**SMS, "StatusCallback": ""})
    await asyncio.sleep(1.0)
    bodies = [body.decode() for _, body in rehearsal.came]
    assert ["MessageStatus=sent" in bodies[0], "MessageStatus=delivered" in bodies[1], len(bodies)] == [True, True, 2]
    assert all(sent.json["sid"] in body for body in bodies)


async def test_a_post_is_told_of(webhooks):
    rehearsal = Rehearsal("slack", webhooks)
    posted = await ask(rehearsal.fake, "POST /chat.postMessage", {"channel": "#alerts", "text": "disk full"})
    await asyncio.sleep(1.0)
    ((_, body),) = rehearsal.came
    told: Any = json.loads(body)
    assert (told["type"], told["event"]["type"], told["event"]["text"]) == ("event_callback", "message", "disk full")
    assert (told["event"]["ts"], told["event"]["channel"]) == (posted.json["ts"], "C0ALERTS")


async def test_without_its_secret_nothing_is_sent_and_one_line_says_so(webhooks):
    rehearsal = Rehearsal("stripe", webhooks, secrets=[])
    await ask(rehearsal.fake, "POST /v1/payment_intents", CHARGE)
    await asyncio.sleep(1.0)
    assert rehearsal.came == []
    assert rehearsal.sender.unsigned(["stripe", "stripe", "soap"]) == [
        "webhooks.first: the fake of stripe sends no events, because stripe_webhook_secret is not set"
    ]


async def test_without_a_webhook_nothing_is_sent_and_nothing_said():
    rehearsal = Rehearsal("stripe", {})
    await ask(rehearsal.fake, "POST /v1/payment_intents", CHARGE)
    await asyncio.sleep(1.0)
    assert (rehearsal.came, rehearsal.sender.unsigned(["stripe"])) == ([], [])


async def test_a_listener_that_fails_is_a_bug_that_is_told_of(webhooks):
    loop, ears = asyncio.get_running_loop(), Ears()

    async def broken(request: Request) -> Response:
        raise RuntimeError

    sender = OwnEvents(
        broken,
        lambda: webhooks,
        secret=lambda name: Secret(name, b"made-up"),
        new_call=lambda: Call("own-event", loop.time()),
        clock=clock(loop),
        events=ears,
    )
    sender.teller("stripe")(Told(b'{"id": "evt_1"}', {}))
    await asyncio.sleep(1.0)
    assert [type(error) for error in ears.bugs] == [RuntimeError]


async def test_what_is_closed_sends_nothing_more(webhooks):
    rehearsal = Rehearsal("stripe", webhooks)
    await ask(rehearsal.fake, "POST /v1/customers", {"email": "a@example.com"})
    await asyncio.sleep(0)
    rehearsal.sender.close()
    await asyncio.sleep(1.0)
    assert rehearsal.came == []


async def ids(wall: float) -> list[str]:
    told: list[bytes] = []
    fake = integrations.fake("stripe", wall=lambda: wall, tell=lambda one: told.append(one.body))
    await ask(fake, "POST /v1/customers", {"email": "a@example.com"})
    return [json.loads(body)["id"] for body in told]


async def test_a_fake_that_was_started_later_names_its_events_otherwise():
    assert await ids(EPOCH) == await ids(EPOCH) != await ids(EPOCH + 1)
