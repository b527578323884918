"""The providers' own Python libraries through the running program: on its mocks, and with the providers down.

All tests of `tests/integrations/test_sdks.py` run here once more. One program serves them: a fake's memory belongs to
its upstream, so each test has upstreams of its own.
"""

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import slack_sdk
import slack_sdk.errors
import stripe
import twilio.base.exceptions
import twilio.rest
import zeep
import zeep.exceptions

from tests.integrations.test_sdks import *  # noqa: F403 - the same tests and clients, on the `snippet` below
from tests.support.program import Program
from tests.support.snippets import client

INTEGRATIONS = ("stripe", "twilio", "slack", "soap")
MOST = 40  # tests that can have upstreams of their own
PORT = 9  # discard: nobody listens there
SECRETS = {
    "STRIPE_SECRET_KEY": "rk_live_made_up",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "made-up",
    "SLACK_BOT_TOKEN": "xoxb-made-up",
    "SOAP_USERNAME": "made-up",
    "SOAP_PASSWORD": "made-up",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    lines = ["version: 1", "listen: {proxy: 127.0.0.1:0, webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}", "upstreams:"]
    for name in INTEGRATIONS:
        lines += [f"  {name}{number}: {{integration: {name}, mode: mock}}" for number in range(MOST)]
        down = f"url: 'http://127.0.0.1:{PORT}', breaker: {{failure_threshold: 1, recovery_timeout: 10m}}"
        lines.append(f"  {name}-down: {{integration: {name}, {down}}}")
    config: Path = tmp_path_factory.mktemp("sdks") / "config.yaml"
    config.write_text("\n".join(lines))
    started = Program(config, SECRETS)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count()


@pytest.fixture
def snippet(program: Program, numbers: Iterator[int]) -> Callable[..., object]:
    """Runs the lines of a manifest against a fresh upstream of that integration."""
    number = next(numbers)
    return lambda name, **imported: client(name, f"{program.proxy}/{name}{number}", **imported)


def call_stripe(base: str) -> None:
    client("stripe", base, stripe=stripe).v1.customers.create({"email": "ann@example.com"})


def call_twilio(base: str) -> None:
    made = client("twilio", base, Client=twilio.rest.Client)
    try:
        made.messages.create(to="+15551234567", from_="+15005550006", body="x")
    finally:
        made.http_client.session.close()


def call_slack(base: str) -> None:
    client("slack", base, WebClient=slack_sdk.WebClient).chat_postMessage(channel="C0GENERAL", text="x")


def call_soap(base: str, port: str = "InventoryPort") -> None:
    made = client("soap", base.replace("-down", "0"), zeep=zeep)  # its description is read where somebody answers
    binding = made.wsdl.services["InventoryService"].ports[port].binding.name
    try:
        made.create_service(str(binding), f"{base}/svc").GetStock(sku="SKU-2")
    finally:
        made.transport.session.close()


def of_stripe(error: stripe.StripeError) -> object:
    return error.http_status, error.error.code


def of_twilio(error: twilio.base.exceptions.TwilioRestException) -> object:
    return error.status, error.code


def of_slack(error: slack_sdk.errors.SlackApiError) -> object:
    return error.response["error"]


def of_soap(error: zeep.exceptions.Fault) -> object:
    return error.code.partition(":")[2]


CALLS = {
    "stripe": (call_stripe, stripe.APIError, of_stripe, (503, "circuit_open")),
    "twilio": (call_twilio, twilio.base.exceptions.TwilioRestException, of_twilio, (503, 20500)),
    "slack": (call_slack, slack_sdk.errors.SlackApiError, of_slack, "service_unavailable"),
    "soap": (call_soap, zeep.exceptions.Fault, of_soap, "Server"),
    "soap 1.2": (lambda base: call_soap(base, "InventoryPort12"), zeep.exceptions.Fault, of_soap, "Receiver"),
}


@pytest.mark.parametrize(("call", "kind", "read", "said"), CALLS.values(), ids=CALLS)
def test_a_provider_that_is_down_is_the_library_s_own_error_and_a_quick_one(program, request, call, kind, read, said):
    upstream = f"{request.node.callspec.id.split()[0]}-down"
    tried = f'outrigger_attempts_total{{outcome="connect_refused",upstream="{upstream}"}}'
    with pytest.raises(kind):
        call(f"{program.proxy}/{upstream}")
    before = program.metrics()[tried]
    began = time.monotonic()
    with pytest.raises(kind) as raised:
        call(f"{program.proxy}/{upstream}")
    assert time.monotonic() - began < 2  # a library that went on trying would take longer
    assert read(raised.value) == said
    assert program.metrics()[tried] == before
