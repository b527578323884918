"""What the application gets when no upstream answered it, and what is added when one did."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.body import Whole
from proxy.errors import CODES, Refusal, UpstreamFailure
from proxy.model import Call, Response
from proxy.rules.answer import ErrorSettings, NativeSettings, NativeShape, made_here, signed


def call(**more):
    return Call("req-1", 0.0, upstream="stripe", **more)


def content(response):
    return asyncio.run(response.body.read())


def names(headers):
    return dict(headers)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_status_and_its_problem(code):
    response = made_here(Refusal(code, "Why."), call())
    assert response.status == CODES[code].status
    assert names(response.headers)[b"Outrigger-Error"] == code.encode()
    assert json.loads(content(response)) == {
        "type": "about:blank",
        "title": CODES[code].title,
        "status": CODES[code].status,
        "detail": "Why.",
        "code": code,
        "upstream": "stripe",
        "request_id": "req-1",
    }


def test_a_wait_is_told_in_whole_seconds_rounded_up():
    response = made_here(Refusal("circuit_open", retry_after=36.2), call())
    assert names(response.headers)[b"Retry-After"] == b"37"
    assert json.loads(content(response))["retry_after"] == 37


def test_a_wait_of_less_than_a_second_is_one():
    assert names(made_here(Refusal("rate_limited", retry_after=0.01), call()).headers)[b"Retry-After"] == b"1"


def test_retry_after_can_be_switched_off():
    response = made_here(Refusal("cooldown", retry_after=3), call(), ErrorSettings(retry_after=False))
    assert b"Retry-After" not in names(response.headers)


def test_an_unknown_upstream_is_not_named():
    assert "upstream" not in json.loads(content(made_here(Refusal("unknown_upstream"), Call("r", 0.0))))


def test_proxy_status_says_error_and_details():
    headers = names(made_here(Refusal("bad_request", 'a "quoted" \\ word: gr\u00fc\u00dfe'), call()).headers)
    assert headers[b"Proxy-Status"] == (
        b'outrigger; error=http_request_error; details="a \\"quoted\\" \\\\ word: gr??e"'
    )


def test_a_failure_may_have_a_token_more_exact_than_its_code():
    failure = UpstreamFailure("tls_error", sent=False, token="tls_certificate_error")
    assert b"error=tls_certificate_error;" in names(made_here(failure, call()).headers)[b"Proxy-Status"]


def test_a_refusal_tells_the_sdk_not_to_multiply():
    headers = names(made_here(Refusal("circuit_open"), call()).headers)
    assert headers[b"X-Should-Retry"] == headers[b"Stripe-Should-Retry"] == b"false"


def test_so_does_an_address_that_is_not_allowed():
    headers = names(made_here(UpstreamFailure("egress_denied", sent=False), call(attempts=1)).headers)
    assert headers[b"X-Should-Retry"] == headers[b"Stripe-Should-Retry"] == b"false"


SPENT = {
    "attempts": True,
    "deadline": True,
    "budget": True,
    "circuit_open": True,
    "off": False,
    "not_idempotent": False,
}


@pytest.mark.parametrize(("stopped", "spent"), SPENT.items())
def test_a_failure_tells_it_only_where_nothing_is_left_to_get(stopped, spent):
    lost = call(attempts=3, stopped=stopped)
    failure = made_here(UpstreamFailure("upstream_reset", sent=True), lost)
    headers = signed(failure, lost)
    assert (headers.count((b"X-Should-Retry", b"false")) == 1) is spent
    assert (b"Outrigger-Retry-Stopped", stopped.encode()) in headers


def test_a_refusal_that_met_a_repeat_says_it_once():
    lost = call(attempts=1, stopped="circuit_open")
    headers = signed(made_here(Refusal("circuit_open"), lost), lost)
    assert headers.count((b"X-Should-Retry", b"false")) == 1


def test_an_address_that_is_not_allowed_is_not_worth_a_second_call():
    headers = made_here(UpstreamFailure("egress_denied", sent=False), call(attempts=1)).headers
    assert (b"X-Should-Retry", b"false") in headers


def test_the_providers_word_does_not_stand_beside_ours():
    upstream = Response(500, b"", ((b"stripe-should-retry", b"true"), (b"A", b"1")), Whole(), 0)
    headers = signed(upstream, call(attempts=3, stopped="attempts"))
    assert [value for name, value in headers if name.lower() == b"stripe-should-retry"] == [b"false"]
    assert (b"A", b"1") in headers


def test_a_fine_answer_gets_its_id_and_its_attempts():
    fine = Response(200, b"", ((b"Set-Cookie", b"a"), (b"Set-Cookie", b"b")), Whole(), 0)
    assert signed(fine, call(attempts=1)) == (
        (b"Set-Cookie", b"a"),
        (b"Set-Cookie", b"b"),
        (b"Outrigger-Request-Id", b"req-1"),
        (b"Outrigger-Attempts", b"1"),
    )


def test_what_never_went_upstream_has_no_attempts():
    assert signed(made_here(Refusal("out_of_scope"), call()), call())[-1] == (b"Outrigger-Request-Id", b"req-1")


STRIPE = NativeSettings(
    default=NativeShape(body='{"error":{"code":"{code}","message":"{detail}","status":{status}}}'),
    by_code={"cooldown": NativeShape(status=200, body='{"ok":false,"after":"{retry_after}"}')},
)
SOAP = NativeSettings(
    default=NativeShape(status=500, content_type="as_request", body="<f>{detail}</f>", body_soap12="<g>{detail}</g>")
)
NATIVE = ErrorSettings(style="native")


def test_a_native_error_is_in_the_providers_shape_and_keeps_our_headers():
    response = made_here(Refusal("circuit_open", 'a "b"'), call(), NATIVE, STRIPE)
    assert (response.status, content(response)) == (
        503,
        b'{"error":{"code":"circuit_open","message":"a \\"b\\"","status":503}}',
    )
    assert {b"Outrigger-Error", b"Proxy-Status", b"X-Should-Retry"} <= set(names(response.headers))


def test_a_code_may_have_a_shape_of_its_own():
    response = made_here(Refusal("cooldown", retry_after=2.5), call(), NATIVE, STRIPE)
    assert (response.status, content(response)) == (200, b'{"ok":false,"after":"3"}')


SOAPS = {
    "as the request was: 1.1": (b"text/xml", b"text/xml; charset=utf-8", b"<f>a &lt; b</f>"),
    "as the request was: 1.2": (
        b"application/soap+xml; a=b",
        b"application/soap+xml; charset=utf-8",
        b"<g>a &lt; b</g>",
    ),
    "no word of it: 1.1": (b"", b"text/xml; charset=utf-8", b"<f>a &lt; b</f>"),
}


@pytest.mark.parametrize(("asked", "told", "body"), SOAPS.values(), ids=SOAPS)
def test_soap(asked, told, body):
    response = made_here(Refusal("circuit_open", "a < b"), call(notes={b"content-type": asked}), NATIVE, SOAP)
    assert (response.status, names(response.headers)[b"Content-Type"], content(response)) == (500, told, body)


@given(st.text())
def test_no_detail_breaks_a_document_or_a_header(detail):
    response = made_here(Refusal("bad_request", detail), call(), NATIVE, STRIPE)
    assert json.loads(content(response))["error"]["message"] == (detail or "Bad request.")
    assert all(0x20 <= byte < 0x7F for _, value in response.headers for byte in value)
