"""Ten thousand calls against a sick provider: nothing is left over, and every call got an answer."""

import http.client
import threading
from collections import Counter
from urllib.parse import urlsplit

import httpx

from tests.support.by_hand import Peer

EACH, CALLERS = 157, 64
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SICK = b"HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\nsick"
SLOW = 0.05
BODIES = {200: b"ok", 503: b"sick"}


def flaky(upstream: Peer) -> None:
    """Of a connection's requests each tenth is answered 503, each twentieth reset, each hundredth late."""
    number = upstream.socket.getpeername()[1]  # where in the round a connection begins
    while True:
        try:
            head = upstream.head()
        except EOFError:
            return
        number += 1
        if head.startswith(b"POST"):
            upstream.exactly(4)
        if number % 20 == 7:
            upstream.reset()
            return
        if number % 100 == 51:
            late.wait(SLOW)
        upstream.send(SICK if number % 10 == 3 else FINE)


late = threading.Event()  # is never set


def callers(url: str) -> Counter[int]:
    """How often each status came, when all callers have asked at once."""
    seen: Counter[int] = Counter()
    lock = threading.Lock()

    def ask() -> None:
        mine: Counter[int] = Counter()
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        for number in range(EACH):
            method, body = ("POST", b"abcd") if number % 5 == 0 else ("GET", None)
            connection.request(method, "/api/x", body)
            answer = connection.getresponse()
            if answer.read() == BODIES.get(answer.status) or answer.status == 502:
                mine[answer.status] += 1
        connection.close()
        with lock:
            seen.update(mine)

    threads = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def test_ten_thousand_calls_leave_nothing_behind(by_hand):
    retry = "retry: {backoff: {base: 1ms, max: 5ms}, budget: {ratio: 100%, min_per_second: 1000}}"
    program, _ = by_hand(flaky, f"breaker: off\n{retry}", "log: {requests: none}\n")
    httpx.get(f"{program.proxy}/none")  # what is opened once is open
    before = program.descriptors()
    seen = callers(program.proxy)
    assert sum(seen.values()) == EACH * CALLERS
    assert seen[200] > 0.95 * EACH * CALLERS  # what can be repeated is
    assert seen.keys() <= {200, 502, 503}
    rows = program.metrics()
    assert rows['outrigger_in_flight{upstream="api"}'] == 0
    assert rows.get('outrigger_queued{upstream="api"}', 0) == 0
    assert sum(n for name, n in rows.items() if "_requests_total{" in name and 'upstream="api"' in name) == sum(
        seen.values()
    )
    assert '"event":"bug"' not in program.output
    assert program.descriptors() - before <= CALLERS + 1  # the connections that wait for another call
    text = program.config.read_text()
    program.reload(f"{text}    timeout: {{idle: 29s}}\n")  # another pool: of the old one, what is free is closed
    program.until(lambda: program.descriptors() <= before + 1, 5)  # 1: the loop keeps one in reserve
