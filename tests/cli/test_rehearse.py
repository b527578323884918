"""`outrigger explain UPSTREAM METHOD PATH`: what would happen to a request."""

import json
from pathlib import Path

import pytest

from proxy.cli.rehearse import rehearse
from tests.support.command import typed as outrigger

TEXT = """\
secrets: {key: {env: KEY}, user: {env: USER_NAME}, word: {env: WORD}}
upstreams:
  stripe: {integration: stripe}
  fake: {integration: stripe, mode: mock}
  slack: {integration: slack}
  open: {url: "https://open.example"}
  partner:
    url: https://partner.example/v2
    inject: {headers: {X-Key: "{key}"}, query: {account: "{user}"}}
    scope: {allow: ["GET /stock/**", "POST /orders"], deny: ["GET /stock/secret"]}
    retry: {idempotency: {header: Order-Key, generate: true}}
    timeout: {total: 5s}
    breaker: {failure_threshold: 2}
  old: {url: "https://old.example", auth: {type: basic, username: user, password: word}, breaker: off}
"""


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """What is said of a request, by the name of the fact."""
    (tmp_path / "config.yaml").write_text(TEXT)

    def tell(upstream: str, method: str, target: str, *fields: str) -> dict[str, object]:
        assert rehearse(tmp_path / "config.yaml", upstream, method, target, fields, json_output=True) == 0
        return json.loads(capsys.readouterr().out)

    return tell


VERDICTS = {
    "what is allowed is in scope": ("partner", "GET", "/stock/17", "in scope"),
    "a denied path is refused": ("partner", "GET", "/stock/secret", "refused: out_of_scope"),
    "a path that nobody allowed is refused": ("partner", "DELETE", "/stock/17", "refused: out_of_scope"),
    "a path that could leave the url's own is refused": ("partner", "GET", "/stock/%2e%2e/x", "refused: out_of_scope"),
    "without a scope all is admitted": ("open", "DELETE", "/x", "admitted: there is no scope"),
    "the provider's list of what is not used is denied": ("stripe", "GET", "/v1/accounts", "refused: out_of_scope"),
}


@pytest.mark.parametrize(("upstream", "method", "target", "verdict"), VERDICTS.values(), ids=VERDICTS)
def test_verdict(told, upstream, method, target, verdict):
    facts = told(upstream, method, target)
    assert facts["verdict"].startswith(verdict)
    assert ("goes_to" in facts) == (not verdict.startswith("refused"))


PLACES = {
    "the url's path comes first, the query's secret last": (
        ("partner", "GET", "/stock/17?x=%2F"),
        "GET https://partner.example/v2/stock/17?x=%2F&account={user}",
    ),
    "a further host": (("slack", "POST", "/~files/upload/v1/a"), "POST https://files.slack.com/upload/v1/a"),
    "a fake": (("fake", "GET", "/v1/customers"), "the built-in fake of stripe: GET /v1/customers"),
}


@pytest.mark.parametrize(("asked", "place"), PLACES.values(), ids=PLACES)
def test_place(told, asked, place):
    assert told(*asked)["goes_to"] == place


def test_headers_that_come_off_are_named_and_secrets_go_by_name(told):
    facts = told("partner", "GET", "/stock/1", "Authorization: mine", "Outrigger-Retry: on", "X-Kept: yes", "x_key: 7")
    assert facts["taken_off"] == ["Authorization", "Outrigger-Retry", "x_key"]
    assert facts["added"] == ["X-Key: {key}"]


def test_a_credential_of_two_secrets_shows_both_names(told):
    assert told("old", "GET", "/x")["added"] == ["Authorization: Basic base64({user}:{word})"]


def test_a_host_that_gets_no_credential_is_shown_without(told):
    assert told("slack", "POST", "/~files/upload/v1/a")["added"] == []
    assert told("slack", "POST", "/auth.test")["added"] == ["Authorization: Bearer {slack_bot_token}"]


REPEATS = {
    "a GET": (("open", "GET", "/x"), "safe: GET is idempotent"),
    "a POST": (("open", "POST", "/x"), "not safe: POST needs the header Idempotency-Key or Outrigger-Idempotent: true"),
    "a key": (("open", "POST", "/x", "idempotency-key: 1"), "safe: it carries Idempotency-Key"),
    "vouched": (("open", "POST", "/x", "Outrigger-Idempotent: true"), "safe: Outrigger-Idempotent: true"),
    "switched off": (("open", "GET", "/x", "Outrigger-Retry: off"), "off: Outrigger-Retry: off"),
    "a key that is made": (("partner", "POST", "/orders"), "safe: Order-Key is added"),
    "an operation named safe": (
        ("stripe", "POST", "/v1/customers/search"),
        "safe: stripe names this operation as safe",
    ),
}


@pytest.mark.parametrize(("asked", "repeat"), REPEATS.values(), ids=REPEATS)
def test_repeat(told, asked, repeat):
    facts = told(*asked)
    assert facts["repeat"] == repeat
    assert facts["attempts"] == (1 if repeat.startswith("off") else 3)


def test_timeouts_and_breaker_are_those_in_force(told):
    facts = told("partner", "GET", "/stock/1")
    assert facts["timeouts"] == "connect 2 s, first_byte 30 s, idle 30 s, total 5 s"
    assert facts["breaker"].startswith("opens after 2 failures in a row")
    assert told("old", "GET", "/x")["breaker"] == "off"


WRONG = {
    "an upstream that is not there": (("partnr", "GET", "/x"), "did you mean partner?"),
    "a path without its slash": (("open", "GET", "x"), "PATH begins with /"),
    "a header without a colon": (("open", "GET", "/x", "-H", "X-A"), "'Name: value'"),
    "a method that is never served": (("open", "CONNECT", "/x"), "CONNECT and TRACE are not served"),
    "a method without a path": (("open", "GET"), "METHOD needs a PATH"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_said_with_exit_2(tmp_path, arguments, said):
    (tmp_path / "config.yaml").write_text(TEXT)
    ended = outrigger(tmp_path, "explain", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_people_get_a_line_for_each_fact_and_no_value_of_a_secret(tmp_path):
    (tmp_path / "config.yaml").write_text(TEXT)
    ended = outrigger(tmp_path, "explain", "partner", "get", "/stock/1", KEY="hush-1", USER_NAME="hush-2")
    assert (ended.code, ended.err) == (0, "")
    assert "verdict    in scope\n" in ended.out
    assert "added      X-Key: {key}\n" in ended.out
    assert "hush" not in ended.out


def test_what_a_variable_brought_into_an_injected_value_is_shown_as_the_file_has_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("BROUGHT", "a-value-not-to-be-seen")
    inject = "{headers: {X-Key: 'Bearer ${BROUGHT}', X-Or: '${BROUGHT:-none} {key}'}, query: {k: '${BROUGHT}'}}"
    text = f"secrets: {{key: {{env: KEY}}}}\nupstreams: {{a: {{url: 'https://a.example', inject: {inject}}}}}\n"
    (tmp_path / "config.yaml").write_text(text)
    assert rehearse(tmp_path / "config.yaml", "a", "GET", "/x", json_output=True) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["added"] == ["X-Key: Bearer ${BROUGHT}", "X-Or: ${BROUGHT} {key}"]
    assert facts["goes_to"] == "GET https://a.example/x?k=${BROUGHT}"
