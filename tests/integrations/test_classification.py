"""What the manifests make of answers: of the providers' documented ones, and of those that the fakes give."""

import json
from functools import cache

import pytest
import yaml

from proxy import integrations
from proxy.integrations.soap.envelope import SOAP11, SOAP12, Fault, fault
from proxy.model import Headers
from proxy.rules.classify import Classifier, Finding
from tests.support.asking import ask
from tests.support.provider import EPOCH

JSON: Headers = ((b"Content-Type", b"application/json; charset=utf-8"),)


@cache
def classifier(name: str) -> Classifier:
    return Classifier(yaml.safe_load((integrations.folder(name) / "manifest.yaml").read_text())["classify"])


def error(**fields: object) -> dict[str, object]:
    return {"error": fields}


def slack(word: str) -> dict[str, object]:
    return {"ok": False, "error": word}


DOCUMENTED = {  # provider, status, further headers, body -> outcome, retry, code
    "a declined card": (
        "stripe",
        402,
        (),
        error(code="card_declined", decline_code="lost_card"),
        "refused",
        None,
        "lost_card",
    ),
    "an expired card": ("stripe", 402, (), error(code="expired_card"), "refused", None, "expired_card"),
    "the same key in flight": ("stripe", 409, (), {}, "conflict", None, None),
    "a failed dependency": ("stripe", 424, (), {}, "server_error", None, None),
    "a lock": ("stripe", 429, (), error(code="lock_timeout"), "conflict", None, None),
    "a rate limit": ("stripe", 429, (), error(code="rate_limit"), None, None, None),
    "a word against a repeat": ("stripe", 409, ((b"stripe-should-retry", b"false"),), {}, "conflict", "never", None),
    "a stored failure": ("stripe", 500, ((b"Idempotent-Replayed", b"true"),), {}, None, "never", None),
    "a stored success": ("stripe", 200, ((b"Idempotent-Replayed", b"true"),), {}, None, None, None),
    "too many messages": ("twilio", 429, (), {"code": 20429}, "rate_limited", None, "20429"),
    "a wrong token": ("twilio", 401, (), {"code": 20003}, "auth_failed", None, None),
    "a wrong number": ("twilio", 400, (), {"code": 21211}, "refused", None, "21211"),
    "a failure of Twilio": ("twilio", 503, (), {"code": 20503}, None, None, None),
    "a limit in a 200": ("slack", 200, (), slack("ratelimited"), "rate_limited", None, "ratelimited"),
    "a failure in a 200": ("slack", 200, (), slack("internal_error"), "server_error", None, "internal_error"),
    "a token that was revoked": ("slack", 200, (), slack("token_revoked"), "auth_failed", None, "token_revoked"),
    "a channel that is not there": ("slack", 200, (), slack("channel_not_found"), "refused", None, "channel_not_found"),
    "all is well": ("slack", 200, (), {"ok": True, "error": "x"}, None, None, None),
}


@pytest.mark.parametrize("row", DOCUMENTED.values(), ids=DOCUMENTED)
def test_documented(row):
    name, status, headers, body, outcome, retry, code = row
    found = classifier(name).find(status, JSON + headers, json.dumps(body).encode(), EPOCH)
    assert found == Finding(outcome, retry, code=code)


FAULTS = {
    "a fault of the caller": ("Client", "refused", ("Client", None)),
    "with a cause": ("Client.OutOfStock", "refused", ("Client.OutOfStock", "Client.OutOfStock")),
    "a header that is not understood": ("MustUnderstand", "refused", ("MustUnderstand", None)),
    "another version": ("VersionMismatch", "refused", ("VersionMismatch", None)),
    "a fault of the service": ("Server", "server_error", (None, None)),
    "with a cause of its own": ("Server.Database", "server_error", (None, None)),
    "a code of its own": ("Bankrupt", "refused", (None, None)),
}


@pytest.mark.parametrize(("code", "outcome", "told"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("version", [SOAP11, SOAP12], ids=["1.1", "1.2"])
def test_faults(version, code, outcome, told):
    headers = ((b"Content-Type", f"{version.media_type}; charset=utf-8".encode()),)
    found = classifier("soap").find(500, headers, fault(Fault(code, "words"), version, "urn:x"), EPOCH)
    assert (found.outcome, found.code) == (outcome, told[version is SOAP12])


def test_a_service_that_wants_less_is_not_broken_whatever_fault_it_sends():
    headers = ((b"Content-Type", SOAP11.media_type.encode()),)
    found = classifier("soap").find(429, headers, fault(Fault("Server", "slower"), SOAP11, "urn:x"), EPOCH)
    assert found.outcome == "rate_limited"


@pytest.mark.parametrize(
    ("name", "line", "form", "outcome", "code"),
    [
        ("slack", "POST /chat.postMessage", {"channel": "#nowhere", "text": "x"}, "refused", "channel_not_found"),
        ("slack", "POST /chat.postMessage", {"channel": "#random", "text": "x"}, None, None),
        ("slack", "POST /api.test", {"error": "ratelimited"}, "rate_limited", "ratelimited"),
        (
            "stripe",
            "POST /v1/charges",
            {"amount": "1", "currency": "eur", "source": "tok_chargeDeclinedFraudulent"},
            "refused",
            "fraudulent",
        ),
        ("stripe", "GET /v1/customers/cus_none", None, None, None),
        (
            "twilio",
            f"POST /2010-04-01/Accounts/AC{'0' * 32}/Messages.json",
            {"To": "+15005550009", "From": "+15005550006", "Body": "x"},
            "refused",
            "21614",
        ),
        ("twilio", "GET /2010-04-01/x.json", None, "refused", "20404"),
    ],
)
async def test_the_fakes_answers_mean_what_the_providers_do(name, line, form, outcome, code):
    answer = await ask(integrations.fake(name, wall=lambda: EPOCH), line, form)
    headers = tuple((field.encode(), value.encode()) for field, value in answer.headers.items())
    found = classifier(name).find(answer.status, headers, answer.body, EPOCH)
    assert (found.outcome, found.code) == (outcome, code)
