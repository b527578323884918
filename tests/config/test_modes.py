"""`live`, `sandbox` and `mock`: where calls go and with which key."""

import pytest

from proxy.config.schema import SecretSource
from tests.support.configuration import complaints, settings

LIVE_KEY, TEST_KEY = "sk_" + "live_0123456789", "sk_" + "test_0123456789"


def stripe(mode: str, more: str = "") -> str:
    return f"upstreams:\n  stripe:\n    integration: stripe\n    mode: {mode}\n    {more}\n"


def test_a_sandbox_takes_the_test_key_under_the_same_name(tmp_path):
    found = settings(tmp_path, stripe("sandbox"), {"STRIPE_TEST_SECRET_KEY": TEST_KEY})
    assert found.secrets == {"stripe_secret_key": SecretSource(env="STRIPE_TEST_SECRET_KEY")}
    assert found.upstreams["stripe"].url == "https://api.stripe.com"


def test_a_sandbox_has_its_own_address_where_one_is_given(tmp_path):
    text = """
defaults: {mode: sandbox}
upstreams: {a: {url: "https://a.example", sandbox_url: "https://test.a.example/v2"}}
"""
    assert settings(tmp_path, text).upstreams["a"].url == "https://test.a.example/v2"
    assert settings(tmp_path, text.replace("sandbox}", "live}")).upstreams["a"].url == "https://a.example"


def test_a_live_key_in_a_sandbox_is_an_error_that_does_not_show_it(tmp_path):
    text = "secrets: {stripe_secret_key: {env: MY_KEY}}\n" + stripe("sandbox")
    [found] = complaints(tmp_path, text, {"MY_KEY": LIVE_KEY})
    assert (found.line, found.key) == (5, "upstreams.stripe.mode")
    assert found.given == "sandbox with a live key in stripe_secret_key"
    assert LIVE_KEY not in str(found)


def test_a_live_key_in_a_file_is_found_too(tmp_path):
    (tmp_path / "key").write_text(LIVE_KEY)
    text = f"secrets: {{stripe_secret_key: {{file: {tmp_path}/key}}}}\n" + stripe("sandbox")
    assert len(complaints(tmp_path, text)) == 1


def test_a_test_key_in_live_is_a_warning(tmp_path):
    found = settings(tmp_path, stripe("live"), {"STRIPE_SECRET_KEY": TEST_KEY})
    assert "upstreams.stripe is live and stripe_secret_key holds a test key" in found.unsafe


def test_a_key_of_another_look_is_a_warning_without_the_key(tmp_path):
    found = settings(tmp_path, stripe("live"), {"STRIPE_SECRET_KEY": "something-else"})
    assert "secret stripe_secret_key does not look like what stripe gives out" in found.unsafe
    assert not any("something-else" in line for line in found.unsafe)


def test_a_sandbox_beside_a_live_user_of_the_same_secret_gets_a_name_of_its_own(tmp_path):
    text = """
upstreams:
  twilio: {integration: twilio, mode: sandbox}
webhooks:
  twilio: {integration: twilio, public_url: "https://app.example/t", deliver: {url: "http://127.0.0.1:1/", mode: sync}}
"""
    found = settings(tmp_path, text)
    assert found.secrets == {
        "twilio_account_sid": SecretSource(env="TWILIO_TEST_ACCOUNT_SID"),
        "twilio_auth_token_sandbox": SecretSource(env="TWILIO_TEST_AUTH_TOKEN"),
        "twilio_auth_token": SecretSource(env="TWILIO_AUTH_TOKEN"),
    }
    twilio = found.upstreams["twilio"]
    assert (twilio.auth.username, twilio.auth.password) == ("twilio_account_sid", "twilio_auth_token_sandbox")
    assert twilio.path_params["account"].value == "{twilio_account_sid}"


def test_live_and_sandbox_of_one_provider_stand_side_by_side(tmp_path):
    text = """
upstreams:
  stripe: {integration: stripe}
  stripe_test: {integration: stripe, mode: sandbox}
"""
    found = settings(tmp_path, text, {"STRIPE_SECRET_KEY": LIVE_KEY, "STRIPE_TEST_SECRET_KEY": TEST_KEY})
    assert found.secrets["stripe_secret_key_sandbox"] == SecretSource(env="STRIPE_TEST_SECRET_KEY")
    assert found.upstreams["stripe_test"].inject.headers["Authorization"] == "Bearer {stripe_secret_key_sandbox}"
    assert found.upstreams["stripe"].inject.headers["Authorization"] == "Bearer {stripe_secret_key}"


def test_a_name_of_its_own_reaches_the_path_too(tmp_path):
    text = "upstreams:\n  twilio: {integration: twilio}\n  test: {integration: twilio, mode: sandbox}\n"
    found = settings(tmp_path, text).upstreams
    assert found["test"].path_params["account"].value == "{twilio_account_sid_sandbox}"
    assert found["twilio"].path_params["account"].value == "{twilio_account_sid}"


IMPOSSIBLE = {
    "a mock of what has no fake": ("{url: 'https://a.example', mode: mock}", "upstreams.a.mode"),
    "a sandbox of what has none": ("{url: 'https://a.example', mode: sandbox}", "upstreams.a.mode"),
    "a word that is no mode": ("{url: 'https://a.example', mode: test}", "upstreams.a.mode"),
    "no address": ("{retry: {attempts: 2}}", "upstreams.a"),
    "a preset without an address": ("{integration: soap}", "upstreams.a"),
    "an address for the sandbox that is none": (
        "{url: 'https://a.example', mode: sandbox, sandbox_url: ftp://x}",
        "upstreams.a.sandbox_url",
    ),
    "the provider's shape of errors where none is known": (
        "{url: 'https://a.example', errors: {style: native}}",
        "upstreams.a.errors.style",
    ),
}


@pytest.mark.parametrize(("words", "key"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_is_refused(tmp_path, words, key):
    assert [one.key for one in complaints(tmp_path, f"upstreams: {{a: {words}}}\n")] == [key]


def test_a_mock_needs_no_address(tmp_path):
    found = settings(tmp_path, "upstreams: {a: {integration: soap, mode: mock}}\n").upstreams["a"]
    assert (found.mode, found.url) == ("mock", "")
