"""Secrets that verify or sign nothing: `check` refuses them, a running program waits for better ones."""

import pytest

from tests.support.configuration import HMAC, SYNC, settings, webhook


def test_a_secret_that_fits_no_key_is_a_doubt_and_starts(tmp_path):
    text = webhook(f"verify: {{{HMAC}, key: {{encoding: base64}}}}", SYNC)
    [doubt] = settings(tmp_path, text, {"S": "no base64!"}).doubts
    assert doubt.key == "webhooks.w.verify.secrets"
    assert "no base64!" not in str(doubt)
    assert settings(tmp_path, text, {"S": "YWJj"}).doubts == ()


def test_an_empty_signing_secret_is_a_doubt(tmp_path):
    [doubt] = settings(tmp_path, webhook(f"verify: {{{HMAC}}}", SYNC), {"S": ""}).doubts
    assert doubt.given == "secret s, which is empty"


def test_a_user_without_a_password_is_a_doubt(tmp_path):
    text = webhook("verify: {scheme: basic, body_signed: false, secrets: [s]}", SYNC)
    [doubt] = settings(tmp_path, text, {"S": "postmark"}).doubts
    assert doubt.given == "secret s, which has no colon"
    assert settings(tmp_path, text, {"S": "postmark:pass"}).doubts == ()


OURS = {  # the value of deliver.secret; what is said of it
    "no base64": ("no base64!", "secret s, which is not base64"),
    "nothing behind its prefix": ("whsec_", "secret s, which is empty"),
    "empty": ("", "secret s, which is empty"),
    "base64 with its prefix": ("whsec_YWJj", None),
    "base64": ("YWJj", None),
}


@pytest.mark.parametrize(("value", "given"), OURS.values(), ids=OURS)
def test_a_secret_that_cannot_sign_deliveries_is_a_doubt(tmp_path, value, given):
    verify = HMAC.replace("[s]", "[other]")
    deliver = "deliver: {url: 'http://127.0.0.1:8000/', sign: outrigger, secret: s}"
    text = webhook(f"verify: {{{verify}}}", deliver).replace("{s: {env: S}}", "{s: {env: S}, other: {env: O}}")
    doubts = settings(tmp_path, text, {"S": value, "O": "made-up"}).doubts
    assert [(one.key, one.given) for one in doubts] == ([("webhooks.w.deliver.secret", given)] if given else [])
