"""Test events against the whole program, and why the last of them was refused."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.command import Ended
from tests.support.in_process import command
from tests.support.program import Program

SECRETS = {"STRIPE_WEBHOOK_SECRET": "whsec_made-up-for-this-test", "GITHUB_WEBHOOK_SECRET": "made-up-github-secret"}


class Running(NamedTuple):
    config: Path

    def ask(self, *arguments: str, **environ: str) -> Ended:
        ended = command(self.config, "webhook", *arguments, **SECRETS | environ)
        for secret in SECRETS.values():
            assert secret not in ended.out + ended.err
        return ended


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("why")
    with ExitStack() as taken:
        sockets = [taken.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        proxy, webhooks, admin = (one.getsockname()[1] for one in sockets)
    config = folder / "config.yaml"
    config.write_text(
        f"version: 1\nlisten: {{proxy: 127.0.0.1:{proxy}, webhooks: 127.0.0.1:{webhooks}, admin: 127.0.0.1:{admin}}}\n"
        f"inbox: {{url: 'sqlite:{folder}/inbox.db'}}\n"
        "webhooks:\n  stripe: {integration: stripe}\n  github: {integration: github}\n"
    )
    program = Program(config, SECRETS)
    yield Running(config)
    program.stop()


def test_a_test_event_is_accepted_and_its_repeat_is_known(running: Running) -> None:
    ended = running.ask("send", "stripe", "payment_intent.succeeded", "--repeat")
    first, second = (line.split() for line in ended.out.splitlines())
    assert ended.code == 0
    assert first[:2] == ["200", "accepted"]
    assert second[:2] == ["200", "duplicate"]
    assert first[2] == second[2]


BAD = {  # what is sent; status and outcome; what is found
    "an old event": (("stripe", "charge.refunded", "--age", "2d"), "401 expired", "expired", True),
    "a header twice": (
        ("stripe", "charge.refunded", "--bad", "duplicate"),
        "400 ambiguous_signature",
        "duplicate_header",
        True,
    ),
    "a changed body": (("github", "push", "--bad", "body"), "401 bad_signature", "body_changed", True),
    "a stranger's secret": (("github", "push", "--bad", "secret"), "401 bad_signature", "unknown", False),
}


@pytest.mark.parametrize(("arguments", "answer", "finding", "proof"), BAD.values(), ids=BAD)
def test_what_is_refused_is_explained(
    running: Running,
    arguments: tuple[str, ...],
    answer: str,
    finding: str,
    proof: bool,  # noqa: FBT001 - a row
) -> None:
    sent = running.ask("send", *arguments)
    assert (sent.code, sent.out.rpartition(" ")[0]) == (1, answer)
    why = running.ask("verify", "--webhook", arguments[0], "--last", "--json")
    found = json.loads(why.out)
    assert (why.code, found["ok"], found["finding"], found["proof"]) == (1, False, finding, proof)
    assert found["reason"] == answer.split()[1]


def test_the_secret_of_another_webhook_is_named(running: Running) -> None:
    running.ask("send", "stripe", "charge.refunded", STRIPE_WEBHOOK_SECRET=SECRETS["GITHUB_WEBHOOK_SECRET"])
    found = json.loads(running.ask("verify", "--webhook", "stripe", "--last", "--json").out)
    assert (found["finding"], found["matched_secret"]) == ("other_secret", "github_webhook_secret")
