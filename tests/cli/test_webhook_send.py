"""`outrigger webhook send` against a listener that writes down what it gets."""

import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.command import Ended
from tests.support.in_process import command

SECRET = "whsec_made-up"


class Sink:
    """A listener for webhooks and a stand-in for the admin listener, which counts `outcome` for each request."""

    def __init__(self) -> None:
        self.got: list[tuple[str, list[tuple[str, str]], bytes]] = []
        self.statuses = [200]
        self.outcome = "accepted"
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.got.append((self.path, self.headers.items(), body))
                self._answer(sink.statuses[min(len(sink.got), len(sink.statuses)) - 1], b"")

            def do_GET(self) -> None:
                labels = f'outcome="{sink.outcome}",webhook="stripe"'
                rows = f"outrigger_webhook_events_total{{{labels}}} {len(sink.got)}.0\n"
                self._answer(200, (rows + 'outrigger_webhook_events_total{outcome="x",webhook="y"} 9.0\n').encode())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.servers = [HTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        self.address, self.admin = (f"127.0.0.1:{one.server_port}" for one in self.servers)
        self.threads = [threading.Thread(target=one.serve_forever, args=(0.01,)) for one in self.servers]
        for thread in self.threads:
            thread.start()

    def close(self) -> None:
        for server, thread in zip(self.servers, self.threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    one = Sink()
    yield one
    one.close()


@pytest.fixture
def config(tmp_path: Path, sink: Sink) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(
        f"version: 1\nlisten: {{webhooks: '{sink.address}', admin: '{sink.admin}', proxy: 127.0.0.1:1}}\n"
        "webhooks:\n  stripe: {integration: stripe, deliver: {url: http://127.0.0.1:9/, mode: sync}}\n"
    )
    return path


def sent(config: Path, *arguments: str, stdin: bytes | None = None, secret: str = SECRET) -> Ended:
    ended = command(config, "webhook", "send", "stripe", *arguments, stdin=stdin, STRIPE_WEBHOOK_SECRET=secret)
    assert SECRET not in ended.out + ended.err
    return ended


def test_a_signed_sample_goes_to_the_local_listener(config: Path, sink: Sink) -> None:
    ended = sent(config, "charge.refunded", "--set", "/data/object/amount=7")
    ((path, headers, body),) = sink.got
    assert (ended.code, ended.err, path) == (0, "", "/stripe")
    assert ended.out == f"200 accepted {json.loads(body)['id']}\n"
    assert json.loads(body)["data"]["object"]["amount"] == 7
    time, _, signature = dict(headers)["Stripe-Signature"].partition(",v1=")
    expected = hmac.new(SECRET.encode(), f"{time[2:]}.".encode() + body, "sha256").hexdigest()
    assert signature == expected


def test_the_outcome_is_what_the_program_counted(config: Path, sink: Sink) -> None:
    sink.statuses, sink.outcome = [401], "expired"
    ended = sent(config, "charge.refunded", "--age", "2d", "--json")
    assert ended.code == 1
    assert json.loads(ended.out) == {
        "status": 401,
        "outcome": "expired",
        "event_id": json.loads(sink.got[0][2])["id"],
    }


def test_an_address_that_does_not_speak_tls_is_told_so(config: Path, sink: Sink) -> None:
    ended = sent(config, "charge.refunded", "--to", f"https://{sink.address}/stripe")
    assert (ended.code, ended.out) == (1, "")
    assert f"TLS with {sink.address} fails" in ended.err


def test_several_events_have_ids_of_their_own(config: Path, sink: Sink) -> None:
    ended = sent(config, "charge.refunded", "--count", "3")
    assert ended.code == 0
    assert len({json.loads(body)["id"] for _, _, body in sink.got}) == 3
    assert len(ended.out.splitlines()) == 3


def test_a_repeat_is_the_same_event_to_the_byte(config: Path, sink: Sink) -> None:
    assert sent(config, "charge.refunded", "--repeat").code == 0
    first, second = sink.got
    assert first == second


def test_one_refusal_among_several_ends_with_1(config: Path, sink: Sink) -> None:
    sink.statuses = [503, 200]
    assert sent(config, "charge.refunded", "--count", "2").code == 1


def test_a_header_can_go_twice(config: Path, sink: Sink) -> None:
    sent(config, "charge.refunded", "--bad", "duplicate")
    assert [name for name, _ in sink.got[0][1]].count("Stripe-Signature") == 2


def test_an_unknown_type_is_said(config: Path, sink: Sink) -> None:
    ended = sent(config, "thing.made")
    assert ended.code == 0
    assert ended.err.startswith("no sample 'thing.made': sending a generic body of stripe; samples: charge.")
    assert json.loads(sink.got[0][2])["type"] == "thing.made"


def test_a_body_of_ones_own_and_another_address(config: Path, sink: Sink) -> None:
    ended = sent(config, "any", "--body", "-", "--to", f"http://{sink.address}/elsewhere?a=1", stdin=b'{"id":"mine"}')
    assert (ended.code, ended.out) == (0, "200 accepted mine\n")
    assert (sink.got[0][0], sink.got[0][2]) == ("/elsewhere?a=1", b'{"id":"mine"}')


def test_a_secret_that_is_not_set_is_said_with_its_variable(config: Path, sink: Sink) -> None:
    ended = sent(config, "charge.refunded", secret="")
    assert (ended.code, ended.out, sink.got) == (1, "", [])
    assert "STRIPE_WEBHOOK_SECRET" in ended.err


def test_nobody_at_the_address_is_said(config: Path) -> None:
    ended = sent(config, "charge.refunded", "--to", "http://127.0.0.1:9/")
    assert (ended.code, ended.out) == (1, "")
    assert "nobody answers at 127.0.0.1:9" in ended.err


WRONG = {
    "a change without a value": ("--set", "/amount"),
    "a change of no pointer": ("--set", "amount=5"),
    "an age that is none": ("--age", "old"),
    "an address that is none": ("--to", "stripe"),
    "a file that is not there": ("--body", "/nonexistent"),
    "nothing that can be bad": ("--bad", "luck"),
    "no event at all": ("--count", "0"),
    "a private key where the secret signs": ("--key", __file__),
}


@pytest.mark.parametrize("more", WRONG.values(), ids=WRONG)
def test_wrong_usage_ends_with_2(config: Path, sink: Sink, more: tuple[str, ...]) -> None:
    ended = sent(config, "charge.refunded", *more)
    assert (ended.code, ended.out, sink.got) == (2, "", [])
    assert ended.err


def test_a_webhook_that_is_not_configured_is_said_with_those_that_are(config: Path) -> None:
    ended = command(config, "webhook", "send", "strip", "charge.refunded")
    assert ended.code == 2
    assert "did you mean stripe?" in ended.err
