"""Two Outriggers on one PostgreSQL inbox: they share the deliveries, and one that dies loses nothing."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.postgres import NoPostgres, PostgresServer
from tests.support.program import LISTEN, Program
from tests.support.scripted import ScriptedUpstream, plain
from tests.support.senders import SECRET, event, proof

EVENTS = 40


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    try:
        server = PostgresServer()
    except NoPostgres as reason:
        pytest.skip(f"NO POSTGRESQL: {reason}")
    yield server.database()
    server.close()


@contextlib.contextmanager
def running(folder: Path, url: str, application: str) -> Iterator[Program]:
    folder.mkdir()
    config = folder / "config.yaml"
    config.write_text(f"""\
version: 1
{LISTEN}
webhooks:
  stripe: {{integration: stripe, deliver: {{url: "{application}/{folder.name}", timeout: 1s, concurrency: 2}}}}
inbox: {{url: "{url}"}}
""")
    program = Program(config, {"STRIPE_WEBHOOK_SECRET": SECRET})
    yield program
    program.stop()


def test_two_share_the_deliveries_and_one_that_dies_loses_nothing(tmp_path: Path, database: str) -> None:
    with (
        ScriptedUpstream([0.05, plain(200)]) as application,
        running(tmp_path / "one", database, application.url) as one,
        running(tmp_path / "two", database, application.url) as two,
    ):

        def by_whom() -> set[bytes]:
            return {seen.target for seen in list(application.requests)}

        def arrived() -> set[str]:
            return {seen.values(b"Outrigger-Event-Id")[0].decode() for seen in list(application.requests)}

        bodies = {f"evt_{number}": event(f"evt_{number}") for number in range(EVENTS)}
        with httpx.Client() as sender:
            for number, body in enumerate(bodies.values()):
                base = (one, two)[number % 2].webhooks
                assert sender.post(f"{base}/stripe", content=body, headers=proof(body)).status_code == 200
                repeat = sender.post(f"{two.webhooks}/stripe", content=body, headers=proof(body))
                assert repeat.status_code == 200  # whoever took the first
        one.until(lambda: by_whom() == {b"/one", b"/two"})
        one.stop(signal.SIGKILL)
        two.until(lambda: arrived() == bodies.keys(), seconds=60)
        left = f"{two.admin}/api/webhooks/events?state=pending"
        two.until(lambda: httpx.get(left).json()["events"] == [], seconds=60)
