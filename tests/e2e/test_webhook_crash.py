"""`kill -9` at any moment: what a sender was told 2xx for is delivered, and an application can tell the repeats."""

import os
import random
import signal
import time
from pathlib import Path

from tests.support.ports import free_port
from tests.support.program import Program
from tests.support.scripted import ScriptedUpstream, plain
from tests.support.senders import SECRET, Senders

ROUNDS = int(os.environ.get("OUTRIGGER_SOAK_ROUNDS", "3"))  # `make soak` has a hundred
SENDERS = 6
PATIENCE = 60.0


def configure(folder: Path, application: str, port: int) -> Path:
    config = folder / "config.yaml"
    config.write_text(f"""\
version: 1
listen: {{proxy: 127.0.0.1:0, webhooks: 127.0.0.1:{port}, admin: 127.0.0.1:0}}
webhooks:
  stripe:
    integration: stripe
    deliver: {{url: "{application}/hooks", timeout: 2s, retry: {{waits: [1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s], jitter: 0}}}}
inbox: {{url: "sqlite:inbox.db", min_free: 0}}
log: {{requests: none}}
""")
    return config


def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    dice = random.Random()  # noqa: S311 - moments, not keys
    with ScriptedUpstream(plain(200)) as application:
        port = free_port()
        config = configure(tmp_path, application.url, port)
        senders = Senders(f"http://127.0.0.1:{port}", SENDERS)
        for _ in range(ROUNDS):
            program = Program(config, {"STRIPE_WEBHOOK_SECRET": SECRET})
            time.sleep(dice.uniform(0.05, 0.8))
            program.stop(signal.SIGKILL)
        senders.stop()
        program = Program(config, {"STRIPE_WEBHOOK_SECRET": SECRET})
        try:
            arrived = until_all(application, senders.taken)
        finally:
            program.stop()
    assert senders.taken
    processed: dict[str, bytes] = {}
    for name, body in arrived:
        assert processed.setdefault(name, body) == body  # a repeat carries the id of the first, and nothing else does
    assert senders.taken <= processed.keys()


def until_all(application: ScriptedUpstream, wanted: set[str]) -> list[tuple[str, bytes]]:
    """What arrived, once all that is wanted did, or when nobody waits any longer."""
    end = time.monotonic() + PATIENCE
    while True:
        arrived = [(seen.values(b"Outrigger-Event-Id")[0].decode(), seen.body) for seen in list(application.requests)]
        if wanted <= {name for name, _ in arrived} or time.monotonic() > end:
            return arrived
        time.sleep(0.1)
