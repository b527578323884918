"""`outrigger explain`: what is in force, and where each value came from."""

import json
from pathlib import Path

import pytest

from proxy.cli.explain import explain
from tests.support.command import typed as outrigger

TEXT = """\
defaults:
  timeout: {connect: 1500ms}
upstreams:
  stripe:
    integration: stripe
    breaker: {recovery_timeout: 20s, slow_after: off}
    body: {replay: "${REPLAY:-2MiB}"}
  partner: {url: "https://partner.example", breaker: off}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(TEXT)
    return path


def rows(capsys: pytest.CaptureFixture[str], config: Path, what: str) -> dict[str, tuple[str, str]]:
    assert explain(config, what, json_output=True) == 0
    return {row["key"]: (row["value"], row["from"]) for row in json.loads(capsys.readouterr().out)}


def test_an_upstream_is_shown_as_the_file_would_write_it(capsys, config):
    found = rows(capsys, config, "stripe")
    wanted = {
        "url": ("https://api.stripe.com", "preset stripe"),
        "timeout.connect": ("1.5s", "config.yaml:2"),
        "timeout.total": ("1m", "default"),
        "retry.budget.ratio": ("20%", "default"),
        "retry.statuses": ("[408, 425, 429, 500, 502, 503, 504]", "default"),
        "breaker.recovery_timeout": ("20s", "config.yaml:6"),
        "breaker.slow_after": ("off", "config.yaml:6"),
        "body.replay": ("2MiB", "config.yaml:7 (${REPLAY:-2MiB})"),
        "body.max": ("none", "default"),
        "errors.style": ("native", "preset stripe"),
        "errors.retry_after": ("true", "default"),
        "inject.headers.Authorization": ("Bearer {stripe_secret_key}", "preset stripe"),
        "headers.Stripe-Version": ("2024-12-18.acacia", "preset stripe"),
    }
    assert {key: found[f"upstreams.stripe.{key}"] for key in wanted} == wanted


def test_a_part_of_a_key_shows_it_for_every_upstream(capsys, config):
    assert rows(capsys, config, "timeout.connect") == {
        "upstreams.stripe.timeout.connect": ("1.5s", "config.yaml:2"),
        "upstreams.partner.timeout.connect": ("1.5s", "config.yaml:2"),
    }


def test_a_whole_key_shows_what_is_below_it(capsys, config):
    assert set(rows(capsys, config, "listen")) == {"listen.proxy", "listen.webhooks", "listen.admin"}
    assert rows(capsys, config, "upstreams.partner.breaker") == {"upstreams.partner.breaker": ("off", "config.yaml:8")}


def test_what_does_not_exist_is_an_error_with_what_was_meant(capsys, config):
    assert explain(config, "strpe") == 2
    assert capsys.readouterr().out == "nothing here is called strpe; did you mean stripe?\n"


def test_a_section_that_is_nearly_right_is_named(capsys, config):
    assert explain(config, "lgo") == 2
    assert capsys.readouterr().out == "nothing here is called lgo; did you mean log?\n"


def test_callers_are_shown_as_the_file_would_write_them(tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(
        "secrets: {t: {env: T}}\ncallers: {tokens: [t, {secret: t, upstreams: [a, b]}]}\n"
        "upstreams: {a: {url: 'https://a.example'}, b: {url: 'https://b.example'}}\n"
    )
    assert explain(config, "callers.tokens") == 0
    assert capsys.readouterr().out == "callers.tokens  [t, {secret: t, upstreams: [a, b]}]  # config.yaml:2\n"


def test_a_secret_that_a_preset_brings_says_which(capsys, config):
    assert rows(capsys, config, "secrets")["secrets.stripe_secret_key.env"] == ("STRIPE_SECRET_KEY", "preset stripe")


def test_a_file_with_an_error_explains_nothing_but_that(tmp_path):
    (tmp_path / "config.yaml").write_text("upstreams: {a: {url: 'ftp://x'}}\n")
    ended = outrigger(tmp_path, "explain", "a")
    assert ended.code == 2
    assert ended.out.startswith("config.yaml:1: upstreams.a.url: given 'ftp://x', no url of http or https")


def test_people_get_one_line_for_each_value(tmp_path, config):
    ended = outrigger(tmp_path, "explain", "stripe", REPLAY="1KiB")
    assert (ended.code, ended.err) == (0, "")
    assert "upstreams.stripe.body.replay                   1KiB  # config.yaml:7 (${REPLAY:-2MiB})" in ended.out
