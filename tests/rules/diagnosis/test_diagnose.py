"""Every finding of the page can happen, is found by what proves it, and gives nothing away."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from proxy.rules.diagnosis.diagnose import diagnose
from proxy.rules.incoming import Incoming
from proxy.rules.placing import Outgoing
from proxy.rules.proofs import proof_places
from proxy.rules.signatures import VerifySettings
from tests.support.diagnosing import BODY, GITHUB, OTHER, TWILIO, URL, asked, changed, found, request, value
from tests.support.judging import KEY, NOW, PLAIN, SLACK, STRIPE, TIMED, mac


def test_what_is_signed_well_is_verified() -> None:
    result = found(asked(STRIPE), request(STRIPE))
    assert (result.ok, result.reason, result.finding, result.matched_secret) == (True, "accepted", None, "key")
    assert result.skew_seconds == 0
    assert result.signed is not None
    assert result.signed.startswith(f"{NOW}.")


def test_a_good_signature_by_a_method_that_is_not_served_is_said() -> None:
    result = found(asked(PLAIN), request(PLAIN)._replace(method="PUT"))
    assert (result.ok, result.reason, result.proof) == (False, "method_not_allowed", False)
    assert "webhooks.billing.verify.methods" in (result.fix or "")


SENT = request(GITHUB)
IDENTIFIED = replace(PLAIN, signed="{id}.{body}", id=("header:X-Id",))
ONCE = replace(PLAIN, signed="{header:X-Once}|{crc32}", nonce="header:X-Once")
SIGNATURE = value(SENT, b"x-hub-signature-256")
HEADERS = {
    "the header in two lines, the same": (
        GITHUB,
        changed(SENT, b"X-Hub-Signature-256", SIGNATURE, SIGNATURE),
        "duplicate_header",
        True,
    ),
    "the header in two lines, one of them right": (
        GITHUB,
        changed(SENT, b"X-Hub-Signature-256", b"sha256=" + b"ab" * 32, SIGNATURE),
        "duplicate_header",
        True,
    ),
    "the header in two lines, neither right": (
        GITHUB,
        changed(SENT, b"X-Hub-Signature-256", b"sha256=" + b"ab" * 32, b"sha256=" + b"cd" * 32),
        "duplicate_header",
        False,
    ),
    "the header joined with itself": (
        GITHUB,
        changed(SENT, b"X-Hub-Signature-256", SIGNATURE + b", " + SIGNATURE),
        "duplicate_header",
        True,
    ),
    "pairs joined with themselves": (
        STRIPE,
        changed(request(STRIPE), b"Stripe-Signature", b", ".join([value(request(STRIPE), b"stripe-signature")] * 2)),
        "duplicate_header",
        True,
    ),
    "the time's header twice": (
        SLACK,
        request(SLACK)._replace(headers=(*request(SLACK).headers, (b"x-slack-request-timestamp", b"%d" % NOW))),
        "duplicate_header",
        True,
    ),
    "another provider's header, and our secret": (STRIPE, SENT, "other_provider", True),
    "another provider's header and secret": (STRIPE, request(SLACK, secret=b"theirs"), "other_provider", False),
    "no header of anybody's": (STRIPE, Outgoing("POST", b"/", (), BODY), "missing_signature", False),
}


@pytest.mark.parametrize(("settings", "sent", "finding", "proof"), HEADERS.values(), ids=HEADERS)
def test_a_header(settings: VerifySettings, sent: Outgoing, finding: str, proof: bool) -> None:  # noqa: FBT001 - a row
    result = found(asked(settings), sent)
    assert (result.finding, result.proof) == (finding, proof)
    assert result.fix
    assert SIGNATURE.decode() not in repr(result)


def test_both_lines_are_shown_by_their_beginning() -> None:
    sent = changed(SENT, b"X-Hub-Signature-256", b"one=aaaaaaaaaaaa", b"two=bbbbbbbbbbbb")
    assert found(asked(GITHUB), sent).what.endswith("one=aa…, two=bb…")


@pytest.mark.parametrize(("settings", "takes"), [(GITHUB, True), (STRIPE, False), (TWILIO, False)])
def test_repeat_is_named_only_where_the_scheme_takes_it(settings: VerifySettings, takes: bool) -> None:  # noqa: FBT001 - a row
    name = proof_places(settings)[0].removeprefix("header:").encode()
    sent = Outgoing("POST", b"/", ((name, b"a" * 64), (name, b"b" * 64)), BODY)
    result = found(asked(settings, public_url=URL), sent)
    assert result.finding == "duplicate_header"
    assert ("verify.repeat: true" in (result.fix or "")) is takes


def test_a_token_that_came_twice_is_not_shown() -> None:
    settings = VerifySettings(scheme="token", signature=("header:X-Token",), secrets=("key",), body_signed=False)
    sent = Outgoing("POST", b"/", ((b"X-Token", KEY), (b"X-Token", KEY)), b"")
    result = found(asked(settings), sent)
    assert (result.finding, result.proof) == ("duplicate_header", True)
    assert KEY[:4].decode() not in result.what


TIMES = {
    "an old one": (STRIPE, NOW - 600, "expired", 600.0),
    "one from the future": (STRIPE, NOW + 601, "future", -601.0),
    "milliseconds for seconds": (replace(TIMED, timestamp_unit="ms"), NOW, "time_unit", None),
    "a date for seconds": (replace(TIMED, timestamp_unit="iso8601"), NOW, "time_unit", None),
}


@pytest.mark.parametrize(("sender", "wall", "finding", "skew"), TIMES.values(), ids=TIMES)
def test_a_time(sender: VerifySettings, wall: float, finding: str, skew: float | None) -> None:
    result = found(asked(replace(sender, timestamp_unit="s")), request(sender, wall=wall))
    assert (result.finding, result.proof, result.matched_secret) == (finding, True, "key")
    if skew is not None:
        assert (result.reason, result.skew_seconds) == (finding, skew)


def test_seconds_for_milliseconds_are_found_too() -> None:
    result = found(asked(replace(TIMED, timestamp_unit="ms")), request(TIMED))
    assert (result.finding, result.reason, result.proof) == ("time_unit", "expired", True)
    assert result.fix == "webhooks.billing.verify.timestamp_unit: s"


@pytest.mark.parametrize(
    ("skews", "says"),
    [([601.0, 590.0, 640.0, 600.0], "clock"), ([600.0, 1.0, 2.0, 0.5], "replay"), ([600.0], "replay")],
)
def test_a_steady_skew_is_told_from_one_replay(skews: Sequence[float], says: str) -> None:
    result = found(asked(STRIPE, skews=skews), request(STRIPE, wall=NOW - 600))
    assert says in (result.fix or "")


SCHEMES = {
    "sha1": (PLAIN, replace(PLAIN, algorithm="sha1"), "verify.algorithm: sha1"),
    "sha512": (TIMED, replace(TIMED, algorithm="sha512"), "verify.algorithm: sha512"),
    "a known template": (TIMED, replace(TIMED, signed="{timestamp}:{body}"), 'verify.signed: "{timestamp}:{body}"'),
    "a preset's template": (
        TIMED,
        replace(TIMED, signed="v0:{timestamp}:{body}"),
        'verify.signed: "v0:{timestamp}:{body}"',
    ),
    "another preset under the same header": (
        replace(STRIPE, format="raw", param=None, signed="{body}", timestamp=None, tolerance=None),
        STRIPE,
        "webhooks.billing.integration: stripe",
    ),
}


@pytest.mark.parametrize(("ours", "theirs", "fix"), SCHEMES.values(), ids=SCHEMES)
def test_another_scheme(ours: VerifySettings, theirs: VerifySettings, fix: str) -> None:
    result = found(asked(ours), request(theirs))
    assert (result.finding, result.proof) == ("wrong_scheme", True)
    assert fix in (result.fix or "")


UNSIGNED = {
    "a header of the settings": (STRIPE, "header:Stripe-Signature"),
    "one that the scheme has by itself": (TWILIO, "header:X-Twilio-Signature"),
    "the one of a password": (
        VerifySettings(scheme="basic", body_signed=False, secrets=("key",)),
        "header:Authorization",
    ),
}


@pytest.mark.parametrize(("settings", "place"), UNSIGNED.values(), ids=UNSIGNED)
def test_where_there_is_no_signature_is_said(settings: VerifySettings, place: str) -> None:
    result = found(asked(settings, public_url=URL), Outgoing("POST", b"/", (), BODY))
    assert (result.finding, result.what) == ("missing_signature", f"no signature at {place}")
    assert f"the ingress passes {place} on" in (result.fix or "")
    assert ("verify.signature" in (result.fix or "")) == bool(settings.signature)


ABSENT = {
    "the time": (SLACK, b"X-Slack-Request-Timestamp", "verify.timestamp"),
    "the id": (IDENTIFIED, b"X-Id", "verify.id"),
    "the nonce": (ONCE, b"X-Once", "verify.nonce"),
}


@pytest.mark.parametrize(("settings", "name", "key"), ABSENT.values(), ids=ABSENT)
def test_what_is_signed_and_absent_is_named_with_its_key(settings: VerifySettings, name: bytes, key: str) -> None:
    whole = request(settings)._replace(headers=(*request(settings).headers, (name, b"x")))
    result = found(asked(settings), changed(whole, name))
    assert (result.finding, result.proof) == ("unknown", False)
    assert result.what.lower() == f"nothing at header:{name.decode()}, which is signed".lower()
    assert f"webhooks.billing.{key} says" in (result.fix or "")


@pytest.mark.parametrize("name", [b"X-Slack-Signature", b"X-Slack-Request-Timestamp"])
def test_for_what_has_the_wrong_shape_no_secret_is_blamed(name: bytes) -> None:
    result = found(asked(SLACK), changed(request(SLACK), name, b"hello"))
    assert (result.reason.partition("_")[0], result.finding) == ("malformed", "unknown")
    assert "not written as the provider writes it" in (result.fix or "")
    assert "webhooks.billing.verify" in (result.fix or "")
    assert "secret" not in (result.fix or "")


def test_what_nothing_explains_is_unknown_and_says_what_was_tried() -> None:
    result = found(asked(STRIPE, others=(("webhook shop", OTHER),)), request(STRIPE, secret=b"a stranger's"))
    assert (result.ok, result.reason, result.finding, result.proof) == (False, "bad_signature", "unknown", False)
    assert "the other configured secrets" in result.what
    assert "not configured here" in (result.fix or "")
    assert result.matched_secret is None


@pytest.mark.parametrize("body", [b"x" * 5000, b"\x00\xff" * 999, "ü".encode() * 999])
def test_the_signed_text_is_shown_with_its_body_shortened(body: bytes) -> None:
    result = found(asked(STRIPE), request(STRIPE, body))
    assert result.signed is not None
    assert f"({len(body)} bytes)" in result.signed
    assert len(result.signed) < 400


def test_an_expected_signature_is_never_shown_in_full() -> None:
    for sent in (request(PLAIN, b"{}")._replace(body=b"{}\n"), request(PLAIN, secret=b"other")):
        result = repr(diagnose(asked(PLAIN), sent.seen()))
        for body in (b"{}", b"{}\n", BODY):
            assert mac(body).hex()[:16] not in result


def test_looking_into_a_request_leaves_it_as_it_was() -> None:
    incoming = Incoming("POST", b"/in?a=1", ((b"X-Sig", b"00"),), b"{}")
    assert diagnose(asked(PLAIN), incoming) == diagnose(asked(PLAIN), incoming)
