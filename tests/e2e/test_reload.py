"""A new configuration while calls are under way: taken as a whole or not at all, and what was learnt stays."""

import threading
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import httpx
import pytest

from tests.support.program import Program
from tests.support.scripted import ScriptedUpstream, plain
from tests.support.standing import standing

FAST = "retry: {attempts: 1}\n"


def text_of(program: Program) -> str:
    """The configuration as it is in the file now."""
    return program.config.read_text()


def ready(program: Program) -> tuple[int, str]:
    """What `/readyz` answers."""
    try:
        with urlopen(f"{program.admin}/readyz") as answer:  # noqa: S310 - our own admin listener
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_valid_file_is_served_from_then_on(through, provider):
    program, _ = through()
    other = provider(plain(201))
    line = program.reload(text_of(program) + f"  more: {{url: '{other.url}'}}\n")
    assert '"taken":true' in line
    assert httpx.get(f"{program.proxy}/more/x").status_code == 201
    assert httpx.get(f"{program.proxy}/api/x").status_code == 200
    assert program.reload(text_of(program).partition("  more:")[0])
    assert httpx.get(f"{program.proxy}/more/x").status_code == 404


def test_a_changed_file_is_noticed_without_a_signal(through):
    program, _ = through(keys="body: {max: 10}")
    changed = program.config.with_suffix(".new")
    changed.write_text(text_of(program).replace("max: 10", "max: 2"))
    changed.replace(program.config)  # as editors and mounted volumes do
    program.wait_for('"event":"reload"', 5)
    assert httpx.post(f"{program.proxy}/api/x", content=b"abc").status_code == 413


INVALID = {
    "a key that does not exist": ("body: {max: 10}", "bodi: {max: 10}", "bodi"),
    "a value that cannot be": ("body: {max: 10}", "body: {max: many}", "many"),
    "no YAML at all": ("body: {max: 10}", "body: {max: 10", "YAML"),
    "a variable that is not set": ("body: {max: 10}", "body: {max: '${NOT_SET_ANYWHERE}'}", "NOT_SET_ANYWHERE"),
    "a socket that would have to move": ("admin: 127.0.0.1:0", "admin: localhost:0", "restart"),
}


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """A program whose file is refused again and again."""
    with standing(tmp_path_factory.mktemp("steady"), keys="body: {max: 10}") as (program, _):
        yield program


@pytest.mark.parametrize(("old", "new", "named"), INVALID.values(), ids=INVALID)
def test_an_invalid_file_changes_nothing_and_the_log_says_why(steady, old, new, named):
    program = steady
    good = text_of(program)
    line = program.reload(good.replace(old, new))
    assert '"taken":false' in line
    assert '"level":"error"' in line
    assert named in line
    assert httpx.post(f"{program.proxy}/api/x", content=b"ab").status_code == 200
    assert httpx.post(f"{program.proxy}/api/x", content=b"x" * 11).status_code == 413
    assert '"taken":true' in program.reload(good)


def test_what_is_wrong_is_said_once_and_not_at_every_look(through):
    program, _ = through()
    program.config.write_text("version: 1\nlisten: [")
    program.wait_for('"event":"reload"', 5)
    time.sleep(2.2)  # two more looks at the file
    assert program.output.count('"event":"reload"') == 1


def test_a_file_that_is_gone_changes_nothing(through):
    program, _ = through()
    program.config.rename(program.config.with_suffix(".old"))
    line = program.wait_for('"event":"reload".*', 5)[0]
    assert '"taken":false' in line
    assert httpx.get(f"{program.proxy}/api/x").status_code == 200


def test_calls_under_way_end_under_the_configuration_they_began_with(through):
    program, upstream = through([[0.6, plain(200, b"old")]])
    answers: list[httpx.Response] = []
    caller = threading.Thread(target=lambda: answers.append(httpx.get(f"{program.proxy}/api/x")))
    caller.start()
    program.until(lambda: len(upstream.requests) == 1)
    program.reload(text_of(program).partition("upstreams:")[0] + "upstreams: {}\n")
    assert httpx.get(f"{program.proxy}/api/x").status_code == 404
    caller.join()
    assert (answers[0].status_code, answers[0].content) == (200, b"old")


def test_no_call_is_lost_while_configurations_change(through):
    program, upstream = through()
    good = text_of(program)
    statuses: list[int] = []
    done = threading.Event()

    def ask() -> None:
        with httpx.Client() as client:
            while not done.is_set():
                statuses.append(client.get(f"{program.proxy}/api/x").status_code)

    callers = [threading.Thread(target=ask) for _ in range(8)]
    for caller in callers:
        caller.start()
    for number in range(8):  # a new pool each time
        program.reload(good + f"    timeout: {{idle: {20 + number}s}}\n")
    done.set()
    for caller in callers:
        caller.join()
    assert set(statuses) == {200}
    assert len(upstream.requests) == len(statuses)


def test_an_open_breaker_stays_open_and_a_new_url_starts_afresh(through, provider):
    program, upstream = through(keys=f"{FAST}breaker: {{failure_threshold: 2}}")
    upstream.close()
    for _ in range(3):
        answer = httpx.get(f"{program.proxy}/api/x")
    assert answer.headers["outrigger-error"] == "circuit_open"
    program.reload(text_of(program) + "    body: {max: 10}\n")
    assert httpx.get(f"{program.proxy}/api/x").headers["outrigger-error"] == "circuit_open"
    other = provider()
    program.reload(text_of(program).replace(upstream.url, other.url))
    assert httpx.get(f"{program.proxy}/api/x").status_code == 200
    assert program.metrics()['outrigger_breaker_state{state="closed",upstream="api"}'] == 1


def test_a_cooldown_stays_and_a_call_that_waits_in_it_goes_on(through):
    program, upstream = through([plain(503, b"", ("Retry-After", "2")), plain(200, b"fine")])
    answers: list[httpx.Response] = []
    caller = threading.Thread(target=lambda: answers.append(httpx.get(f"{program.proxy}/api/x")))
    caller.start()
    program.until(lambda: len(upstream.requests) == 1)
    time.sleep(0.1)
    program.reload(text_of(program) + "    cooldown: {mode: reject}\n")
    refused = httpx.get(f"{program.proxy}/api/y")
    assert (refused.status_code, refused.json()["code"]) == (429, "cooldown")
    caller.join()
    assert answers[0].content == b"fine"
    assert upstream.times()[1] - upstream.times()[0] >= 2.0


def test_a_secret_in_a_file_is_picked_up_when_it_changes(run, provider, tmp_path: Path):
    upstream: ScriptedUpstream = provider()
    secret = tmp_path / "key"
    program = run(
        f"secrets: {{key: {{file: {secret}}}}}\n"
        f"upstreams: {{api: {{url: '{upstream.url}', auth: {{type: bearer, secret: key}}}}}}\n"
    )
    answer = httpx.get(f"{program.proxy}/api/x")
    assert (answer.status_code, answer.json()["code"]) == (503, "secret_unavailable")
    status, why = ready(program)
    assert (status, "key" in why) == (503, True)
    for value in (b"first-value", b"second-value"):
        secret.write_bytes(value + b"\n")
        program.until(lambda value=value: value in _sent(program, upstream), 5)
        assert ready(program)[0] == 200
    secret.unlink()
    time.sleep(1.2)
    assert b"second-value" in _sent(program, upstream)  # the last good value is kept
    assert "-value" not in program.output


def _sent(program: Program, upstream: ScriptedUpstream) -> bytes:
    """The credential of one more call, b"" if it never left."""
    before = len(upstream.requests)
    httpx.get(f"{program.proxy}/api/x")
    return b"".join(seen.values(b"authorization")[0] for seen in upstream.requests[before:])


def test_a_reload_may_be_asked_for_over_the_admin_listener(run, provider):
    upstream = provider()
    program = run(
        "secrets: {admin_token: {env: ADMIN_TOKEN}}\nadmin: {token: admin_token}\n"
        f"upstreams: {{api: {{url: '{upstream.url}'}}}}\n",
        ADMIN_TOKEN="a-token-of-some-length",
    )
    program.config.write_text(text_of(program).replace("{api:", "{other:"))
    token = {"Authorization": "Bearer a-token-of-some-length"}
    assert httpx.post(f"{program.admin}/api/reload", headers=token).is_success
    assert httpx.get(f"{program.proxy}/other/x").status_code == 200
    assert httpx.get(f"{program.proxy}/api/x").status_code == 404
