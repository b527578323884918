"""What a log says, how a line looks, and that nobody ever waits for it."""

import fcntl
import json
import os
from collections.abc import Iterator

import pytest

from proxy.config.schema import LogSettings
from proxy.edges.log_lines import Lines, as_json, as_text
from proxy.edges.logs import FRAMES, LONGEST, QUIET, Logs, traced
from proxy.errors import UpstreamFailure
from proxy.model import Call
from tests.support.log_pipe import NOON, SECRET, Pipe


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def call(**about: object) -> Call:
    return Call(
        "c-1", 0.0, **{"upstream": "stripe", "method": "GET", "target": b"/v1/secret-path?q=1", "attempts": 1, **about}
    )


def test_a_failed_call_is_one_line_with_all_that_is_needed_to_find_it(pipe):
    waited = call(attempts=3, waited=1.5, stopped="attempts", provider_id="req_9")
    pipe.logs().call_ended(waited, 503, "upstream_error", 2.34567)
    assert pipe.lines() == [
        {
            "time": "2026-09-21T14:13:20.250Z",
            "level": "info",
            "event": "call",
            "id": "c-1",
            "upstream": "stripe",
            "method": "GET",
            "status": 503,
            "attempts": 3,
            "waited_ms": 1500,
            "duration_ms": 2345.7,
            "stopped": "attempts",
            "upstream_request_id": "req_9",
        }
    ]


def test_a_refusal_says_which_rule_it_was(pipe):
    refused = Call("c-1", 0.0, reason="Ambiguous request: two Content-Length fields.")
    pipe.logs().call_ended(refused, 400, "bad_request", 0.0)
    (line,) = pipe.lines()
    assert (line["code"], line["reason"]) == ("bad_request", refused.reason)
    assert "method" not in line


def test_what_the_webhook_listener_could_not_read_is_a_line_too(pipe):
    pipe.logs().unread("webhooks", "bad_request", "Malformed request: a bare LF.")
    pipe.logs(requests="none").unread("webhooks", "bad_request", "")
    (line,) = pipe.lines()
    assert (line["event"], line["listener"], line["reason"]) == ("unread", "webhooks", "Malformed request: a bare LF.")


PROBLEMS = {  # what happened, and whether `problems` has a line about it
    "a plain answer": (call(), 200, "ok", False),
    "an error of the upstream": (call(), 404, "upstream_error", True),
    "a refusal": (call(attempts=0), 503, "circuit_open", True),
    "a failure": (call(), 502, "upstream_reset", True),
    "an application that left": (call(), 0, "client_gone", True),
    "a repeat that helped": (call(attempts=2), 200, "ok", True),
    "a wait that helped": (call(waited=0.5), 200, "ok", True),
}


@pytest.mark.parametrize(("ended", "status", "outcome", "told"), PROBLEMS.values(), ids=PROBLEMS)
def test_problems_are_told_all_is_everything_and_none_is_nothing(pipe, ended, status, outcome, told):
    counts = []
    for requests in ("problems", "all", "none"):
        pipe.logs(requests=requests).call_ended(ended, status, outcome, 0.1)
        counts.append(len(pipe.lines()))
    assert counts == [int(told), 1, 0]


LEVELS = {
    "a repeat that helped": (call(attempts=2), 200, "ok", "info"),
    "a refusal": (call(), 503, "circuit_open", "warning"),
    "a bug": (call(), 500, "internal_error", "error"),
}


@pytest.mark.parametrize(("ended", "status", "outcome", "level"), LEVELS.values(), ids=LEVELS)
def test_a_call_has_the_level_of_its_end_and_lower_levels_are_left_out(pipe, ended, status, outcome, level):
    pipe.logs().call_ended(ended, status, outcome, 0.1)
    (line,) = pipe.lines()
    assert line["level"] == level
    order = ["debug", "info", "warning", "error"]
    pipe.logs(level=order[order.index(level) + 1] if level != "error" else level).call_ended(
        ended, status, outcome, 0.1
    )
    assert len(pipe.lines()) == (1 if level == "error" else 0)


def test_no_path_no_query_and_no_secret_is_in_a_line(pipe):
    pipe.logs().call_ended(call(provider_id=SECRET.decode()), 500, "upstream_error", 0.1)
    text = pipe.text()
    assert "secret-path" not in text
    assert '"upstream_request_id":"[redacted stripe_key]"' in text


EVENTS = {
    "a breaker that opens": (lambda logs: logs.breaker_moved("stripe", "open", by_hand=False),
                             {"level": "warning", "event": "breaker", "upstream": "stripe", "state": "open"}),
    "a breaker closed by hand": (lambda logs: logs.breaker_moved("stripe", "closed", by_hand=True),
                                 {"level": "info", "event": "breaker", "upstream": "stripe", "state": "closed",
                                  "by_hand": True}),
    "a cooldown": (lambda logs: logs.cooldown_began("stripe", 12.5),
                   {"level": "info", "event": "cooldown", "upstream": "stripe", "seconds": 12.5}),
    "a missing secret": (lambda logs: logs.secret_failed("key", "missing", "env THE_KEY"),
                         {"level": "error", "event": "secret_failed", "secret": "key", "reason": "missing",
                          "source": "env THE_KEY"}),
    "a token that was refused": (lambda logs: logs.secret_failed("api access token", "denied"),
                         {"level": "error", "event": "secret_failed", "secret": "api access token",
                          "reason": "denied"}),
    "a refused credential": (lambda logs: logs.credential_refused("stripe", ["user", "key"]),
                             {"level": "warning", "event": "credential_refused", "upstream": "stripe",
                              "secrets": "user, key"}),
    "a reload that was refused": (lambda logs: logs.reloaded(ok=False, detail="line 3"),
                                  {"level": "error", "event": "reload", "taken": False, "reason": "line 3"}),
    "a refused webhook": (lambda logs: logs.webhook_ended("github", "bad_signature", None, "no match"),
                          {"level": "warning", "event": "webhook", "webhook": "github", "outcome": "bad_signature",
                           "reason": "no match"}),
    "a dead letter": (lambda logs: logs.delivery_ended("github", "dead", event="e-1", attempt=12, detail="said 500"),
                      {"level": "warning", "event": "delivery", "webhook": "github", "outcome": "dead", "id": "e-1",
                       "attempt": 12, "reason": "said 500"}),
    "a delivery that did not reach the application": (
        lambda logs: logs.delivery_ended("github", "failed", event="e-1", attempt=0, detail="connect_refused"),
        {"level": "warning", "event": "delivery", "webhook": "github", "outcome": "failed", "id": "e-1",
         "reason": "connect_refused"}),
    "a warning": (lambda logs: logs.warned("admin without token"),
                  {"level": "warning", "event": "warning", "text": "admin without token"}),
}  # fmt: skip


@pytest.mark.parametrize(("happens", "line"), EVENTS.values(), ids=EVENTS)
def test_event(pipe, happens, line):
    happens(pipe.logs())
    (written,) = pipe.lines()
    assert {name: value for name, value in written.items() if name != "time"} == line


def test_a_secret_that_stays_missing_is_told_once_and_again_when_the_reason_changes_or_it_is_back(pipe):
    logs = pipe.logs()
    for reason in ("missing", "missing", "empty"):
        logs.secret_failed("key", reason)
    logs.secret_read("key")
    logs.secret_failed("key", "empty")
    assert [line.get("reason", line.get("after")) for line in pipe.lines()] == ["missing", "empty", "empty", "empty"]


def test_a_secrets_first_value_is_no_news_and_its_next_one_is(pipe):
    logs = pipe.logs()
    logs.secret_read("key")
    assert pipe.lines() == []
    logs.secret_read("key")
    assert [line["event"] for line in pipe.lines()] == ["secret_read"]


def test_a_refused_credential_is_one_line_a_minute_for_each_upstream(pipe):
    logs = pipe.logs()
    for wait in (0, 0, 30, 31, 0):
        pipe.wall += wait
        logs.credential_refused("stripe", ["key"])
    logs.credential_refused("slack", [])
    assert [(line["upstream"], line.get("secrets")) for line in pipe.lines()] == [
        ("stripe", "key"),
        ("stripe", "key"),
        ("slack", None),
    ]


def test_a_flood_of_dropped_exchanges_is_one_line_in_ten_seconds(pipe):
    logs = pipe.logs()
    for _ in range(100):
        logs.debug_dropped("stripe")
    pipe.wall += QUIET
    logs.debug_dropped("stripe")
    assert len(pipe.lines()) == 2


def test_a_bug_tells_types_and_places_and_no_message(pipe):
    try:
        try:
            UpstreamFailure()  # type: ignore[call-arg]  # a mistake inside our own code would do the same
        except TypeError as error:
            raise ValueError(f"quoting {SECRET!r}") from error
    except ValueError as error:
        pipe.logs().bug("gateway", error)
    (line,) = pipe.lines()
    assert (line["event"], line["where"], line["error"]) == ("bug", "gateway", "ValueError < TypeError")
    assert "quoting" not in json.dumps(line)


def test_a_trace_names_our_own_places_only():
    try:
        as_json(NOON, "info", "call", {"a": object()})  # type: ignore[dict-item]  # json complains, deep inside
    except TypeError as error:
        trace = traced(error)["trace"]
    assert len(trace) == 1
    assert trace[0].startswith("proxy/edges/log_lines.py:")
    assert trace[0].endswith(" as_json")


def test_a_deep_trace_keeps_its_last_places():
    def dig(depth: int) -> None:
        Logs.call_ended(None, None, 0, "", 0.0) if depth == 0 else dig(depth - 1)  # type: ignore[arg-type]  # a bug is what is wanted

    with pytest.raises(AttributeError) as caught:
        dig(5)
    assert 0 < len(traced(caught.value)["trace"]) <= FRAMES


def test_an_endless_value_is_cut(pipe):
    pipe.logs().warned("x" * 50_000)
    assert len(pipe.lines()[0]["text"]) == LONGEST + 1


SHOWN = {
    "plain values stand as they are": ({"id": "a-1", "status": 503}, " id=a-1 status=503"),
    "others are quoted": ({"text": 'two "words"'}, ' text="two \\"words\\""'),
    "nothing is left out": ({"code": None, "id": "x"}, " id=x"),
    "a switch": ({"taken": False}, " taken=false"),
    "a trace": ({"trace": ["a.py:1 f", "b.py:2 g"]}, ' trace="a.py:1 f < b.py:2 g"'),
    "an escape sequence": ({"text": "\x1b[31mred\n\x9b"}, ' text="\\x1b[31mred\\x0a\\x9b"'),
    "empty": ({"text": ""}, ' text=""'),
}


@pytest.mark.parametrize(("fields", "text"), SHOWN.values(), ids=SHOWN)
def test_text(fields, text):
    assert as_text(NOON, "info", "call", fields) == "2026-09-21T14:13:20.250Z INFO    call" + text


def test_json_escapes_what_could_move_a_terminal():
    line = as_json(NOON, "info", "x", {"text": "\x1b[2J\u2028\u009b"})
    assert line.isascii()
    assert line.isprintable()


def test_auto_is_json_on_a_pipe_and_text_on_a_terminal(pipe):
    pipe.logs().warned("x")
    assert pipe.text().startswith("{")
    leader, terminal = os.openpty()
    Logs(LogSettings(), Lines(terminal), str, lambda: NOON).warned("x")
    assert os.read(leader, 1000).startswith(b"2026-09-21T14:13:20.250Z WARNING warning text=x")
    os.close(leader)
    os.close(terminal)


def test_new_settings_hold_from_now_on(pipe):
    logs = pipe.logs(level="error")
    logs.warned("x")
    logs.adopt(LogSettings(format="text"))
    logs.warned("y")
    assert pipe.text().count("\n") == 1


def test_a_full_pipe_makes_nobody_wait_and_the_next_line_says_what_is_missing(pipe):
    fcntl.fcntl(pipe.into, fcntl.F_SETPIPE_SZ, 16384)
    logs = pipe.logs()
    for number in range(400):
        logs.warned(f"line {number}")
    before = pipe.lines()
    logs.warned("after")
    after = pipe.lines()
    assert 50 < len(before) < 200
    assert [line["event"] for line in after] == ["log_dropped", "warning"]
    assert (after[0]["lines"], after[1]["text"]) == (400 - len(before), "after")


def test_a_long_line_that_was_cut_by_a_full_pipe_does_not_spoil_the_next(pipe):
    fcntl.fcntl(pipe.into, fcntl.F_SETPIPE_SZ, 4096)
    lines = Lines(pipe.into)
    assert not lines.write("x" * 6000)
    cut = pipe.text()
    assert lines.write("next")
    assert (len(cut), pipe.text(), lines.dropped) == (4096, "\nnext\n", 1)


def test_a_log_that_nobody_reads_any_more_hurts_nobody():
    out, into = os.pipe()
    os.close(out)
    lines = Lines(into)
    assert not lines.write("x")
    os.close(into)
    assert not lines.write("x")
