"""The mocks: plain memory behind the same interfaces, got from the factory without a provider."""

import inspect

import pytest

from proxy.capabilities.chat import ChatProvider, ChatSettings
from proxy.capabilities.errors import IntegrationError
from proxy.capabilities.inventory import InventoryProvider
from proxy.capabilities.payments import DECLINES, MockPaymentAdapter, PaymentProvider
from proxy.capabilities.sms import SmsProvider
from proxy.integrations import (
    get_chat_provider,
    get_inventory_provider,
    get_payment_provider,
    get_sms_provider,
    providers,
)

INTERFACES = [PaymentProvider, SmsProvider, ChatProvider, InventoryProvider]


@pytest.mark.parametrize("interface", INTERFACES)
def test_every_method_of_an_interface_is_abstract(interface):
    methods = {name for name, _ in inspect.getmembers(interface, inspect.isfunction) if not name.startswith("_")}
    assert methods == interface.__abstractmethods__
    with pytest.raises(TypeError):
        interface()


async def test_a_charge_and_its_refunds():
    payments = get_payment_provider({"provider": "mock"})
    charge = await payments.charge(1999, "EUR", "tok_visa", idempotency_key="o-17")
    assert (charge.status, charge.amount, charge.currency, charge.provider) == ("succeeded", 1999, "eur", "mock")
    part = await payments.refund(charge.id, 500, idempotency_key="r-1")
    rest = await payments.refund(charge.id, idempotency_key="r-2")
    assert (part.amount, rest.amount, rest.charge) == (500, 1499, charge.id)
    with pytest.raises(IntegrationError, match="invalid_request"):
        await payments.refund(charge.id, idempotency_key="r-3")
    with pytest.raises(IntegrationError, match="not_found"):
        await payments.refund("mock_ch_9", idempotency_key="r-4")


@pytest.mark.parametrize(("source", "reason"), DECLINES.items())
async def test_a_source_with_the_name_of_a_decline_is_declined(source, reason):
    with pytest.raises(IntegrationError) as caught:
        await MockPaymentAdapter().charge(1, "eur", f"tok_{source}", idempotency_key="k")
    assert (caught.value.code, caught.value.reason) == ("payment_declined", reason)


async def test_the_same_key_gives_the_same_charge_and_other_content_a_conflict():
    payments = get_payment_provider({"capabilities": {"payments": {"provider": "mock"}}})
    first = await payments.charge(1, "eur", "tok_visa", idempotency_key="k")
    assert await payments.charge(1, "eur", "tok_visa", idempotency_key="k") == first
    with pytest.raises(IntegrationError, match="idempotency_conflict"):
        await payments.charge(2, "eur", "tok_visa", idempotency_key="k")


async def test_messages_are_kept_for_a_look_at_them():
    sms, chat = get_sms_provider({"provider": "mock", "from": "+15005550006"}), get_chat_provider(ChatSettings())
    message = await sms.send("+15005550006", "x" * 161, idempotency_key="k")
    post = await chat.post("#alerts", "disk full", idempotency_key="k")
    assert (message.status, message.segments, post.channel) == ("queued", 2, "#alerts")
    assert [one.text for one in chat.posted] == ["disk full"]


async def test_stock_goes_down_by_what_is_reserved_once():
    inventory = get_inventory_provider({"provider": "mock"})
    for _ in range(2):
        await inventory.reserve("SKU-2", 4, "order-1", idempotency_key="k")
    assert (await inventory.get("SKU-2")).quantity == 1
    with pytest.raises(IntegrationError, match="out_of_stock"):
        await inventory.reserve("SKU-2", 2, "order-2", idempotency_key="l")
    with pytest.raises(IntegrationError, match="not_found"):
        await inventory.get("SKU-9")


def test_a_provider_that_is_not_there_is_an_error_that_lists_those_that_are():
    with pytest.raises(LookupError, match="there are mock, stripe"):
        get_payment_provider({"provider": "strype"})
    with pytest.raises(LookupError, match="there are mock, twilio"):
        get_sms_provider({"provider": "stripe"})


def test_a_provider_without_its_pipeline_says_what_is_missing():
    with pytest.raises(ValueError, match=r"use proxy\.client"):
        get_payment_provider({"provider": "stripe"})


def test_each_capability_has_its_own_providers():
    found = {name: providers(name) for name in ("payments", "sms", "chat", "inventory")}
    assert found == {
        "payments": ("mock", "stripe"),
        "sms": ("mock", "twilio"),
        "chat": ("mock", "slack"),
        "inventory": ("mock", "soap"),
    }
