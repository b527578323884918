"""What a log line, a header, a target and a body look like once redacted."""

import base64
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.rules.redaction import Redactor
from proxy.rules.sensitive import marks

LIVE = b"sk_live_0123456789"


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.learn("stripe_key", LIVE)
    redactor.learn("pin", b"x7")
    return redactor


def test_a_log_line_loses_values(redactor):
    assert redactor.text(f"failed with {LIVE.decode()}!") == "failed with [redacted stripe_key]!"


def test_a_short_value_does_not_tear_up_log_lines_or_bodies(redactor):
    assert redactor.text("index7") == "index7"
    assert redactor.body(b"index7", b"text/plain") == b"index7"


def test_a_short_value_is_taken_out_of_headers_and_targets(redactor):
    assert redactor.headers(((b"X-Note", b"index7"),)) == ((b"X-Note", b"inde[redacted pin]"),)
    assert redactor.target(b"/v1?who=x7") == b"/v1?who=[redacted pin]"


def test_a_value_that_was_replaced_by_a_newer_one_is_still_taken_out(redactor):
    redactor.learn("stripe_key", b"sk_live_newer_0123")
    assert redactor.text(f"{LIVE.decode()} sk_live_newer_0123") == "[redacted stripe_key] [redacted stripe_key]"


def test_of_two_values_the_longer_one_names_the_place(redactor):
    redactor.learn("longer", LIVE + b"_and_more")
    assert redactor.text(f"{LIVE.decode()}_and_more") == "[redacted longer]"


def test_an_empty_value_is_not_looked_for(redactor):
    redactor.learn("nothing", b"")
    assert redactor.text("quiet") == "quiet"


def test_a_line_that_is_no_unicode_passes(redactor):
    line = b"\xff".decode("utf-8", "surrogateescape") + LIVE.decode()
    assert redactor.text(line) == b"\xff".decode("utf-8", "surrogateescape") + "[redacted stripe_key]"


HIDDEN = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-csrf-token",
    "x-amz-security-token",
    "stripe-signature",
    "x-hub-signature",
    "x-hub-signature-256",
]


@pytest.mark.parametrize("name", HIDDEN)
def test_these_headers_lose_their_whole_value_in_any_case(redactor, name):
    seen = redactor.headers(((name.title().encode(), b"anything"), (b"Accept", b"*/*")))
    assert seen == ((name.title().encode(), f"[redacted {name}]".encode()), (b"Accept", b"*/*"))


def test_injected_and_configured_headers_lose_their_whole_value(redactor):
    own = marks(("X-Customer", "/card", "form:Body"), ("X_Partner-Key",))
    headers = ((b"x-customer", b"me"), (b"X-Partner-Key", b"theirs"), (b"Body", b"kept"))
    assert redactor.headers(headers, own) == (
        (b"x-customer", b"[redacted x-customer]"),
        (b"X-Partner-Key", b"[redacted x-partner-key]"),
        (b"Body", b"kept"),
    )


def test_headers_keep_order_case_repeats_and_all_other_values(redactor):
    headers = ((b"X-A", b"1"), (b"x-a", b""), (b"X-A", b"\xff"), (b"Location", b"/x?token=t&page=2"))
    assert redactor.headers(headers)[:3] == headers[:3]
    assert redactor.headers(headers)[3] == (b"Location", b"/x?token=[redacted token]&page=2")
    assert redactor.headers(()) == ()


def test_a_card_number_is_taken_out_of_headers_targets_and_bodies(redactor):
    assert redactor.headers(((b"X", b"4242424242424242"),)) == ((b"X", b"[redacted card]"),)
    assert redactor.target(b"/cards/4242424242424242") == b"/cards/[redacted card]"
    assert redactor.body(b"4242424242424242", b"text/plain") == b"[redacted card]"


def test_a_body_is_redacted_before_it_is_cut(redactor):
    body = b"." * 10 + LIVE + b"." * 10
    assert redactor.body(body, b"text/plain", limit=20) == b"." * 10 + b"[redacted stripe_key]"
    assert redactor.body(body, b"text/plain", limit=10) == b"." * 10


def test_a_card_number_that_begins_before_the_cut_is_taken_out_whole(redactor):
    spaced = b"." * 9 + b" ".join(bytes([digit]) for digit in b"6304000000000000000") + b" " + b"1 " * 500_000
    assert redactor.body(spaced, b"text/plain", limit=10) == b"." * 9 + b"[redacted card]"
    assert redactor.body(spaced, b"text/plain", limit=9) == b"." * 9


def test_a_body_that_needs_nothing_keeps_every_byte(redactor):
    body = json.dumps({"id": "pi_1", "amount": 2000, "text": "ü\\/"}).encode() + b"\n\xff\x00"
    assert redactor.body(body, b"application/json") == body


def test_a_redactor_in_the_place_of_another_knows_nothing_of_it():
    assert Redactor().text(LIVE.decode()) == LIVE.decode()


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=30)
text = st.text(st.characters(codec="utf-8", exclude_characters='"\\%&+'), max_size=40)


@given(secrets, text, text, st.sampled_from(["plain", "json", "form", "basic"]))
def test_no_value_survives_in_any_part_of_an_exchange(secret, before, after, shape):
    assume(secret not in "[redacted name]")
    redactor = Redactor()
    redactor.learn("name", secret.encode())
    form = {
        "plain": secret,
        "json": json.dumps(secret)[1:-1],
        "form": "".join(f"%{ord(one):02x}" for one in secret),
        "basic": base64.b64encode(f"user:{secret}".encode()).decode(),
    }[shape]
    whole = f"{before} {form} {after}"
    raw = whole.encode()
    assert form not in redactor.text(whole)
    assert form.encode() not in redactor.body(raw, b"text/plain")
    assert form.encode() not in redactor.target(b"/?a=" + raw)
    assert form.encode() not in redactor.headers(((b"X-A", raw),))[0][1]
