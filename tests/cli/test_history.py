"""`tail`, `show` and `curl` over a debug log that nobody writes to."""

import json
import shlex
from pathlib import Path

import pytest

from proxy.cli.curl_command import command_for
from proxy.cli.history import Filters, curl, replay, show, tail
from proxy.config.schema import DebugLogSettings
from proxy.edges.debug_records import Record
from proxy.edges.debug_writer import DebugWriter, Reports
from proxy.rules.redaction import Redactor
from proxy.rules.sensitive import marks
from proxy.stages.capture import Exchange, Taken

NOON = 1_790_000_000.0


def exchange(number: int = 1, status: int = 200, body: bytes = b"a=1", **about: object) -> Exchange:
    sent, received = Taken(1000), Taken(1000)
    sent.add(body)
    received.add(b'{"answer":"\x1b[31m"}\nend')
    headers = ((b"Content-Type", b"application/x-www-form-urlencoded"), (b"Cookie", b"c=1"), (b"Host", b"x"))
    fields = {"method": "POST", "target": b"/v1/charges?expand[]=x", "headers": headers, **about}
    return Exchange(
        number,
        0.001,
        fields["method"],
        fields["target"],
        fields["headers"],
        sent,
        received,
        0.25,
        "ok",
        status,
        headers,
    )


def record(id: str, **about: object) -> Record:
    fields = {
        "upstream": "stripe", "method": "POST", "target": b"/v1/charges?expand[]=x", "status": 200, "code": None,
        "attempts": 1, "started": NOON, "seconds": 0.3, "provider_id": "req_9", "stopped": None,
        "decisions": [(0.002, "retry", "no need")], "exchanges": [exchange()], "marks": marks(()), "max_body": 100,
        **about,
    }  # fmt: skip
    return Record(id=id, **fields)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration beside a log of three calls."""
    log = tmp_path / "debug.db"
    reports = Reports(failed=pytest.fail, lost=pytest.fail)
    writer = DebugWriter(DebugLogSettings(path=str(log)), Redactor(), wall=lambda: NOON, reports=reports)
    writer.start()
    writer.put(record("first"))
    writer.put(record("second", status=503, code="circuit_open", attempts=2, stopped="circuit_open"))
    writer.put(record("third", upstream="twilio", method="GET", target=b"/x?a=\x1b", status=None, code="client_gone"))
    writer.close()
    config = tmp_path / "config.yaml"
    config.write_text(f"version: 1\ndebug_log: {{enabled: true, path: {log}}}\n")
    config.chmod(0o600)
    return config


def test_tail_prints_the_last_calls_one_a_line_oldest_first(config, capsys):
    assert tail(config, Filters(limit=2)) == 0
    second, third = capsys.readouterr().out.splitlines()
    assert second.endswith(
        "second stripe POST /v1/charges?expand[]=x -> 503 circuit_open 300 ms attempts=2 stopped=circuit_open"
    )
    assert third.endswith("third twilio GET /x?a=\\x1b -> - client_gone 300 ms")


FILTERS = {
    "by upstream": (Filters(upstream="twilio"), ["third"]),
    "by status": (Filters(status="503"), ["second"]),
    "by the status's hundred": (Filters(status="2xx"), ["first"]),
    "by code": (Filters(code="client_gone"), ["third"]),
    "all": (Filters(), ["first", "second", "third"]),
}


@pytest.mark.parametrize(("filters", "ids"), FILTERS.values(), ids=FILTERS)
def test_tail_as_json_is_a_line_a_call(config, capsys, filters, ids):
    assert tail(config, filters, json_output=True) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ids


def test_tail_refuses_a_status_that_is_none(config, capsys):
    assert tail(config, Filters(status="many")) == 2
    assert "--status" in capsys.readouterr().err


def test_tail_says_that_no_call_fits(config, capsys):
    assert tail(config, Filters(status="418")) == 0
    assert capsys.readouterr() == ("", "there is no such call in the debug log\n")


def test_tail_tells_an_unknown_upstream_from_one_without_calls(config, capsys):
    assert tail(config, Filters(upstream="strpe"), follow=True) == 2
    assert capsys.readouterr().err == "no upstream is called strpe; there are none\n"


def test_tail_knows_the_name_of_a_webhook_without_refused_requests(config, capsys):
    with config.open("a") as file:
        file.write("webhooks: {stripe: {integration: stripe}}\n")
    assert tail(config, Filters(upstream="webhooks.stripe")) == 0
    assert capsys.readouterr() == ("", "there is no such call in the debug log\n")


def test_show_tells_the_whole_story_and_moves_no_terminal(config, capsys):
    assert show(config, "first") == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    for line in (
        "the provider's id: req_9",
        "      2.0 ms  retry: no need",
        "attempt 1: ok, at 1.0 ms, for 250.0 ms",
        "> POST /v1/charges?expand[]=x",
        "> Cookie: [redacted cookie]",
        "> a=1",
        "< 200",
        '< {"answer":"\\x1b[31m"}',
        "< end",
    ):
        assert line in text.splitlines()


def test_show_as_json_is_the_shape_of_the_api(config, capsys):
    assert show(config, "first", json_output=True) == 0
    call = json.loads(capsys.readouterr().out)
    assert (call["id"], call["exchanges"][0]["request"]["body"]) == ("first", "a=1")


def test_curl_prints_a_command_through_the_proxy_without_what_was_redacted(config, capsys):
    assert curl(config, "first") == 0
    out, err = capsys.readouterr()
    assert shlex.split(out) == [
        "curl", "--globoff", "http://127.0.0.1:8600/stripe/v1/charges?expand[]=x",
        "-H", "Content-Type: application/x-www-form-urlencoded", "--data-raw", "a=1",
    ]  # fmt: skip
    assert err == "# the header Cookie was redacted\n"


@pytest.mark.parametrize("command", [curl, replay])
def test_a_refused_webhook_request_is_not_made_again_without_what_signed_it(config, capsys, command):
    log = config.parent / "debug.db"
    reports = Reports(failed=pytest.fail, lost=pytest.fail)
    writer = DebugWriter(DebugLogSettings(path=str(log)), Redactor(), wall=lambda: NOON, reports=reports)
    writer.start()
    writer.put(record("hook", upstream="webhooks.stripe", attempts=0, status=401, code="bad_signature"))
    writer.close()
    assert command(config, "hook") == 1
    out, err = capsys.readouterr()
    assert (out, "outrigger webhook verify --last" in err) == ("", True)


@pytest.mark.parametrize("command", [show, curl])
def test_an_unknown_id_is_a_failure_that_says_so(config, capsys, command):
    assert command(config, "fourth") == 1
    assert "no call with the id fourth" in capsys.readouterr().err


def test_a_log_that_is_not_there_is_a_failure_that_says_how_to_get_one(tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(f"version: 1\ndebug_log: {{path: {tmp_path}/none.db}}\n")
    config.chmod(0o600)
    assert tail(config, Filters()) == 1
    assert "debug_log.enabled" in capsys.readouterr().err


def test_a_configuration_with_an_error_is_said_with_exit_2(tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text("version: 9\n")
    config.chmod(0o600)
    assert show(config, "first") == 2
    assert capsys.readouterr().err


def call(proxy: str = "127.0.0.1:8600", **request: object) -> tuple[str, list[str]]:
    asked = {"method": "GET", "target": "/a", "headers": [], "body": "", "truncated": False, **request}
    return command_for({"upstream": "stripe", "target": asked["target"], "exchanges": [{"request": asked}]}, proxy)


COMMANDS = {
    "a plain call": ({}, "curl http://127.0.0.1:8600/stripe/a", []),
    "a method without body": ({"method": "POST"}, "curl -X POST http://127.0.0.1:8600/stripe/a", []),
    "HEAD": ({"method": "HEAD"}, "curl --head http://127.0.0.1:8600/stripe/a", []),
    "a body that came compressed": (
        {"method": "PUT", "headers": [["Content-Encoding", "gzip"], ["Content-Type", "text/plain"]], "body": "a"},
        "curl -X PUT http://127.0.0.1:8600/stripe/a -H 'Content-Type: text/plain' --data-raw a",
        ["the body was compressed, and is sent as it reads"],
    ),
    "text with a quote": (
        {"method": "POST", "body": "it's"},
        "curl http://127.0.0.1:8600/stripe/a -H Content-Type: --data-raw 'it'\"'\"'s'",
        [],
    ),
    "a body with GET": (
        {"body": "x", "headers": [["Content-Type", "text/plain"]]},
        "curl -X GET http://127.0.0.1:8600/stripe/a -H 'Content-Type: text/plain' --data-raw x",
        [],
    ),
    "bytes": (
        {"method": "POST", "body": {"base64": "/w=="}},
        "printf %s /w== | base64 -d | curl http://127.0.0.1:8600/stripe/a -H Content-Type: --data-binary @-",
        [],
    ),
    "an empty field": ({"headers": [["X-A", ""]]}, "curl http://127.0.0.1:8600/stripe/a -H 'X-A;'", []),
    "dots": ({"target": "/a/../b"}, "curl --path-as-is http://127.0.0.1:8600/stripe/a/../b", []),
    "a redacted query": (
        {"target": "/a?key=[redacted key]"},
        "curl 'http://127.0.0.1:8600/stripe/a?key=REDACTED'",
        ["a redacted value of the target is REDACTED"],
    ),
    "a body that was not kept": (
        {"body": None, "truncated": True},
        "curl http://127.0.0.1:8600/stripe/a",
        ["the body was not kept"],
    ),
    "a body that was cut": (
        {"method": "POST", "body": "x", "truncated": True},
        "curl http://127.0.0.1:8600/stripe/a -H Content-Type: --data-raw x",
        ["the body is cut: see debug.max_body"],
    ),
    "a Unix socket": ({"proxy": "unix:/run/o.sock"}, "curl --unix-socket /run/o.sock http://localhost/stripe/a", []),
    "any free port": (
        {"proxy": "127.0.0.1:0"},
        "curl http://127.0.0.1:0/stripe/a",
        ["the port is picked at start: `run` prints it"],
    ),
    "all addresses": ({"proxy": "0.0.0.0:80"}, "curl http://127.0.0.1:80/stripe/a", []),
}


@pytest.mark.parametrize(("about", "command", "lost"), COMMANDS.values(), ids=COMMANDS)
def test_command(about, command, lost):
    assert call(**about) == (command, lost)


def test_a_call_that_was_refused_before_its_first_attempt_has_a_command_as_well():
    refused = {"upstream": "stripe", "method": "GET", "target": "/a", "exchanges": []}
    assert command_for(refused, "127.0.0.1:8600") == ("curl http://127.0.0.1:8600/stripe/a", [])
