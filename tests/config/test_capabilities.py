"""`capabilities:`: who stands behind each, and what is wrong with it."""

import pytest

from proxy.config.display import rows
from tests.support.configuration import lines, settings

UPSTREAMS = """
upstreams:
  stripe: {integration: stripe, mode: mock}
  texts: {integration: twilio, mode: mock}
  plain: {url: "https://api.example"}
"""


def test_a_mock_needs_no_upstream_and_no_secret(tmp_path):
    found = settings(tmp_path, "capabilities: {payments: {provider: mock}, chat: {provider: mock}}")
    assert (found.capabilities.payments.provider, found.capabilities.sms) == ("mock", None)
    assert dict(found.secrets) == {}


def test_the_provider_is_the_upstreams_integration_where_the_file_names_none(tmp_path):
    found = settings(tmp_path, f'{UPSTREAMS}capabilities: {{sms: {{upstream: texts, from: "+15005550006"}}}}')
    assert (found.capabilities.sms.provider, found.capabilities.sms.from_) == ("twilio", "+15005550006")


def test_a_variable_chooses_between_the_mock_and_the_provider(tmp_path):
    text = f'{UPSTREAMS}capabilities: {{payments: {{provider: "${{P:-mock}}", upstream: stripe}}}}'
    assert settings(tmp_path, text).capabilities.payments.provider == "mock"
    assert settings(tmp_path, text, {"P": "stripe"}).capabilities.payments.provider == "stripe"


def test_a_service_without_an_integration_may_be_named_as_a_provider(tmp_path):
    text = f"{UPSTREAMS}capabilities: {{inventory: {{provider: soap, upstream: plain, path: /svc, namespace: urn:x}}}}"
    found = settings(tmp_path, text).capabilities.inventory
    assert (found.provider, found.path, found.namespace) == ("soap", "/svc", "urn:x")


def test_explain_says_where_each_value_came_from(tmp_path):
    text = f'{UPSTREAMS}capabilities:\n  sms:\n    upstream: texts\n    from: "+15005550006"\n'
    found = settings(tmp_path, text)
    shown = {row.key: (row.value, row.origin) for row in rows(found) if row.key.startswith("capabilities.sms")}
    assert shown == {
        "capabilities.sms.provider": ("twilio", "upstream texts"),
        "capabilities.sms.upstream": ("texts", "config.yaml:8"),
        "capabilities.sms.from": ("+15005550006", "config.yaml:9"),
    }


def test_explain_shows_paths(tmp_path):
    found = settings(tmp_path, "capabilities: {inventory: {provider: mock, path: /svc}}")
    assert {"capabilities.inventory.path", "debug_log.path"} <= {row.key for row in rows(found)}


WRONG = {
    "an unknown provider": (
        "payments: {provider: strype, upstream: stripe}",
        "capabilities.payments.provider: given strype; allowed a provider of payments: mock, stripe; "
        "did you mean stripe?",
    ),
    "a provider of something else": (
        "payments: {provider: twilio, upstream: texts}",
        "capabilities.payments.provider: given twilio; allowed a provider of payments: mock, stripe",
    ),
    "an upstream of something else": (
        "payments: {upstream: texts}",
        "capabilities.payments.upstream: given an upstream of twilio; allowed a provider of payments: mock, stripe",
    ),
    "an upstream of another provider": (
        "payments: {provider: stripe, upstream: texts}",
        "capabilities.payments.upstream: given one of twilio; allowed an upstream of stripe",
    ),
    "an upstream that is not there": (
        "payments: {upstream: strip}",
        "capabilities.payments.upstream: given strip; allowed the name of an upstream: stripe, texts, plain; "
        "did you mean stripe?",
    ),
    "a provider without an upstream": (
        "payments: {provider: stripe}",
        "capabilities.payments.provider: given no upstream; allowed upstream beside provider: stripe",
    ),
    "neither": ("payments: {}", "capabilities.payments: given neither; allowed upstream, or provider: mock"),
    "an upstream without an integration": (
        "payments: {upstream: plain}",
        "capabilities.payments: given an upstream without an integration, and no provider; "
        "allowed a provider of payments: mock, stripe",
    ),
    "an unknown capability": (
        "paymets: {provider: mock}",
        "capabilities.paymets: given an unknown key; allowed chat, inventory, payments, sms; did you mean payments?",
    ),
    "a key of another capability": (
        'payments: {provider: mock, from: "+15005550006"}',
        "capabilities.payments.from: given an unknown key; allowed provider, upstream",
    ),
    "a path that is none": (
        "inventory: {provider: soap, upstream: plain, path: svc}",
        "capabilities.inventory.path: given svc; allowed a path that begins with /",
    ),
}


@pytest.mark.parametrize(("words", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_once(tmp_path, words, expected):
    found = lines(tmp_path, f"{UPSTREAMS}capabilities: {{{words}}}")
    assert [line.partition(": ")[2] for line in found] == [expected]


def test_the_name_of_an_upstream_cannot_begin_with_an_underline(tmp_path):
    (line,) = lines(tmp_path, "upstreams: {_: {url: 'https://a.example'}}")
    assert "a letter or digit first" in line
