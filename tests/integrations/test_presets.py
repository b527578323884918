"""What the presets that are data alone make of their providers' documented answers."""

import json

import pytest
import yaml

from proxy import integrations
from proxy.model import Headers
from proxy.rules.classify import Classifier
from tests.support.provider import EPOCH

JSON: Headers = ((b"Content-Type", b"application/json; charset=utf-8"),)
XML: Headers = ((b"Content-Type", b"application/xml"),)
SPENT: Headers = ((b"X-RateLimit-Remaining", b"0"), (b"X-RateLimit-Reset", b"%d" % (EPOCH + 90)))


def reason(word: str) -> dict[str, object]:
    return {"error": {"errors": [{"reason": word}], "status": "X"}}


def s3(code: str) -> str:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>"


ANSWERS = {  # preset, status, further headers, body -> outcome, told wait, code
    "GitHub's limit of an hour": ("github", 403, SPENT, {}, "rate_limited", 90, None),
    "GitHub's secondary limit": ("github", 429, ((b"Retry-After", b"7"),), {}, "rate_limited", None, None),
    "GitHub says no": ("github", 403, ((b"X-RateLimit-Remaining", b"12"),), {}, "refused", None, None),
    "GitHub does not know it": ("github", 404, (), {}, None, None, None),
    "OpenAI's budget is used up": (
        "openai",
        429,
        (),
        {"error": {"code": "insufficient_quota"}},
        "quota",
        None,
        "insufficient_quota",
    ),
    "OpenAI is busy": (
        "openai",
        429,
        (),
        {"error": {"code": "rate_limit_exceeded"}},
        "rate_limited",
        None,
        "rate_limit_exceeded",
    ),
    "Anthropic is overloaded": (
        "anthropic",
        529,
        (),
        {"error": {"type": "overloaded_error"}},
        "server_error",
        None,
        "overloaded_error",
    ),
    "SendGrid refuses a mail": ("sendgrid", 400, (), {"errors": [{"field": "from"}]}, "refused", None, "from"),
    "Shopify throttles in a 200": (
        "shopify",
        200,
        (),
        {"data": {"shop": {}}, "errors": [{"extensions": {"code": "THROTTLED"}}]},
        "rate_limited",
        None,
        "THROTTLED",
    ),
    "Shopify refuses in a 200": ("shopify", 200, (), {"data": None, "errors": [{}]}, "refused", None, None),
    "Shopify answers in part": ("shopify", 200, (), {"data": {"shop": {}}, "errors": [{}]}, None, None, None),
    "HubSpot's day is used up": ("hubspot", 429, (), {"policyName": "DAILY"}, "quota", None, "DAILY"),
    "HubSpot's ten seconds are": ("hubspot", 429, (), {"policyName": "SECONDLY"}, "rate_limited", None, "SECONDLY"),
    "Discord says how long": ("discord", 429, (), {"retry_after": 1.25}, "rate_limited", 1.25, None),
    "S3 wants it slower": ("aws_s3", 503, XML, s3("SlowDown"), "rate_limited", None, "SlowDown"),
    "S3 waited too long for a body": ("aws_s3", 400, XML, s3("RequestTimeout"), "server_error", None, "RequestTimeout"),
    "S3 throttles in a header": (
        "aws_s3",
        400,
        ((b"X-Amzn-ErrorType", b"ThrottlingException"),),
        {},
        "rate_limited",
        None,
        "ThrottlingException",
    ),
    "SES wants it slower": ("aws_ses", 503, XML, s3("SlowDown"), "rate_limited", None, "SlowDown"),
    "S3 does not let in": ("aws_s3", 403, XML, s3("AccessDenied"), "refused", None, "AccessDenied"),
    "a server that speaks S3 is busy": ("aws_s3", 429, (), {}, "rate_limited", None, None),
    "S3 gave up on a request": ("aws_s3", 408, XML, "", None, None, None),
    "S3 knows no such key": ("aws_s3", 403, XML, s3("InvalidAccessKeyId"), "auth_failed", None, "InvalidAccessKeyId"),
    "S3's session is over": ("aws_s3", 400, XML, s3("ExpiredToken"), "auth_failed", None, "ExpiredToken"),
    "SES gave up on a request": ("aws_ses", 408, (), {}, None, None, None),
    "SES knows no such key": (
        "aws_ses",
        403,
        ((b"X-Amzn-ErrorType", b"UnrecognizedClientException"),),
        {},
        "auth_failed",
        None,
        "UnrecognizedClientException",
    ),
    "SES throttles": (
        "aws_ses",
        400,
        ((b"X-Amzn-ErrorType", b"ThrottlingException"),),
        {},
        "rate_limited",
        None,
        "ThrottlingException",
    ),
    "Mailgun's own number": ("mailgun", 420, (), {}, "rate_limited", None, None),
    "PagerDuty is busy": ("pagerduty", 429, (), {"error": {"code": 2020}}, "rate_limited", None, "2020"),
    "Google wants it slower": (
        "google",
        403,
        (),
        reason("rateLimitExceeded"),
        "rate_limited",
        None,
        "rateLimitExceeded",
    ),
    "Google's day is used up": ("google", 403, (), reason("dailyLimitExceeded"), "quota", None, "dailyLimitExceeded"),
    "Google says no": ("google", 403, (), reason("forbidden"), "refused", None, "forbidden"),
    "Graph is busy": (
        "microsoft",
        429,
        (),
        {"error": {"code": "TooManyRequests"}},
        "rate_limited",
        None,
        "TooManyRequests",
    ),
}


@pytest.mark.parametrize("row", ANSWERS.values(), ids=ANSWERS)
def test_a_documented_answer(row):
    name, status, headers, body, outcome, told, code = row
    written = yaml.safe_load((integrations.folder(name) / "manifest.yaml").read_text())["classify"]
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    found = Classifier(written).find(status, headers if headers is XML else JSON + headers, content, EPOCH)
    assert (found.outcome, found.told.seconds, found.code) == (outcome, told, code)
