"""stripe, twilio, slack_sdk and zeep: how often they ask the proxy when a provider is busy or down."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import slack_sdk
import stripe
import twilio.base.exceptions
import twilio.rest
import zeep
import zeep.exceptions

from tests.clients.conftest import DEAD, LISTEN
from tests.clients.standing_in import QUICK, SECRETS, timed
from tests.support.program import Program
from tests.support.snippets import client

DOWN = f"url: '{DEAD}', breaker: {{failure_threshold: 1, recovery_timeout: 10m}}"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    names = ("stripe", "twilio", "slack", "soap")
    lines = ["version: 1", LISTEN, "upstreams:"]
    lines += [f"  {name}: {{integration: {name}, mode: mock}}" for name in names]
    lines += [f"  {name}-down: {{integration: {name}, {DOWN}}}" for name in names]
    config: Path = tmp_path_factory.mktemp("named") / "config.yaml"
    config.write_text("\n".join(lines))
    started = Program(config, SECRETS)
    yield started
    started.stop()


def call_stripe(base: str, text: str) -> None:
    client("stripe", base, stripe=stripe).v1.customers.create({"description": text})


def call_twilio(base: str, text: str) -> None:
    made = client("twilio", base, Client=twilio.rest.Client)
    made.messages.create(to="+15551234567", from_="+15005550006", body=text)


def call_slack(base: str, text: str) -> None:
    client("slack", base, WebClient=slack_sdk.WebClient).chat_postMessage(channel="C0GENERAL", text=text)


def call_soap(base: str, text: str) -> None:
    made = client("soap", base.replace("-down", ""), zeep=zeep)  # its description is read where somebody answers
    binding = str(made.wsdl.services["InventoryService"].ports["InventoryPort"].binding.name)
    made.create_service(binding, f"{base}/svc").Reserve(sku="SKU-1", quantity=1, reference=text)


CALLS: dict[str, tuple[Callable[[str, str], None], type[Exception]]] = {
    "stripe": (call_stripe, stripe.APIError),
    "twilio": (call_twilio, twilio.base.exceptions.TwilioRestException),
    "slack": (call_slack, slack_sdk.errors.SlackApiError),
    "soap": (call_soap, zeep.exceptions.Fault),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_rate_limit_is_waited_out_here(program, calls, name):
    call, _ = CALLS[name]
    call(f"{program.proxy}/{name}", "first")  # reads what it has to read before
    before = calls(name)
    call(f"{program.proxy}/{name}", "second")
    usual = calls(name) - before
    with timed() as ended:
        call(f"{program.proxy}/{name}", "[[429 wait=1]]")
    assert ended.seconds >= 1
    assert calls(name) - before - usual == usual


@pytest.mark.parametrize("name", CALLS)
def test_a_provider_that_is_down_is_asked_for_once_and_refused_quickly(program, calls, name):
    call, error = CALLS[name]
    with pytest.raises(error):
        call(f"{program.proxy}/{name}-down", "first")
    before = calls(f"{name}-down")
    with timed() as ended, pytest.raises(error):
        call(f"{program.proxy}/{name}-down", "second")
    assert (ended.seconds < QUICK, calls(f"{name}-down") - before) == (True, 1)
