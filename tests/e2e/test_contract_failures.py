"""Each way in which an upstream cannot be reached, and what an application's SDK is told of it."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.authority import Authority, server_side
from tests.support.by_hand import ByHand, Peer
from tests.support.program import Program
from tests.support.standing import LISTEN

ONE = "retry: {attempts: 1}, breaker: off, timeout: {connect: 300ms, first_byte: 300ms, idle: 5s}"


class Full:
    """A port whose queue of connections is full: whoever connects waits for ever."""

    def __init__(self) -> None:
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(0)
        self.port = self._listening.getsockname()[1]
        self._waiting = [socket.socket() for _ in range(4)]
        for one in self._waiting:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(("127.0.0.1", self.port))

    def close(self) -> None:
        for one in (*self._waiting, self._listening):
            one.close()


def silent(peer: Peer) -> None:
    peer.head()
    with contextlib.suppress(TimeoutError, OSError):
        peer.socket.recv(1)


def hanging_up(peer: Peer) -> None:
    peer.head()


def babbling(peer: Peer) -> None:
    peer.head()
    peer.send(b"220 smtp.example ready\r\n\r\n")


def greeting(peer: Peer) -> None:
    peer.send(b"220 smtp.example ready\r\n")
    with contextlib.suppress(TimeoutError, OSError):
        peer.socket.recv(1 << 16)


def switching(peer: Peer) -> None:
    peer.head()
    peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")


class Secure:
    """A port with a certificate that nobody vouches for."""

    def __init__(self, folder: Path) -> None:
        context = server_side(Authority(folder).certificate("localhost", self_signed=True))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, args=(context,), daemon=True).start()

    def _serve(self, context: ssl.SSLContext) -> None:
        while True:
            with contextlib.suppress(OSError):
                try:
                    opened, _ = self._listening.accept()
                except OSError:
                    return
                context.wrap_socket(opened, server_side=True).close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


FAILURES = {  # upstream: code, status, RFC 9209 error
    "refused": ("connect_refused", 502, "connection_refused"),
    "full": ("connect_timeout", 504, "connection_timeout"),
    "nowhere": ("dns_error", 502, "dns_error"),
    "private": ("egress_denied", 502, "destination_ip_prohibited"),
    "unsigned": ("tls_error", 502, "tls_certificate_error"),
    "plain": ("tls_error", 502, "tls_protocol_error"),
    "silent": ("upstream_timeout", 504, "http_response_timeout"),
    "hanging": ("upstream_reset", 502, "connection_terminated"),
    "babbling": ("upstream_protocol_error", 502, "http_protocol_error"),
    "switching": ("upstream_protocol_error", 502, "http_protocol_error"),
    "secretive": ("secret_unavailable", 503, "proxy_configuration_error"),
}


@pytest.fixture(scope="module")
def sick(tmp_path_factory) -> Iterator[Program]:
    """One program with an upstream for each failure."""
    folder = tmp_path_factory.mktemp("sick")
    served = {"silent": silent, "hanging": hanging_up, "babbling": babbling, "switching": switching}
    served["plain"] = greeting
    full, secure = Full(), Secure(folder)
    by_hand = {name: ByHand(play) for name, play in served.items()}
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    urls = {name: one.url for name, one in by_hand.items()}
    urls["refused"] = urls["secretive"] = f"http://127.0.0.1:{port}"
    urls["full"] = f"http://127.0.0.1:{full.port}"
    urls["nowhere"] = "http://nowhere.invalid"
    urls["private"] = f"http://localhost:{port}"
    urls["unsigned"] = f"https://127.0.0.1:{secure.port}"
    urls["plain"] = f"https://127.0.0.1:{by_hand['plain'].port}"
    lines = [f"  {name}: {{url: '{url}', {ONE}}}" for name, url in urls.items()]
    lines = [
        line.replace(ONE, f"{ONE}, auth: {{type: bearer, secret: gone}}") if "secretive" in line else line
        for line in lines
    ]
    text = f"{LISTEN}secrets: {{gone: {{env: NOT_THERE}}}}\nupstreams:\n" + "\n".join(lines) + "\n"
    (folder / "config.yaml").write_text(text)
    program = Program(folder / "config.yaml")
    yield program
    program.stop()
    for one in (full, secure, *by_hand.values()):
        one.close()


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_its_code_its_status_and_its_word_of_the_rfc(sick, name):
    code, status, token = FAILURES[name]
    answer = httpx.get(f"{sick.proxy}/{name}/x", timeout=20)
    assert (answer.status_code, answer.json()["code"], answer.headers["outrigger-error"]) == (status, code, code)
    assert answer.headers["proxy-status"].startswith(f"outrigger; error={token}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "127.0.0.1" not in answer.text + answer.headers["proxy-status"]
    tried = None if code == "secret_unavailable" else "1"
    assert answer.headers.get("outrigger-attempts") == tried


WISHES = ["soon", "0", "-1", "nan", "inf", "1e3", "86401", "", "1,5", "2 s"]


@pytest.mark.parametrize("wish", WISHES)
def test_a_time_that_cannot_be_wished_for_is_refused(sick, wish):
    answer = httpx.get(f"{sick.proxy}/refused/x", headers={"Outrigger-Timeout": wish})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("wish", ["2.5", "0.5", "86400"])
def test_any_other_time_may_be(sick, wish):
    answer = httpx.get(f"{sick.proxy}/refused/x", headers={"Outrigger-Timeout": wish})
    assert answer.headers["outrigger-error"] == "connect_refused"
