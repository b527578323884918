"""Our signatures of AWS beside botocore's own, by rule and on the wire."""

import hashlib

import httpx
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.clients.standing_in import SECRETS, Library
from tests.rules.test_sigv4 import KEY, settings, signed

LIBRARY = Library("s3", "aws_s3", {}, more=", auth: {region: eu-west-1}")
ORACLE = {  # service, method, target, headers, body
    "S3, listing": ("s3", "GET", b"/bucket?list-type=2&prefix=a%2Fb", {}, b""),
    "S3, a key with odd characters": ("s3", "PUT", b"/bucket/a%20b/%C3%A4.txt", {"Content-Type": "text/plain"}, b"hi"),
    "SES, JSON": ("ses", "POST", b"/v2/email/outbound-emails", {"Content-Type": "application/json"}, b'{"a":1}'),
    "DynamoDB, an x-amz header": ("dynamodb", "POST", b"/", {"X-Amz-Target": "DynamoDB_20120810.List"}, b"{}"),
    "a path that is encoded twice": ("execute-api", "GET", b"/a%20b/c%2Fd", {}, b""),
}


@pytest.mark.parametrize(("service", "method", "target", "headers", "body"), ORACLE.values(), ids=ORACLE)
@pytest.mark.parametrize("session", [None, "session"])
def test_botocore_signs_alike(service, method, target, headers, body, session):
    ours = signed(
        settings(service, session_token=session),
        method,
        target,
        [(name.encode(), value.encode()) for name, value in headers.items()],
        body,
    )
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(Credentials("AKIDEXAMPLE", KEY.decode(), "token==" if session else None), service, "eu-west-1")
    request = AWSRequest(method, f"https://bucket.example{target.decode()}", dict(headers), body)
    if service == "s3":
        request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
    request.headers["X-Amz-Date"] = "20150830T123600Z"
    if session:
        request.headers["X-Amz-Security-Token"] = "token=="
    request.context["timestamp"] = "20150830T123600Z"
    canonical = signer.canonical_request(request)
    proof = signer.signature(signer.string_to_sign(request, canonical), request)
    assert ours[b"Authorization"].decode().endswith(f"Signature={proof}")
    assert f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}," in ours[b"Authorization"].decode()


def test_s3_accepts_what_is_signed(program, provider):
    own = {"Authorization": "AWS4-HMAC-SHA256 own", "X-Amz-Date": "20200101T000000Z", "X-Amz-Security-Token": "own"}
    httpx.put(f"{program.proxy}/s3/bucket/a%20b.txt?x=1", content=b"hello", headers=own)
    [seen] = provider.requests
    [stamp], [payload] = seen.values(b"x-amz-date"), seen.values(b"x-amz-content-sha256")
    assert (seen.body, payload.decode()) == (b"hello", hashlib.sha256(b"hello").hexdigest())
    assert seen.values(b"x-amz-security-token") == []
    signer = S3SigV4Auth(Credentials(SECRETS["AWS_ACCESS_KEY_ID"], SECRETS["AWS_SECRET_ACCESS_KEY"]), "s3", "eu-west-1")
    fields = {
        "X-Amz-Date": stamp.decode(),
        "X-Amz-Content-SHA256": payload.decode(),
        "Host": f"127.0.0.1:{provider.port}",
    }
    request = AWSRequest("PUT", f"{provider.url}{seen.target.decode()}", fields, b"hello")
    request.context["timestamp"] = stamp.decode()
    proof = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    [sent] = seen.values(b"authorization")
    assert sent.decode().endswith(f"Signature={proof}")
