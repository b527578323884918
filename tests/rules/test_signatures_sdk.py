"""Our verdicts beside those of the providers' own libraries, on the shared cases and on made-up requests, both ways."""

import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier
from stripe import SignatureVerificationError, WebhookSignature
from twilio.request_validator import RequestValidator, get_signature_algorithm

from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Verified
from tests.support.cases import Case, cases


class Fixed(Clock):
    """The library's clock, at the time of a case."""

    def __init__(self, wall: float) -> None:
        self._wall = wall

    def now(self) -> float:
        return self._wall


def header(case: Case, name: str) -> str | None:
    """The value of a header, None where it is not there or there twice."""
    values = [value.decode().strip() for field, value in case.headers if field.decode().lower() == name]
    return values[0] if len(values) == 1 else None


def stripe_accepts(case: Case, secret: str) -> bool:
    given = header(case, "stripe-signature") or ""
    return WebhookSignature.verify_header(case.body.decode(), given, secret, tolerance=None)


def slack_accepts(case: Case, secret: str) -> bool:
    time, given = header(case, "x-slack-request-timestamp"), header(case, "x-slack-signature")
    if time is None or given is None:
        return False
    return SignatureVerifier(secret, Fixed(case.now)).is_valid(case.body, time, given)


def twilio_accepts(case: Case, secret: str) -> bool:
    query = case.target.decode().partition("?")[2]
    url = f"{case.public_url}?{query}" if query else str(case.public_url)
    form = (header(case, "content-type") or "").startswith("application/x-www-form-urlencoded")
    parameters = _Values(parse_qs(case.body.decode(), keep_blank_values=True)) if form else case.body.decode()
    algorithm = get_signature_algorithm(header(case, "x-twilio-webhooks-signature-settings"))
    given = header(case, "x-twilio-signature") or ""
    return RequestValidator(secret).validate(url, parameters, given, algorithm)


class _Values(dict[str, list[str]]):
    """What a web framework hands to the library: names with several values."""

    def getall(self, name: str) -> list[str]:
        return self[name]


SDKS: dict[str, Callable[[Case, str], bool]] = {
    "stripe": stripe_accepts,
    "slack": slack_accepts,
    "twilio": twilio_accepts,
}
JUDGED = {
    name: case
    for name, case in cases(*SDKS).items()
    if case.oracle != "spec"
    and case.sdk_differs is None
    and not (name.startswith("stripe/") and case.reason in ("expired", "malformed_timestamp"))  # its clock is the real
}


def sdk_accepts(case: Case) -> bool:
    return any(_accepts(SDKS[case.id.partition("/")[0]], case, secret.reveal().decode()) for secret in case.secrets)


def _accepts(sdk: Callable[[Case, str], bool], case: Case, secret: str) -> bool:
    try:
        return sdk(case, secret)
    except (SignatureVerificationError, ValueError, TypeError):  # the libraries stumble over some of what is mangled
        return False


def we_accept(case: Case) -> bool:
    scheme = compile_scheme(case.settings, case.public_url)
    incoming = Incoming(case.method, case.target, case.headers, case.body)
    return isinstance(scheme.verify(incoming, scheme.keys(case.secrets), case.now), Verified)


@pytest.mark.parametrize("case", JUDGED.values(), ids=JUDGED)
def test_the_library_comes_to_the_same_verdict(case: Case) -> None:
    assert sdk_accepts(case) is we_accept(case) is (case.reason == "accepted")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
CASES = cases()


@given(body=TEXT, genuine=st.booleans())
def test_stripe_and_we_agree(*, body: str, genuine: bool) -> None:
    case = CASES["stripe/valid"]
    secret = case.secrets[0].reveal()
    signed = f"{case.now:.0f}.{body if genuine else body + ' '}".encode()
    value = f"t={case.now:.0f},v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"
    made = case._replace(headers=((b"Stripe-Signature", value.encode()),), body=body.encode())
    assert sdk_accepts(made) is we_accept(made) is genuine


@given(TEXT, st.integers(-400, 400))
def test_slack_and_we_agree(body: str, age: int) -> None:
    case = CASES["slack/valid"]
    time = str(int(case.now) - age)
    value = SignatureVerifier(case.secrets[0].reveal().decode()).generate_signature(timestamp=time, body=body)
    assert value is not None
    headers = ((b"X-Slack-Request-Timestamp", time.encode()), (b"X-Slack-Signature", value.encode()))
    made = case._replace(headers=headers, body=body.encode())
    assert sdk_accepts(made) is we_accept(made) is (abs(age) <= 300)


FORM = (b"Content-Type", b"application/x-www-form-urlencoded")


FORMS = st.dictionaries(TEXT.filter(bool), st.lists(TEXT, min_size=1, max_size=3), max_size=5)


@given(form=FORMS, genuine=st.booleans())
def test_twilio_and_we_agree_on_forms(*, form: dict[str, list[str]], genuine: bool) -> None:
    case = CASES["twilio/valid"]
    url = str(case.public_url) if genuine else f"{case.public_url}/other"
    value = RequestValidator(case.secrets[0].reveal().decode()).compute_signature(url, _Values(form))
    headers = (FORM, (b"X-Twilio-Signature", value.encode()))
    made = case._replace(headers=headers, body=urlencode(form, doseq=True).encode())
    assert sdk_accepts(made) is we_accept(made) is genuine


@given(body=TEXT, genuine=st.booleans())
def test_twilio_and_we_agree_on_other_bodies(*, body: str, genuine: bool) -> None:
    case = CASES["twilio/valid"]
    query = f"bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    validator = RequestValidator(case.secrets[0].reveal().decode())
    value = validator.compute_signature(f"{case.public_url}?{query}", {})
    headers = ((b"Content-Type", b"application/json"), (b"X-Twilio-Signature", value.encode()))
    sent = body if genuine else body + " "
    made = case._replace(headers=headers, body=sent.encode(), target=f"/twilio?{query}".encode())
    assert sdk_accepts(made) is we_accept(made) is genuine


def test_the_shared_key_of_twilio_is_checked_with_the_algorithm_that_the_library_reads() -> None:
    case = CASES["twilio/shared_key_sha256"]
    tampered = case._replace(headers=tuple(field for field in case.headers if b"Settings" not in field[0]))
    assert sdk_accepts(case)
    assert we_accept(case)
    assert not sdk_accepts(tampered)
    assert not we_accept(tampered)
