"""A program that is told to stop: what was begun is ended, what comes later is not begun, and nobody waits for ever."""

import signal
import threading
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import httpx
import pytest

from tests.support.by_hand import connect
from tests.support.scripted import plain

GET = b"GET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n"


def ready(program) -> int:
    """What `/readyz` answers."""
    try:
        with urlopen(f"{program.admin}/readyz") as answer:  # noqa: S310 - our own admin listener
            return answer.status
    except HTTPError as error:
        with error:
            return error.code


class Caller(threading.Thread):
    """Asks again and again until it finds nobody; `halved` are answers that were begun and not ended, or never came."""

    def __init__(self, url: str, *, stay: bool) -> None:
        super().__init__()
        self._url = url
        self._stay = stay
        self.whole = 0
        self.halved: list[str] = []

    def run(self) -> None:
        while True:
            try:
                client = connect(self._url)
            except ConnectionError:  # refused, or taken by the kernel and reset as the socket closed
                return
            with client:
                if not self._ask(client):
                    return

    def _ask(self, client) -> bool:
        """One call, or as many as the connection takes; False: there is nobody any more."""
        while True:
            try:
                client.send(GET)
                head = client.head()
            except EOFError as left:
                if left.args[0]:
                    self.halved.append(f"half a head: {left}")
                return False  # closed before the request was taken: never accepted
            except ConnectionError:
                return False
            try:
                assert head.startswith(b"HTTP/1.1 200"), head
                assert client.exactly(1000) == bytes(1000)
            except (EOFError, OSError, AssertionError) as error:
                self.halved.append(repr(error))
                return False
            self.whole += 1
            if b"connection: close" in head.lower() or not self._stay:
                return True


@pytest.mark.parametrize("stay", [True, False], ids=["connections that are kept", "a connection a call"])
def test_no_call_in_flight_is_lost(through, stay):
    program, upstream = through([lambda seen: [0.02, plain(200, bytes(1000))]])
    callers = [Caller(program.proxy, stay=stay) for _ in range(40)]
    for caller in callers:
        caller.start()
    program.until(lambda: len(upstream.requests) > 400)
    assert program.stop() == 0
    for caller in callers:
        caller.join()
    assert [one for caller in callers for one in caller.halved] == []
    assert sum(caller.whole for caller in callers) == len(upstream.requests)  # what reached the provider was answered


def test_a_second_signal_ends_it_at_once(through):
    program, upstream = through([[15.0, plain()]])
    with connect(program.proxy) as client:
        client.send(GET)
        program.until(lambda: len(upstream.requests) == 1)
        program.process.send_signal(signal.SIGTERM)
        program.until(lambda: ready(program) == 503)
        assert program.process.poll() is None
        began = time.monotonic()
        assert program.stop(signal.SIGINT) != 0
        assert time.monotonic() - began < 8  # and not the 15 of the call
        assert client.ended()


def refused(program):
    """True once nobody listens any more; `/readyz` may say so a moment earlier."""
    try:
        with connect(program.proxy):
            pass
    except ConnectionRefusedError:
        return True
    return False


def test_while_it_drains_nobody_is_accepted_and_readyz_says_so(through):
    program, upstream = through([[1.0, plain(200, b"late")]])
    assert ready(program) == 200
    with connect(program.proxy) as client:
        client.send(GET)
        program.until(lambda: len(upstream.requests) == 1)
        program.process.send_signal(signal.SIGTERM)
        program.until(lambda: ready(program) == 503, 0.9)
        program.until(lambda: refused(program), 0.9)
        head = client.head()
        assert b"connection: close" in head.lower()
        assert client.rest() == b"late"
    assert program.process.wait(5) == 0


def test_after_the_grace_what_is_left_is_cut(through):
    program, upstream = through([[10.0, plain()]], more="shutdown: {grace: 500ms}\n")
    with connect(program.proxy) as client:
        client.send(GET)
        program.until(lambda: len(upstream.requests) == 1)
        began = time.monotonic()
        assert program.stop() == 0
        assert 0.5 <= time.monotonic() - began < 2.5
        assert client.ended()


def test_a_call_that_waits_gets_the_answer_it_has(through):
    program, upstream = through([plain(503, b"sick", ("Retry-After", "10"))], more="shutdown: {grace: 2s}\n")
    answers = []
    caller = threading.Thread(target=lambda: answers.append(httpx.get(f"{program.proxy}/api/x")))
    caller.start()
    program.until(lambda: len(upstream.requests) == 1)
    time.sleep(0.1)
    began = time.monotonic()
    assert program.stop() == 0
    caller.join()
    assert time.monotonic() - began < 2
    assert (answers[0].status_code, answers[0].content) == (503, b"sick")
    assert answers[0].headers["outrigger-retry-stopped"] == "draining"


def test_a_connection_that_only_idles_does_not_hold_the_stop_up(through):
    program, _ = through()
    with connect(program.proxy) as client, connect(program.proxy):
        client.send(GET)
        client.head()
        began = time.monotonic()
        assert program.stop() == 0
        assert time.monotonic() - began < 3
