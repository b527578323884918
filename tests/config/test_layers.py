"""Core defaults, `defaults`, preset, own words: what stands over what, and where each value came from."""

import pytest

from proxy.config.schema import SecretSource
from proxy.rules.auth_settings import ApiKeyAuth, BasicAuth, BearerAuth
from tests.support.configuration import complaints, settings

STRIPE = "upstreams:\n  stripe:\n    integration: stripe\n"


def test_each_layer_stands_over_the_one_before(tmp_path):
    text = """
defaults:
  timeout: {connect: 1s, idle: 1s}
  retry: {attempts: 7, statuses: [500]}
  errors: {style: problem}
upstreams:
  stripe: {integration: stripe, timeout: {idle: 3s}, retry: {statuses: [503, 502]}}
  other: {url: "https://other.example", retry: {backoff: {max: 3s}}}
"""
    found = settings(tmp_path, text).upstreams
    stripe, other = found["stripe"], found["other"]
    assert (stripe.timeout.connect, stripe.timeout.idle, stripe.timeout.total) == (1.0, 3.0, 60.0)
    assert (stripe.retry.attempts, other.retry.attempts) == (3, 7)  # the preset says 3
    assert (stripe.retry.statuses, other.retry.statuses) == ({503, 502}, {500})  # lists replace
    assert (stripe.errors.style, other.errors.style) == ("native", "problem")
    assert (other.retry.backoff.base, other.retry.backoff.max) == (0.2, 3.0)


def test_every_value_knows_where_it_came_from(tmp_path):
    text = "defaults:\n  timeout: {idle: 1s}\nupstreams:\n  s:\n    integration: stripe\n    debug:\n      raw: true\n"
    where = settings(tmp_path, text).where
    keys = ["timeout.idle", "timeout.total", "errors.style", "url", "debug.raw", "headers"]
    assert [where.get(f"upstreams.s.{key}", "default") for key in keys] == [
        "config.yaml:2",
        "default",
        "preset stripe",
        "preset stripe",
        "config.yaml:7",
        "preset stripe",
    ]


def test_a_preset_brings_what_only_presets_bring(tmp_path):
    stripe = settings(tmp_path, STRIPE).upstreams["stripe"]
    assert stripe.url == "https://api.stripe.com"
    assert stripe.inject.headers == {"Authorization": "Bearer {stripe_secret_key}"}
    assert stripe.headers == {"Stripe-Version": "2024-12-18.acacia"}
    assert stripe.request_id == ("Request-Id",)
    assert stripe.origins["files"].url == "https://files.stripe.com"
    assert stripe.native is not None
    assert stripe.classify is not None
    assert "* /v1/customers/**" in stripe.used


def test_what_a_preset_does_not_use_is_denied_and_the_rest_allowed(tmp_path):
    scope = settings(tmp_path, STRIPE).upstreams["stripe"].scope
    assert scope.allow is None
    assert "* /v1/issuing/**" in scope.deny


def test_the_entry_preset_stands_for_what_the_preset_uses(tmp_path):
    text = STRIPE + "    scope: {allow: ['GET /v1/balance', preset]}\n"
    scope = settings(tmp_path, text).upstreams["stripe"].scope
    assert scope.allow[0] == "GET /v1/balance"
    assert "* /v1/payment_intents/**" in scope.allow
    assert "preset" not in scope.allow
    assert "* /v1/issuing/**" in scope.deny


def test_a_deny_list_of_the_file_replaces_that_of_the_preset(tmp_path):
    text = STRIPE + "    scope: {deny: ['DELETE /**']}\n"
    assert settings(tmp_path, text).upstreams["stripe"].scope.deny == ("DELETE /**",)


def test_own_auth_takes_the_place_of_what_the_preset_injects_under_that_header(tmp_path):
    text = "secrets: {key: {env: KEY}}\n" + STRIPE + "    auth: {type: bearer, secret: key}\n"
    found = settings(tmp_path, text)
    assert found.upstreams["stripe"].auth == BearerAuth(type="bearer", secret="key")
    assert found.upstreams["stripe"].inject.headers == {}
    assert set(found.secrets) == {"key"}


def test_an_own_header_takes_the_place_of_the_presets_auth(tmp_path):
    text = """
secrets: {key: {env: KEY}}
upstreams: {twilio: {integration: twilio, inject: {headers: {authorization: "Bearer {key}"}}, mode: mock}}
"""
    twilio = settings(tmp_path, text).upstreams["twilio"]
    assert twilio.auth is None
    assert twilio.inject.headers == {"authorization": "Bearer {key}"}


def test_auth_of_another_type_replaces_the_presets_whole(tmp_path):
    text = """
secrets: {key: {env: KEY}}
upstreams:
  soap: {integration: soap, url: "https://s.example", auth: {type: api_key, secret: key, headers: [X-Key, A]}}
"""
    auth = settings(tmp_path, text).upstreams["soap"].auth
    assert auth == ApiKeyAuth(type="api_key", secret="key", headers={"X-Key": "{key}", "A": "{key}"})


IDEMPOTENCY = {  # in `defaults`; in the upstream; header and json in force
    "a field in place of the default header": ("{}", "{json: /k}", (None, "/k")),
    "a field in place of a header that was named": ("{header: X-K}", "{json: /k}", (None, "/k")),
    "a header in place of a field": ("{json: /k}", "{header: X-K}", ("X-K", None)),
    "a field that nobody touches": ("{json: /k}", "{}", (None, "/k")),
}


@pytest.mark.parametrize(("below", "above", "expected"), IDEMPOTENCY.values(), ids=IDEMPOTENCY)
def test_of_header_and_field_the_later_word_makes_a_repeat_safe(tmp_path, below, above, expected):
    text = f"""
defaults: {{retry: {{idempotency: {below}}}}}
upstreams: {{a: {{url: "https://a.example", retry: {{idempotency: {above}}}}}}}
"""
    found = settings(tmp_path, text).upstreams["a"].retry.idempotency
    assert (found.header, found.json) == expected


def test_the_same_header_filled_twice_by_one_layer_is_an_error(tmp_path):
    text = """
secrets: {key: {env: KEY}}
upstreams:
  a: {url: "https://a.example", auth: {type: bearer, secret: key}, inject: {headers: {authorization: "{key}"}}}
  b: {url: "https://a.example", inject: {headers: {X-Key: "{key}", x_key: "{key}"}}}
"""
    assert [one.given for one in complaints(tmp_path, text)] == [
        "a header that auth fills",
        "a header that another line fills",
    ]


def test_secrets_of_a_preset_come_with_their_variables_unless_the_file_says_otherwise(tmp_path):
    assert settings(tmp_path, STRIPE).secrets == {"stripe_secret_key": SecretSource(env="STRIPE_SECRET_KEY")}
    text = "secrets: {stripe_secret_key: {file: /run/secrets/stripe}}\n" + STRIPE
    assert settings(tmp_path, text).secrets == {"stripe_secret_key": SecretSource(file="/run/secrets/stripe")}


def test_a_mock_needs_no_secret(tmp_path):
    assert settings(tmp_path, STRIPE + "    mode: mock\n").secrets == {}


def test_a_map_with_nothing_in_it_leaves_the_layers_below_alone(tmp_path):
    text = (
        "defaults: {timeout: {idle: 1s}}\nupstreams:\n  a:\n    url: https://a.example\n    timeout:\n    # idle: 9s\n"
    )
    assert settings(tmp_path, text).upstreams["a"].timeout.idle == 1.0


def test_a_group_that_a_variable_left_empty_leaves_the_layers_below_alone(tmp_path):
    text = """
defaults: {breaker: {probes: 2}}
upstreams: {a: {url: "https://a.example", breaker: "${BREAKER:-}", listen: "${LISTEN:-}"}}
"""
    found = settings(tmp_path, text).upstreams["a"]
    assert (found.breaker.probes, found.listen) == (2, None)
    assert settings(tmp_path, text, {"BREAKER": "off"}).upstreams["a"].breaker is None


def test_a_file_adds_to_a_presets_credential_without_naming_its_type_again(tmp_path):
    text = "secrets: {key: {env: KEY}}\n" + (
        'upstreams:\n  soap: {integration: soap, url: "https://s.example", auth: {password: key}}\n'
    )
    auth = settings(tmp_path, text).upstreams["soap"].auth
    assert auth == BasicAuth(type="basic", username="soap_username", password="key")


def test_another_grant_takes_away_what_the_first_one_needed(tmp_path):
    text = """
secrets: {id: {env: ID}, key: {env: KEY}}
defaults:
  auth: {type: oauth2, grant: refresh_token, token_url: "https://t.example", client_id: id, refresh_token: key}
upstreams: {a: {url: "https://a.example", auth: {grant: jwt_bearer, private_key: key}}}
"""
    auth = settings(tmp_path, text).upstreams["a"].auth
    assert (auth.grant, auth.token_url, auth.refresh_token, auth.private_key) == (
        "jwt_bearer",
        "https://t.example",
        None,
        "key",
    )
