"""`outrigger check`, as a user calls it."""

import json
import shutil

from tests.support.command import ROOT
from tests.support.command import typed as outrigger

BROKEN = """\
version: 1
upstreams:
  stripe: {integration: strpe, mode: "${STRIPE_MODE:-mock}"}
  partner:
    url: https://api.partner.example/v2
    timout: {connect: 2s}
    retry: {attempts: many}
    auth: {type: bearer, secret: plainly-a-token-4711}
log: {level: "${LEVEL}"}
"""


def test_the_default_file_is_right_and_leaves_the_machine_alone(tmp_path):
    shutil.copy(ROOT / "config.yaml", tmp_path)
    ended = outrigger(tmp_path, "check")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(
        "config.yaml: no errors\nupstreams: stripe (mock), twilio (mock), slack (mock), inventory (mock)\n"
    )
    assert "warning: the admin listener has no admin.token" in ended.out


def test_all_errors_come_at_once_with_file_line_key_and_what_was_meant(tmp_path):
    (tmp_path / "broken.yaml").write_text(BROKEN)
    ended = outrigger(tmp_path, "check", "-c", "broken.yaml", LEVEL="hush-hush")
    assert (ended.code, ended.err) == (2, "")
    lines = ended.out.splitlines()
    assert [line.split(": given")[0] for line in lines] == [
        "broken.yaml:3: upstreams.stripe.integration",
        "broken.yaml:6: upstreams.partner.timout",
        "broken.yaml:7: upstreams.partner.retry.attempts",
        "broken.yaml:8: upstreams.partner.auth.secret",
        "broken.yaml:9: log.level",
        "broken.yaml: 5 errors",
    ]
    assert lines[0].endswith("did you mean stripe?")
    assert lines[1].endswith("did you mean timeout?")
    assert "given ${LEVEL}; allowed debug, info, warning, error" in lines[4]
    assert "plainly-a-token-4711" not in ended.out
    assert "hush-hush" not in ended.out


def test_json_says_the_same_to_programs(tmp_path):
    (tmp_path / "config.yaml").write_text(BROKEN)
    ended = outrigger(tmp_path, "check", "--json", LEVEL="info")
    found = json.loads(ended.out)
    assert (ended.code, found["ok"], len(found["errors"])) == (2, False, 4)
    assert found["errors"][1] == {
        "file": "config.yaml",
        "line": 6,
        "key": "upstreams.partner.timout",
        "given": "an unknown key",
        "allowed": found["errors"][1]["allowed"],
        "meant": "timeout",
    }


def test_json_lists_what_is_unsafe(tmp_path):
    (tmp_path / "config.yaml").write_text("upstreams: {a: {url: 'http://a.example'}}\n")
    ended = outrigger(tmp_path, "check", "--json")
    found = json.loads(ended.out)
    assert (ended.code, found["ok"], found["upstreams"]) == (0, True, {"a": "live"})
    assert "upstreams.a is live and has no scope" in found["unsafe"]


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    ended = outrigger(tmp_path, "check", OUTRIGGER_CONFIG="elsewhere.yaml")
    assert (ended.code, ended.err) == (2, "")
    assert ended.out.startswith("elsewhere.yaml:1: given no such file; allowed a configuration (-c FILE,")


def test_a_secret_that_verifies_nothing_is_an_error_of_check(tmp_path):
    text = "webhooks: {stripe: {integration: stripe, deliver: {url: 'http://127.0.0.1:1/', mode: sync}}}\n"
    (tmp_path / "config.yaml").write_text(text)
    ended = outrigger(tmp_path, "check", STRIPE_WEBHOOK_SECRET="")
    assert ended.code == 2
    assert "given secret stripe_webhook_secret, which is empty; allowed a value that is not empty" in ended.out


def test_a_secret_that_is_missing_is_a_note(tmp_path):
    (tmp_path / "config.yaml").write_text("upstreams: {stripe: {integration: stripe}}\n")
    ended = outrigger(tmp_path, "check")
    assert ended.code == 0
    assert "note: secret stripe_secret_key is missing now" in ended.out
