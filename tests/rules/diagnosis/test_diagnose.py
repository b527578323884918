"""Every finding of the page can happen, is found by what proves it, and gives nothing away."""

import base64
import gzip
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from proxy.model import Headers
from proxy.rules.credentials import Secret
from proxy.rules.diagnosis.case import Asked
from proxy.rules.diagnosis.diagnose import Diagnosis, diagnose
from proxy.rules.incoming import Incoming
from proxy.rules.placing import Outgoing
from proxy.rules.signatures import KeySettings, VerifySettings
from proxy.rules.signing import Pen, sign
from tests.support.judging import KEY, NOW, PLAIN, TIMED

STRIPE = replace(
    PLAIN,
    signature=("header:Stripe-Signature",),
    format="params",
    param="v1",
    signed="{timestamp}.{body}",
    timestamp="param:t",
    tolerance=300.0,
)
GITHUB = replace(PLAIN, signature=("header:X-Hub-Signature-256",), prefix="sha256=")
SLACK = replace(
    PLAIN,
    signature=("header:X-Slack-Signature",),
    prefix="v0=",
    signed="v0:{timestamp}:{body}",
    timestamp="header:X-Slack-Request-Timestamp",
    tolerance=300.0,
)
TWILIO = VerifySettings(scheme="twilio", secrets=("key",))
URLED = replace(PLAIN, signed="{url}{body}", encoding="base64")
PRESETS = {"stripe": STRIPE, "github": GITHUB, "slack": SLACK}
URL = "https://hooks.example.test/in/here"
BODY = '{"id": "evt_1", "note": "Grüße, 東京/😀", "price": 1.0}'.encode()


def asked(settings: VerifySettings, **changes: object) -> Asked:
    values: dict[str, object] = {
        "webhook": "billing",
        "settings": settings,
        "secrets": (Secret("key", KEY),),
        "wall": NOW,
    }
    return Asked(**values | {"presets": PRESETS} | changes)  # type: ignore[arg-type]  # the tests' own rows


def request(
    settings: VerifySettings,
    body: bytes = BODY,
    *,
    secret: bytes = KEY,
    wall: float = NOW,
    target: bytes = b"/in/here",
    url: str = URL,
    headers: Headers = (),
) -> Outgoing:
    """As the sender sends it."""
    return sign(settings, url, Outgoing("POST", target, headers, body), Pen(secret, wall, b"evt_1"))


def found(question: Asked, sent: Outgoing) -> Diagnosis:
    result = diagnose(question, sent.seen())
    everything = repr(result)
    for secret in (*question.secrets, *(secret for _, secret in question.others)):
        assert secret.reveal().decode() not in everything
    return result


def changed(sent: Outgoing, name: bytes, *values: bytes) -> Outgoing:
    kept = tuple(field for field in sent.headers if field[0].lower() != name.lower())
    return sent._replace(headers=kept + tuple((name, value) for value in values))


def value(sent: Outgoing, name: bytes) -> bytes:
    return next(text for written, text in sent.headers if written.lower() == name.lower())


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


OTHER = Secret("shop_live", b"the-live-one")


def test_another_configured_secret_is_named() -> None:
    question = asked(STRIPE, others=(("webhook shop", Secret("third", b"third")), ("webhook shop", OTHER)))
    result = found(question, request(STRIPE, secret=b"the-live-one"))
    assert (result.finding, result.proof, result.matched_secret) == ("other_secret", True, "shop_live")
    assert "webhook shop" in result.what
    assert "webhooks.billing.verify.secrets" in (result.fix or "")


def test_another_secret_is_found_however_old_the_request_is() -> None:
    result = found(
        asked(STRIPE, others=(("webhook shop", OTHER),)), request(STRIPE, secret=b"the-live-one", wall=NOW - 1e5)
    )
    assert (result.finding, result.reason) == ("other_secret", "bad_signature")


RAW = KeySettings()
BASE64 = KeySettings(encoding="base64", strip_prefix="whsec_")
WHSEC = b"whsec_" + base64.b64encode(KEY)
FORMATS: Mapping[str, tuple[KeySettings, bytes, KeySettings, bytes]] = {  # how the sender has it; how it is here
    "a blank behind it": (RAW, KEY, RAW, KEY + b" "),
    "quotes": (RAW, KEY, RAW, b'"' + KEY + b'"'),
    "a written line break": (RAW, KEY, RAW, KEY + b"\\n"),
    "the sender's copy ends in a line break": (RAW, KEY + b"\n", RAW, KEY),
    "whsec_ forgotten": (RAW, b"whsec_abc", RAW, b"abc"),
    "whsec_ too much": (RAW, b"abc", RAW, b"whsec_abc"),
    "base64 taken as it is": (BASE64, WHSEC, RAW, WHSEC),
    "hex taken as it is": (KeySettings(encoding="hex"), KEY.hex().encode(), RAW, KEY.hex().encode()),
    "raw taken for base64": (RAW, b"abcd", KeySettings(encoding="base64"), b"abcd"),
    "raw that cannot be base64": (RAW, b"ab!", KeySettings(encoding="base64"), b"ab!"),
}


@pytest.mark.parametrize(("theirs", "secret", "ours", "value"), FORMATS.values(), ids=FORMATS)
def test_a_badly_pasted_secret(theirs: KeySettings, secret: bytes, ours: KeySettings, value: bytes) -> None:
    sent = request(replace(PLAIN, key=theirs), secret=secret)
    result = diagnose(asked(replace(PLAIN, key=ours), secrets=(Secret("key", value),)), sent.seen())
    assert (result.finding, result.proof, result.matched_secret) == ("secret_format", True, "key")
    assert value.decode() not in repr(result)


def test_a_cut_body_is_hinted_by_its_length() -> None:
    sent = request(PLAIN, headers=((b"Content-Length", b"%d" % len(BODY)),))._replace(body=BODY[:-9])
    result = found(asked(PLAIN), sent)
    assert (result.finding, result.proof) == ("body_cut", False)
    assert f"{len(BODY) - 9} bytes came where Content-Length says {len(BODY)}" in result.what


@pytest.mark.parametrize(
    ("signed", "came", "declared"), [(b"", BODY, len(BODY)), (BODY, BODY + b"--boundary", len(BODY))]
)
def test_a_body_that_was_read_twice_or_added_to_is_proven(signed: bytes, came: bytes, declared: int) -> None:
    sent = request(PLAIN, signed, headers=((b"Content-Length", b"%d" % declared),))._replace(body=came)
    result = found(asked(PLAIN), sent)
    assert (result.finding, result.proof) == ("body_cut", True)


def test_a_wrong_length_does_not_hide_what_can_be_proven() -> None:
    sent = request(replace(PLAIN, algorithm="sha1"), headers=((b"Content-Length", b"9999"),))
    assert found(asked(PLAIN), sent).finding == "wrong_scheme"


TIGHT = '{"a":"Grüße/😀","b":[1.0,{}],"c":"\\\\u00e4<"}'
BODIES: Mapping[str, tuple[bytes, bytes]] = {  # signed; came
    "a line end lost": (b"{}\n", b"{}"),
    "a line end added": (b"{}", b"{}\n"),
    "a CRLF lost": (b"{}\r\n", b"{}"),
    "a CRLF added": (b"{}", b"{}\r\n"),
    "LF became CRLF": (b"a\nb\n", b"a\r\nb\r\n"),
    "CRLF became LF": (b"a\r\nb\r\n", b"a\nb\n"),
    "a byte order mark lost": (b"\xef\xbb\xbf{}", b"{}"),
    "a byte order mark added": (b"{}", b"\xef\xbb\xbf{}"),
    "packed": (b"hello" * 9, gzip.compress(b"hello" * 9)),
    "latin-1 became UTF-8": ("Grüße".encode("latin-1"), "Grüße".encode()),
    "read as latin-1": ("Grüße".encode(), "Grüße".encode().decode("latin-1").encode()),
    "JSON was spaced": (TIGHT.encode(), TIGHT.replace(",", ", ").replace(":", ": ").encode()),
    "JSON was compacted": (b'{"a": [1, 2.50]}', b'{"a":[1,2.50]}'),
    "JSON was indented": (json.dumps(json.loads(TIGHT), indent=2, ensure_ascii=False).encode(), TIGHT.encode()),
    "escapes became characters": (
        json.dumps({"a": "Grüße 😀"}).encode(),
        json.dumps({"a": "Grüße 😀"}, ensure_ascii=False).encode(),
    ),
    "characters became escapes": (
        TIGHT.encode(),
        TIGHT.replace("ü", "\\u00fc").replace("ß", "\\u00DF").replace("😀", "\\ud83d\\ude00").encode(),
    ),
    "escapes lost their capitals": (b'{"a":"\\u00FC"}', '{"a":"ü"}'.encode()),
    "slashes were escaped": (b'{"a":"x/y"}', b'{"a":"x\\/y"}'),
    "slashes lost their escape": (b'{"a":"x\\/y"}', b'{"a":"x/y"}'),
    "< lost its escape": (b'{"a":"\\u003cb\\u003e"}', b'{"a":"<b>"}'),
    "all of it as PHP writes it": (b'{"a":"\\u00fc\\/"}', '{ "a": "ü/" }'.encode()),
}


@pytest.mark.parametrize(("signed", "came"), BODIES.values(), ids=BODIES)
def test_a_changed_body(signed: bytes, came: bytes) -> None:
    assert signed != came
    result = found(asked(PLAIN), request(PLAIN, signed)._replace(body=came))
    assert (result.finding, result.proof, result.matched_secret) == ("body_changed", True, "key")


def test_a_line_end_behind_the_declared_length_is_a_change_not_a_cut() -> None:
    sent = request(PLAIN, b"{}", headers=((b"Content-Length", b"2"),))._replace(body=b"{}\n")
    assert found(asked(PLAIN), sent).finding == "body_changed"


FORWARDED = ((b"Host", b"inner:8080"), (b"X-Forwarded-Host", b"real.example.test"), (b"X-Forwarded-Proto", b"http"))
URLS = {  # what the sender was given; the target of the request
    "http": ("http://hooks.example.test/in/here", b"/in/here?a=1"),
    "a port": ("https://hooks.example.test:80/in/here", b"/in/here"),
    "a slash behind it": ("https://hooks.example.test/in/here/", b"/in/here"),
    "the host that was asked": ("https://inner:8080/in/here", b"/in/here"),
    "the host in front": ("https://real.example.test/in/here", b"/in/here"),
    "all of the request's own": ("http://real.example.test/other", b"/other"),
}


@pytest.mark.parametrize("settings", [URLED, TWILIO], ids=["template", "twilio"])
@pytest.mark.parametrize(("given", "target"), URLS.values(), ids=URLS)
def test_a_public_url(settings: VerifySettings, given: str, target: bytes) -> None:
    sent = request(settings, b"", url=given, target=target, headers=FORWARDED)
    result = found(asked(settings, public_url=URL), sent)
    assert (result.finding, result.proof) == ("public_url", True)
    assert result.fix == f"webhooks.billing.public_url: {given}"


def test_a_url_signed_without_its_query() -> None:
    sent = request(URLED)._replace(target=b"/in/here?a=1")
    result = found(asked(URLED, public_url=URL), sent)
    assert (result.finding, result.proof) == ("public_url", True)
    assert "without its query" in (result.fix or "")


def mac(body: bytes = BODY, algorithm: str = "sha256") -> bytes:
    return hmac.digest(KEY, body, algorithm)


BITS = mac()
SPELLINGS = {
    "base64 for hex": (GITHUB, b"sha256=" + base64.b64encode(BITS), "encoding: base64"),
    "base64url for hex": (PLAIN, base64.urlsafe_b64encode(mac(b"2")), "encoding: base64url"),
    "hex for base64": (replace(PLAIN, encoding="base64"), BITS.hex().encode(), "encoding: hex"),
    "no padding": (replace(PLAIN, encoding="base64"), base64.b64encode(BITS).rstrip(b"="), "encoding"),
    "upper case": (GITHUB, b"sha256=" + BITS.hex().upper().encode(), "lower-case"),
    "no prefix": (GITHUB, BITS.hex().encode(), "take webhooks.billing.verify.prefix away"),
    "a prefix too much": (PLAIN, b"sha256=" + BITS.hex().encode(), 'verify.prefix: "sha256="'),
    "the prefix in other letters": (GITHUB, b"SHA256=" + BITS.hex().encode(), 'verify.prefix: "SHA256="'),
}


@pytest.mark.parametrize(("settings", "written", "fix"), SPELLINGS.values(), ids=SPELLINGS)
def test_another_spelling(settings: VerifySettings, written: bytes, fix: str) -> None:
    body = b"2" if "url" in fix else BODY
    name = settings.signature[0].partition(":")[2].encode()
    result = found(asked(settings), Outgoing("POST", b"/", ((name, written),), body))
    assert (result.finding, result.proof) == ("wrong_encoding", True)
    assert fix in (result.fix or "")
    assert BITS.hex() not in repr(result).lower()


def test_pairs_may_be_spelled_otherwise_too() -> None:
    sent = changed(
        request(STRIPE),
        b"Stripe-Signature",
        value(request(STRIPE), b"stripe-signature").upper().replace(b"T=", b"t=").replace(b"V1", b"v1"),
    )
    assert found(asked(STRIPE), sent).finding == "wrong_encoding"


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
