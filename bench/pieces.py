"""Single steps in tight loops, without sockets: what can be compared on any machine with the run before."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

from proxy.edges.http1.wire import content_length, request_head, response_head
from proxy.edges.metrics import Metrics
from proxy.events import Events
from proxy.model import FINE, Call
from proxy.rules.breaker import Breaker, BreakerSettings
from proxy.rules.credentials import Secret
from proxy.rules.headers import HeaderPass
from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Verified, VerifySettings

ROUNDS, TIMES = 40, 500
SENT = (
    (b"Host", b"127.0.0.1:8600"),
    (b"User-Agent", b"Stripe/v1 PythonBindings/13.0"),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"gzip, deflate"),
    (b"Connection", b"keep-alive"),
    (b"Authorization", b"Bearer measured-by-bench"),
    (b"Stripe-Version", b"2026-01-28"),
    (b"Content-Type", b"application/x-www-form-urlencoded"),
)
EVENT = b'{"id":"evt_1","type":"charge.succeeded","data":"' + b"x" * 5_072 + b'"}'
WALL = 1_800_000_000.0
STRIPE = VerifySettings(  # as in the integration's manifest
    scheme="hmac",
    signature=("header:Stripe-Signature",),
    format="params",
    param="v1",
    signed="{timestamp}.{body}",
    timestamp="param:t",
    tolerance=300.0,
    secrets=("signing",),
)


def headers_out() -> float:
    """Eight headers passed over, and both heads written."""
    hygiene = HeaderPass()
    framing = content_length(1024)

    def step() -> None:
        onward, _ = hygiene(SENT)
        request_head("POST", b"/v1/charges", onward, framing)
        response_head(200, b"OK", onward, framing)

    return best(step)


def breaker_ok() -> float:
    """A permit and the report of a success."""
    breaker = Breaker(BreakerSettings(), 60.0)

    def step() -> None:
        breaker.report(breaker.admit(5.0), FINE.evidence, 5.0)

    return best(step)


def metrics() -> float:
    """One attempt and one call counted."""
    counted: Events = Metrics(lambda: ())
    call = Call("bench", 0.0, upstream="api", method="GET")

    def step() -> None:
        counted.attempt_ended("api", "ok", 0.02)
        counted.call_ended(call, 200, "ok", 0.02)

    return best(step)


def verified() -> float:
    """A Stripe event of 5 KiB proven by its signature."""
    scheme = compile_scheme(STRIPE)
    keys = scheme.keys([Secret("signing", b"whsec_measured")])
    mac = hmac.new(b"whsec_measured", b"%d.%b" % (WALL, EVENT), "sha256").hexdigest().encode()
    headers = (*SENT, (b"Stripe-Signature", b"t=%d,v1=%b" % (WALL, mac)))

    def step() -> None:
        if not isinstance(scheme.verify(Incoming("POST", b"/stripe", headers, EVENT), keys, WALL), Verified):
            raise ValueError("a signature that does not fit")

    return best(step)


def best(step: Callable[[], None]) -> float:
    """Microseconds of CPU; the best of many short rounds, since other work on the core only adds."""
    found = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(TIMES):
            step()
        found = min(found, (time.process_time() - began) / TIMES * 1e6)
    return found
