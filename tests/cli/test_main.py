"""The command line as a user has it: help, exit codes, and that each command reaches what it names."""

import json
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.command import Ended
from tests.support.command import typed as outrigger
from tests.support.program import PATIENCE, Program

COMMANDS = (
    *("run", "check", "init", "doctor", "explain", "env", "snippet"),
    *("tail", "show", "curl", "replay", "har", "breaker", "fault", "webhook"),
)
ROOT = Path(__file__).parents[2]
EVERY = [*COMMANDS[:-1], "health", *(f"webhook {what}" for what in ("list", "show", "redeliver", "send", "verify"))]
TEXT = """\
version: 1
listen: {proxy: 127.0.0.1:0, webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}
secrets: {admin_token: {env: ADMIN}}
admin: {token: admin_token}
debug_log: {enabled: true}
upstreams: {stripe: {integration: stripe, mode: mock, debug: {raw: true}}}
"""
Ask = Callable[..., Ended]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("user")
    (made / "config.yaml").write_text(TEXT)
    return made


@pytest.fixture(scope="module")
def past(folder: Path) -> Iterator[Program]:
    """A program that made three calls, `one`, `two` and a refused `three`, and runs on."""
    program = Program(folder / "config.yaml", {"ADMIN": "secret-word"})
    for name, path in (("one", "customers"), ("two", "charges?limit=1"), ("three", "accounts")):
        httpx.get(f"{program.proxy}/stripe/v1/{path}", headers={"Outrigger-Request-Id": name})
    with httpx.Client(base_url=program.admin, timeout=PATIENCE) as admin:
        end = time.monotonic() + PATIENCE
        while len(admin.get("/api/requests").json()["requests"]) < 3:  # the log is written a moment after the answer
            assert time.monotonic() < end, "the debug log never had all calls"
            time.sleep(0.01)
    yield program
    program.stop()


@pytest.mark.parametrize("command", EVERY)
def test_every_command_prints_help_with_an_example(tmp_path, command):
    ended = outrigger(tmp_path, *command.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"Example: outrigger {command}" in ended.out


@pytest.mark.parametrize("command", EVERY)
def test_every_command_says_which_configuration_it_reads(tmp_path, command):
    ended = outrigger(tmp_path, *command.split(), "--help")
    assert "default: $OUTRIGGER_CONFIG, else ./config.yaml" in " ".join(ended.out.split())


def test_it_says_which_version_it_is(tmp_path):
    ended = outrigger(tmp_path, "--version")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (ended.code, ended.out.strip(), ended.err) == (0, project["version"], "")


def test_the_overview_names_every_command(tmp_path):
    ended = outrigger(tmp_path, "--help")
    assert ended.code == 0
    named = ended.out.partition("Commands:")[2].split("\n")
    assert [line.split()[0] for line in named if line.strip()] == list(COMMANDS)


WRONG = {
    "no command": [],
    "an unknown command": ["serve"],
    "an unknown option": ["check", "--fast"],
    "a missing argument": ["show"],
    "one argument too many": ["show", "a", "b"],
    "a word that is none of the allowed": ["breaker", "stripe", "ajar"],
    "a fault without an effect": ["fault", "stripe"],
    "a fault that is none and one at once": ["fault", "stripe", "--off", "--reset"],
    "a state that there is not": ["webhook", "list", "--state", "late"],
    "a webhook that there is not": ["webhook", "show", "stripe"],
    "a number that is none": ["tail", "-n", "many"],
    "a state that no event has": ["webhook", "list", "--state", "lost"],
    "a status that is none": ["tail", "--status", "6xx"],
    "a configuration that is not there": ["tail", "-c", "none.yaml"],
    "no configuration to run": ["run", "-c", "none.yaml"],
    "no configuration to ask through": ["breaker", "stripe", "open", "-c", "none.yaml"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_wrong_usage_ends_with_2_and_says_why(folder, arguments):
    ended = outrigger(folder, *arguments)
    assert ended.code == 2
    assert ended.err
    assert "Traceback" not in ended.err


def test_the_variable_names_the_file_and_the_option_wins(tmp_path, folder):
    elsewhere = {"OUTRIGGER_CONFIG": str(folder / "config.yaml")}
    assert outrigger(tmp_path, "check", **elsewhere).code == 0
    assert outrigger(tmp_path, "check", "-c", "none.yaml", **elsewhere).code == 2


def test_tail_shows_past_calls_oldest_first(folder, past):
    ended = outrigger(folder, "tail")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[1] for line in ended.out.splitlines()] == ["one", "two", "three"]


FILTERS = {
    "by upstream": (["--upstream", "stripe"], ["one", "two", "three"]),
    "by a code that no call has": (["--code", "circuit_open"], []),
    "by status": (["--status", "2xx"], ["one", "two"]),
    "by code": (["--code", "out_of_scope"], ["three"]),
    "the last one": (["-n", "1"], ["three"]),
}


@pytest.mark.parametrize(("arguments", "ids"), FILTERS.values(), ids=FILTERS)
def test_tail_as_json(folder, past, arguments, ids):
    ended = outrigger(folder, "tail", "--json", *arguments)
    assert (ended.code, [json.loads(line)["id"] for line in ended.out.splitlines()]) == (0, ids)


def test_tail_of_an_upstream_that_is_not_there_is_wrong_usage(folder, past):
    ended = outrigger(folder, "tail", "--upstream", "other")
    assert (ended.code, ended.out, ended.err) == (2, "", "no upstream is called other; there are stripe\n")


def test_show_tells_a_call_to_people_and_programs(folder, past):
    people, programs = outrigger(folder, "show", "two"), outrigger(folder, "show", "two", "--json")
    assert (people.code, programs.code) == (0, 0)
    assert "> GET /v1/charges?limit=1" in people.out
    assert json.loads(programs.out)["exchanges"][0]["response"]["status"] == 200


def test_curl_prints_a_command_that_makes_the_call_again(folder, past):
    ended = outrigger(folder, "curl", "two")
    assert ended.code == 0
    assert "/stripe/v1/charges?limit=1" in ended.out
    assert json.loads(outrigger(folder, "curl", "two", "--json").out)["command"] == ended.out.strip()


@pytest.mark.parametrize("command", ["show", "curl", "replay"])
def test_an_unknown_call_ends_with_1(folder, past, command):
    ended = outrigger(folder, command, "four")
    assert (ended.code, ended.out, ended.err) == (1, "", "no call with the id four is in the debug log\n")


def test_explain_tells_a_past_call_by_its_id_and_a_ticket_of_it(folder, past):
    told, ticket = outrigger(folder, "explain", "two"), outrigger(folder, "explain", "two", "--ticket")
    assert (told.code, ticket.code) == (0, 0)
    assert told.out.startswith("GET /v1/charges?limit=1 to stripe")
    assert ticket.out.startswith("Subject: GET /v1/charges: 200")


def test_an_id_of_ours_that_is_nowhere_is_said_to_be_no_call(folder, past):
    ours = "01990a3c-5f0e-7c7e-a5b1-8d4f3e2a1b0c"
    ended = outrigger(folder, "explain", ours)
    assert (ended.code, ended.err) == (1, f"no call with the id {ours} is in the debug log\n")


def test_a_webhook_that_is_not_there_is_not_said_to_have_refused_nothing(folder):
    ended = outrigger(folder, "webhook", "show", "strpe")
    assert (ended.code, ended.out, "no webhook is called strpe" in ended.err) == (2, "", True)


def test_a_name_that_no_upstream_can_have_is_asked_for_all_the_same(folder, past):
    asking = folder / "odd.yaml"
    asking.write_text(TEXT.replace("admin: 127.0.0.1:0}", f"admin: {past.admin.removeprefix('http://')}}}"))
    ended = outrigger(folder, "breaker", "no body/x", "open", "-c", str(asking), ADMIN="secret-word")
    assert (ended.code, "nobody answers" in ended.err) == (1, False)


def test_a_breaker_is_held_through_the_file_that_the_program_runs_with(folder, past):
    # ports are picked at start, so the file that asks says where the program is
    asking = folder / "asking.yaml"
    asking.write_text(TEXT.replace("admin: 127.0.0.1:0}", f"admin: {past.admin.removeprefix('http://')}}}"))
    held = outrigger(folder, "breaker", "stripe", "open", "-c", "asking.yaml", ADMIN="secret-word")
    assert (held.code, held.out) == (0, "stripe: the breaker is open\n")
    answer = httpx.get(f"{past.proxy}/stripe/v1/customers")
    assert (answer.status_code, answer.headers["outrigger-error"]) == (503, "circuit_open")
    assert outrigger(folder, "breaker", "stripe", "auto", "-c", "asking.yaml", ADMIN="secret-word").code == 0
    unknown = outrigger(folder, "breaker", "nobody", "open", "-c", "asking.yaml", ADMIN="secret-word")
    assert (unknown.code, unknown.out) == (1, "")
    refused = outrigger(folder, "breaker", "stripe", "open", "-c", "asking.yaml", ADMIN="guess")
    assert refused.code == 1


def test_a_fault_is_asked_for_and_ended(folder, past):
    asking = folder / "asking.yaml"
    asking.write_text(TEXT.replace("admin: 127.0.0.1:0}", f"admin: {past.admin.removeprefix('http://')}}}"))

    def fault(*words: str) -> Ended:
        return outrigger(folder, "fault", "stripe", *words, "-c", "asking.yaml", ADMIN="secret-word")

    struck = fault("--match", "GET /v1/customers", "--status", "418", "-H", "X-Why: drill", "--for", "1m")
    assert (struck.code, struck.out) == (0, "stripe: faults for 1m\n")
    answer = httpx.get(f"{past.proxy}/stripe/v1/customers")
    assert (answer.status_code, answer.headers["x-why"], answer.headers["outrigger-fault"]) == (418, "drill", "true")
    assert httpx.get(f"{past.proxy}/stripe/v1/charges").status_code == 200
    assert fault("--off").out == "stripe: no faults asked for\n"
    assert httpx.get(f"{past.proxy}/stripe/v1/customers").status_code == 200
    refused = fault("--status", "42")
    assert (refused.code, refused.out) == (1, "")
    assert "a status from 200 to 599" in refused.err


def test_what_asks_a_program_that_does_not_run_ends_with_1(tmp_path):
    (tmp_path / "config.yaml").write_text(f"listen: {{admin: 'unix:{tmp_path}/none.sock'}}\n")
    ended = outrigger(tmp_path, "breaker", "stripe", "open")
    assert (ended.code, ended.out) == (1, "")
    assert "nobody answers at unix:" in ended.err
