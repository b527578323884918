"""Each call is heard of exactly once at its start and once at its end."""

import asyncio

import pytest

from proxy.body import Whole
from proxy.errors import ClientGone, ProxyError, Refusal, UpstreamFailure
from proxy.model import Call, Headers, Request, Response
from proxy.pipeline import onion
from proxy.stages.observe import ObserveStage
from tests.support.attempts import Heard
from tests.support.provider import Line, Provider, answer, clock


class Observed:
    def __init__(self, *script: Line, id_headers: tuple[str, ...] = ()) -> None:
        self.heard = Heard()
        self.call = Call("id", 0.0)
        loop = asyncio.get_running_loop()
        stage = ObserveStage("stripe", clock=clock(loop), events=self.heard, id_headers=id_headers)
        self._handler = onion([stage], Provider(loop, script))

    async def __call__(self) -> Response:
        return await self._handler(Request("GET", b"/", (), None, self.call))


ANSWERS = {200: "ok", 302: "ok", 404: "upstream_error", 503: "upstream_error"}


@pytest.mark.parametrize(("status", "outcome"), ANSWERS.items())
async def test_an_answer_ends_its_call_when_its_body_is_over(status, outcome):
    observed = Observed(2.0, answer(status))
    response = await observed()
    assert observed.heard.all == [("started", "stripe")]
    await asyncio.sleep(3.0)
    response.close()
    response.close()
    assert observed.heard.all == [("started", "stripe"), ("ended", status, outcome, 5.0)]


RAISED = {
    "a refusal ends by its code": (Refusal("rate_limited"), 429, "rate_limited"),
    "a failure ends by its code": (UpstreamFailure("connect_timeout", sent=False), 504, "connect_timeout"),
    "a client that went got no status": (ClientGone(), 0, "client_gone"),
    "a cancelled call is a client that went": (asyncio.CancelledError(), 0, "client_gone"),
    "a bug is an internal error": (LookupError("a bug"), 500, "internal_error"),
}


@pytest.mark.parametrize(("error", "status", "outcome"), RAISED.values(), ids=RAISED)
async def test_raised(error, status, outcome):
    observed = Observed(1.0, error)
    with pytest.raises(type(error)):
        await observed()
    assert observed.heard.all == [("started", "stripe"), ("ended", status, outcome, 1.0)]


@pytest.mark.parametrize("error", [Refusal("rate_limited", "why"), UpstreamFailure("tls_error", "why", sent=False)])
async def test_why_a_call_was_refused_or_failed_is_noted(error):
    observed = Observed(error)
    with pytest.raises(type(error)):
        await observed()
    assert observed.call.reason == "why"


BROKEN = {
    "a body that broke off counts under its failure": (UpstreamFailure("upstream_reset", sent=True), "upstream_reset"),
    "an application that left during the body": (ClientGone(), "client_gone"),
    "an upload that stopped during the answer": (Refusal("request_timeout"), "request_timeout"),
}


@pytest.mark.parametrize(("failure", "outcome"), BROKEN.values(), ids=BROKEN)
async def test_broken(failure: ProxyError, outcome: str) -> None:
    observed = Observed(answer(200))
    (await observed()).close(failure)
    assert observed.heard.of("ended") == [(200, outcome, 0.0)]


async def test_a_body_that_broke_off_is_not_repeated_since_the_answer_had_begun():
    observed = Observed(answer(200))
    (await observed()).close(UpstreamFailure("upstream_reset", sent=True))
    assert observed.call.stopped == "response_started"
    assert observed.heard.of("stopped") == [("response_started",)]


async def test_an_earlier_word_for_why_it_was_not_repeated_stays():
    observed = Observed(answer(503))
    observed.call.stopped = "attempts"
    (await observed()).close(UpstreamFailure("upstream_reset", sent=True))
    assert (observed.call.stopped, observed.heard.of("stopped")) == ("attempts", [])


async def test_an_answer_made_here_counts_under_its_code():
    observed = Observed(Response(503, b"", (), Whole(), 0, made_here="circuit_open"))
    (await observed()).close()
    assert observed.heard.of("ended") == [(503, "circuit_open", 0.0)]


IDS: dict[str, tuple[tuple[str, ...], Headers, str | None]] = {
    "a common name": ((), ((b"Request-Id", b"req_1"),), "req_1"),
    "another common name": ((), ((b"Twilio-Request-Id", b"RQ1"),), "RQ1"),
    "of two, the first of our list": (
        (),
        ((b"CF-Ray", b"8f"), (b"Request-Id", b"req_1"), (b"X-Request-Id", b"x")),
        "req_1",
    ),
    "the integration's own name": (("X-Trace",), ((b"x-trace", b"t-1"), (b"Request-Id", b"req_1")), "t-1"),
    "and no other then": (("X-Trace",), ((b"Request-Id", b"req_1"),), None),
    "none": ((), ((b"Content-Type", b"text/plain"),), None),
}


@pytest.mark.parametrize(("names", "headers", "found"), IDS.values(), ids=IDS)
async def test_provider_id(names, headers, found):
    observed = Observed(answer(headers=headers), id_headers=names)
    await observed()
    assert observed.call.provider_id == found


async def test_a_provider_that_makes_up_names_is_still_read():
    headers = tuple((b"x-made-up-%d" % number, b"1") for number in range(2000))
    observed = Observed(answer(headers=(*headers, (b"Request-Id", b"req_1"))))
    await observed()
    assert observed.call.provider_id == "req_1"
