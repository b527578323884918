"""The charge of the design page, over HTTP and from Python, and a whole payment rehearsed offline."""

import asyncio
import json
import re
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import httpx
import pytest

from proxy.capabilities.errors import (
    IdempotencyError,
    IntegrationError,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    OutOfStock,
    PaymentDeclined,
    Unavailable,
)
from proxy.client import RemoteChat, RemoteInventory, RemotePayments, RemoteSms
from tests.support.program import LISTEN, Program
from tests.support.scripted import ScriptedUpstream, plain

CHARGE = {"amount": 1999, "currency": "eur", "source": "tok_visa"}
SECRETS = {
    "STRIPE_WEBHOOK_SECRET": "whsec_made-up-for-this-test",
    "SLACK_SIGNING_SECRET": "made-up-slack-signing-secret",
    "TWILIO_AUTH_TOKEN": "made-up-twilio-token",
}
FAKES = """
upstreams:
  stripe: {integration: stripe, mode: mock}
  twilio: {integration: twilio, mode: mock}
  slack: {integration: slack, mode: mock}
  inventory: {integration: soap, mode: mock}
capabilities:
  payments: {upstream: stripe}
  sms: {upstream: twilio, from: "+15005550006"}
  chat: {upstream: slack}
  inventory: {upstream: inventory, path: /InventoryService}
webhooks:
  stripe: {integration: stripe, deliver: {url: "APP/stripe", mode: sync}}
  slack: {integration: slack, deliver: {url: "APP/slack", mode: sync}}
  twilio: {integration: twilio, public_url: "https://hooks.example/t", deliver: {url: "APP/twilio", mode: sync}}
"""
MOCKS = """
capabilities: {payments: {provider: mock}, sms: {provider: mock}, chat: {provider: mock}, inventory: {provider: mock}}
"""


@pytest.fixture(scope="module")
def application() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(plain(200)) as upstream:
        yield upstream


@pytest.fixture(scope="module", params=["stripe", "mock"])
def proxy(request: pytest.FixtureRequest, application, tmp_path_factory) -> Iterator[tuple[Program, str]]:
    """The program with all four capabilities, through the providers' fakes or on mocks; and who takes payments."""
    config = tmp_path_factory.mktemp(request.param) / "config.yaml"
    config.write_text(
        f"version: 1\n{LISTEN}" + (FAKES if request.param == "stripe" else MOCKS).replace("APP", application.url)
    )
    program = Program(config, SECRETS)
    try:
        yield program, request.param
    finally:
        program.stop()


def ask(program: Program, operation: str, content: object, key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return httpx.post(f"{program.proxy}/_/{operation}", json=content, headers=headers)


def measured(program: Program, name: str, *labels: str) -> float:
    """What the metric's series with these labels come to."""
    rows = program.metrics().items()
    return sum(n for series, n in rows if f"_{name}{{" in series and all(label in series for label in labels))


def test_a_charge_over_http(proxy):
    program, provider = proxy
    first, again = (ask(program, "payments/charge", CHARGE, "o-17") for _ in range(2))
    assert first.status_code == 200
    assert first.json() == {
        "id": first.json()["id"],
        "status": "succeeded",
        "amount": 1999,
        "currency": "eur",
        "provider": provider,
        "request_id": first.headers["Outrigger-Request-Id"],
    }
    assert first.json()["id"].startswith("pi_" if provider == "stripe" else "mock_")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")


def test_a_charge_from_python(proxy):
    program, provider = proxy

    async def story() -> None:
        async with RemotePayments(program.proxy) as payments:
            charge = await payments.charge(500, "EUR", "tok_visa", idempotency_key="p-1", metadata={"order": "1"})
            assert (charge.amount, charge.currency, charge.status, charge.provider) == (
                500,
                "eur",
                "succeeded",
                provider,
            )
            refund = await payments.refund(charge.id, 200, idempotency_key="p-2")
            assert (refund.amount, refund.charge) == (200, charge.id)
            with pytest.raises(PaymentDeclined) as declined:
                await payments.charge(1, "eur", "tok_chargeDeclinedInsufficientFunds", idempotency_key="p-3")
            assert (declined.value.reason, declined.value.status) == ("insufficient_funds", 402)
            assert declined.value.customer_message == "Your card has insufficient funds. Please use another card."
            with pytest.raises(InvalidRequest) as invalid:
                await payments.charge(0, "eur", "tok_visa", idempotency_key="p-4")
            assert invalid.value.field == "amount"
            with pytest.raises(IdempotencyError) as conflict:
                await payments.charge(1, "eur", "tok_visa", idempotency_key="p-1")
            assert conflict.value.code == "idempotency_conflict"
            with pytest.raises(IdempotencyError):
                await payments.charge(1, "eur", "tok_visa", idempotency_key="")

    asyncio.run(story())


def test_messages_and_stock_from_python(proxy):
    program, _ = proxy

    async def story() -> None:
        async with (
            RemoteSms(program.proxy) as sms,
            RemoteChat(program.proxy) as chat,
            RemoteInventory(program.proxy) as inventory,
        ):
            message = await sms.send("+15005550006", "hello", idempotency_key="s-1", callback="https://a.example/s")
            assert (message.status, message.segments) == ("queued", 1)
            post = await chat.post("#alerts", "disk full", idempotency_key="c-1")
            await chat.post("#alerts", "and more", thread=post.id, idempotency_key="c-2")
            before = await inventory.get("SKU-1")
            held = await inventory.reserve("SKU-1", 3, "order-1", idempotency_key="i-1")
            assert (held.quantity, (await inventory.get("SKU-1")).quantity) == (3, before.quantity - 3)
            with pytest.raises(OutOfStock):
                await inventory.reserve("SKU-EMPTY", 1, "order-2", idempotency_key="i-2")
            with pytest.raises(NotFound):
                await inventory.get("SKU-9")

    asyncio.run(story())


@pytest.mark.parametrize("proxy", ["stripe"], indirect=True)
def test_a_payment_is_rehearsed_from_the_charge_to_its_event(proxy, application):
    program, _ = proxy
    charged = ask(program, "payments/charge", {**CHARGE, "amount": 777}, "e-1").json()

    def events() -> list[Any]:
        return [json.loads(seen.body) for seen in tuple(application.requests) if seen.target == b"/stripe"]

    def told(type: str) -> list[Any]:
        found = [event["data"]["object"] for event in events() if event["type"] == type]
        return [one for one in found if one["amount"] == 777]

    program.until(lambda: bool(told("payment_intent.succeeded") and told("charge.succeeded")))
    (intent,) = told("payment_intent.succeeded")
    assert (intent["id"], intent["status"]) == (charged["id"], "succeeded")
    program.until(lambda: measured(program, "webhook_events_total", 'webhook="stripe"', 'outcome="accepted"') >= 2)


@pytest.mark.parametrize("proxy", ["stripe"], indirect=True)
def test_messages_are_rehearsed_to_their_callbacks(proxy, application):
    program, _ = proxy
    ask(program, "sms/send", {"to": "+15005550006", "text": "x", "callback": "https://a.example/s"}, "e-2")
    ask(program, "chat/post", {"channel": "#random", "text": "for the test of events"}, "e-3")

    def bodies(target: bytes) -> bytes:
        return b"\n".join(seen.body for seen in tuple(application.requests) if seen.target == target)

    program.until(lambda: b"MessageStatus=delivered" in bodies(b"/twilio"))
    assert b"MessageStatus=sent" in bodies(b"/twilio")
    program.until(lambda: b"for the test of events" in bodies(b"/slack"))
    refused = [name for name, n in program.metrics().items() if "bad_signature" in name and n]
    assert refused == []


def test_a_provider_that_cannot_be_reached_is_evidence_for_its_breaker(run):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        program = run(
            f"upstreams:\n  stripe: {{integration: stripe, url: '{url}', retry: {{attempts: 1}}}}\n"
            "capabilities: {payments: {upstream: stripe}}\n",
            STRIPE_SECRET_KEY="sk_live_x",
        )
        found = [ask(program, "payments/charge", CHARGE, f"k-{number}") for number in range(6)]
        assert [one.status_code for one in found] == [503] * 6
        assert [one.json()["code"] for one in found] == ["unavailable"] * 6
        assert [one.json()["cause"] for one in found] == ["connect_refused"] * 5 + ["circuit_open"]
        assert 0 < found[-1].json()["retry_after"] <= 60
        assert measured(program, "breaker_state", 'upstream="stripe"', 'state="open"') == 1

        async def from_python() -> None:
            async with RemotePayments(program.proxy) as payments:
                await payments.charge(1, "eur", "tok_visa", idempotency_key="p")

        with pytest.raises(Unavailable) as caught:
            asyncio.run(from_python())
        assert (caught.value.cause, caught.value.retry_after is not None) == ("circuit_open", True)


def test_the_log_says_once_that_a_fake_cannot_sign(run):
    webhook = "{integration: stripe, deliver: {url: 'http://127.0.0.1:9/', mode: sync}}"
    program = run(
        f"upstreams: {{stripe: {{integration: stripe, mode: mock}}}}\nwebhooks: {{stripe: {webhook}}}\n"
        "capabilities: {payments: {upstream: stripe}}\n"
    )
    assert ask(program, "payments/charge", CHARGE, "k").status_code == 200
    assert program.output.count("the fake of stripe sends no events, because stripe_webhook_secret is not set") == 1


STORIES: dict[str, tuple[bytes, type[IntegrationError], str]] = {
    "an answer that is no JSON": (plain(200, b"<html>"), OutcomeUnknown, "outcome_unknown"),
    "an answer that lacks its id": (plain(200, b"{}"), OutcomeUnknown, "outcome_unknown"),
    "a refusal of the gateway": (plain(421, b'{"code": "misdirected"}'), IntegrationError, "misdirected"),
    "an answer with more than is known": (
        plain(402, b'{"code": "payment_declined", "reason": "brand_new", "more": 1}'),
        PaymentDeclined,
        "payment_declined",
    ),
}


def charged(url: str) -> Callable[[], Coroutine[Any, Any, None]]:
    async def charge() -> None:
        async with RemotePayments(url, timeout=5.0) as payments:
            await payments.charge(1, "eur", "tok_visa", idempotency_key="k")

    return charge


@pytest.mark.parametrize(("line", "kind", "code"), STORIES.values(), ids=STORIES)
def test_what_python_makes_of_an_answer(line, kind, code):
    with ScriptedUpstream(line) as upstream, pytest.raises(IntegrationError) as caught:
        asyncio.run(charged(upstream.url)())
    assert (type(caught.value), caught.value.code) == (kind, code)


def test_a_proxy_that_is_not_there_had_no_effect():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable):
            asyncio.run(charged(f"http://127.0.0.1:{nobody.getsockname()[1]}")())


def test_the_python_of_the_page_runs(proxy):
    program, provider = proxy
    page = (Path(__file__).parents[2] / "docs/capabilities.md").read_text()
    shown = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    assert "http://127.0.0.1:8600" in shown
    names: dict[str, Any] = {}
    lines = indent(shown.replace("http://127.0.0.1:8600", program.proxy), "    ")
    exec(f"async def main():\n{lines}    return charge\n", names)  # noqa: S102 - our own page
    assert asyncio.run(names["main"]()).provider == provider
