"""Signatures of AWS, against the published suite and by rule; `tests/clients` holds them to botocore's."""

import hashlib
from datetime import UTC, datetime

import pytest

from proxy.errors import Refusal
from proxy.rules.auth_settings import AwsSigV4Auth
from proxy.rules.credentials import Secret
from proxy.rules.outgoing import Moment, Outgoing, Place
from proxy.rules.sigv4 import (
    Scope,
    SigV4,
    canonical_path,
    canonical_query,
    canonical_request,
    signature,
    string_to_sign,
)

KEY = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SCOPE = Scope("20150830T123600Z", "us-east-1", "service")
WALL = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
EMPTY = hashlib.sha256(b"").hexdigest().encode()
OWN = ((b"Host", b"example.amazonaws.com"), (b"X-Amz-Date", b"20150830T123600Z"))
LETTERS = b"-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = b"application/x-www-form-urlencoded"
# https://docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html (aws-sig-v4-test-suite.zip)
SUITE = {  # name -> method, target, more headers, body, signature
    "get-vanilla": ("GET", b"/", (), b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-header-key-duplicate": (
        "GET",
        b"/",
        ((b"My-Header1", b"value2"), (b"My-Header1", b"value2"), (b"My-Header1", b"value1")),
        b"",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    "get-header-value-order": (
        "GET",
        b"/",
        tuple((b"My-Header1", b"value%d" % n) for n in (4, 1, 3, 2)),
        b"",
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    "get-header-value-trim": (
        "GET",
        b"/",
        ((b"My-Header1", b" value1"), (b"My-Header2", b' "a   b   c"')),
        b"",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "get-unreserved": (
        "GET",
        b"/" + LETTERS,
        (),
        b"",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    "get-utf8": (
        "GET",
        "/ሴ".encode(),
        (),
        b"",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    "get-vanilla-empty-query-key": (
        "GET",
        b"/?Param1=value1",
        (),
        b"",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    "get-vanilla-query-order-key-case": (
        "GET",
        b"/?Param2=value2&Param1=value1",
        (),
        b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-query-unreserved": (
        "GET",
        b"/?" + LETTERS + b"=" + LETTERS,
        (),
        b"",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    "get-vanilla-utf8-query": (
        "GET",
        "/?ሴ=bar".encode(),
        (),
        b"",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    "post-vanilla": ("POST", b"/", (), b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "post-header-key-sort": (
        "POST",
        b"/",
        ((b"My-Header1", b"value1"),),
        b"",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-header-value-case": (
        "POST",
        b"/",
        ((b"My-Header1", b"VALUE1"),),
        b"",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    "post-x-www-form-urlencoded": (
        "POST",
        b"/",
        ((b"Content-Type", FORM),),
        b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    "post-x-www-form-urlencoded-parameters": (
        "POST",
        b"/",
        ((b"Content-Type", FORM + b"; charset=utf8"),),
        b"Param1=value1",
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    ),
}


@pytest.mark.parametrize(("method", "target", "headers", "body", "expected"), SUITE.values(), ids=SUITE)
def test_the_published_suite(method, target, headers, body, expected):
    payload = hashlib.sha256(body).hexdigest().encode()
    path, query = canonical_path(target, once=False), canonical_query(target)
    _, canonical = canonical_request(method, path, query, [*OWN, *headers], payload)
    assert signature(KEY, SCOPE, string_to_sign(canonical, SCOPE)) == expected


NORMAL = {  # the suite's normalize-path cases: target, canonical path
    "get-relative": (b"/example/..", b"/"),
    "get-relative-relative": (b"/example1/example2/../..", b"/"),
    "get-slash": (b"//", b"/"),
    "get-slash-dot-slash": (b"/./", b"/"),
    "get-slash-pointless-dot": (b"/./example", b"/example"),
    "get-slashes": (b"//example//", b"/example/"),
    "get-space, as it is on the wire": (b"/example%20space/", b"/example%2520space/"),
}


@pytest.mark.parametrize(("target", "expected"), NORMAL.values(), ids=NORMAL)
def test_paths_of_most_services_are_normalised_and_encoded_again(target, expected):
    assert canonical_path(target, once=False) == expected


S3 = {
    "dots and slashes are part of a key": (b"/b/../a//./c", b"/b/../a//./c"),
    "encoded once": (b"/b/a%20b%2B", b"/b/a%20b%2B"),
    "what the client left open is encoded": (b"/b/a(b)*'", b"/b/a%28b%29%2A%27"),
    "small hex digits count as large": (b"/b/%c3%a4", b"/b/%C3%A4"),
}


@pytest.mark.parametrize(("target", "expected"), S3.values(), ids=S3)
def test_paths_of_s3_are_encoded_once_and_not_normalised(target, expected):
    assert canonical_path(target, once=True) == expected


QUERIES = {
    "a name without a value gets one": (b"/?acl", b"acl="),
    "sorted by name, then by value": (b"/?b=2&a=2&a=10", b"a=10&a=2&b=2"),
    "a plus is a space": (b"/?a=1+2", b"a=1%202"),
    "an encoded plus stays": (b"/?a=1%2b2", b"a=1%2B2"),
    "an equals sign in a value": (b"/?a=b=c", b"a=b%3Dc"),
    "none": (b"/", b""),
}


@pytest.mark.parametrize(("target", "expected"), QUERIES.values(), ids=QUERIES)
def test_canonical_query(target, expected):
    assert canonical_query(target) == expected


def settings(service="s3", **more):
    return AwsSigV4Auth(
        type="aws_sigv4", access_key="id", secret_key="key", region="eu-west-1", service=service, **more
    )


def read(name):
    return Secret(name, {"id": b"AKIDEXAMPLE", "key": KEY, "session": b"token=="}[name])


def signed(auth, method="GET", target=b"/", headers=(), body=b"", host=b"bucket.example"):
    outgoing = Outgoing(method, target, tuple(headers), body, Place(secure=True, authority=host, path=b""))
    return dict(SigV4(auth).sign(outgoing, read, Moment(WALL, b"")).headers)


def test_what_a_hop_may_change_is_not_signed():
    ours = signed(settings(), headers=[(b"User-Agent", b"x"), (b"Accept", b"*/*"), (b"X-Amz-Acl", b"private")])
    assert b"SignedHeaders=host;x-amz-acl;x-amz-content-sha256;x-amz-date," in ours[b"Authorization"]


def test_only_s3_is_told_the_hash_in_a_header():
    assert signed(settings("ses"), body=b"hi").get(b"X-Amz-Content-Sha256") is None
    assert signed(settings(), body=b"hi")[b"X-Amz-Content-Sha256"] == hashlib.sha256(b"hi").hexdigest().encode()


@pytest.mark.parametrize("said", [EMPTY, b"UNSIGNED-PAYLOAD", b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_a_hash_that_the_application_says_is_taken_as_it_is_and_the_body_streams(said):
    headers = ((b"x-amz-content-sha256", said),)
    assert not SigV4(settings()).wants_body(headers, sized=True, small=False, secure=False)
    assert list(signed(settings(), headers=headers, body=None)).count(b"X-Amz-Content-Sha256") == 0


@pytest.mark.parametrize("said", [b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"])
def test_a_body_signed_in_chunks_is_refused_with_the_name_of_the_switch(said):
    with pytest.raises(Refusal, match="bad_request") as refused:
        SigV4(settings()).wants_body(((b"X-Amz-Content-Sha256", said),), sized=True, small=True, secure=True)
    assert "payload_signing_enabled" in refused.value.detail


WANTED = {  # service, sized, small, secure; is the body read
    "a small body is hashed": ("s3", True, True, True, True),
    "a large one to S3 over https is not": ("s3", True, False, True, False),
    "nor one of unknown length": ("s3", False, True, True, False),
    "over http it has to be": ("s3", False, True, False, True),
    "and to other services": ("ses", False, True, True, True),
}


@pytest.mark.parametrize(("service", "sized", "small", "secure", "expected"), WANTED.values(), ids=WANTED)
def test_which_bodies_are_read(service, sized, small, secure, expected):
    assert SigV4(settings(service)).wants_body((), sized=sized, small=small, secure=secure) is expected


@pytest.mark.parametrize(("service", "secure"), [("s3", False), ("ses", True)])
def test_a_body_that_must_be_hashed_and_is_too_large_is_refused(service, secure):
    with pytest.raises(Refusal, match="request_too_large"):
        SigV4(settings(service)).wants_body((), sized=True, small=False, secure=secure)


def test_a_body_that_nobody_reads_goes_unsigned():
    assert signed(settings(), body=None)[b"X-Amz-Content-Sha256"] == b"UNSIGNED-PAYLOAD"


CLEANED = {
    "nothing to take off": (b"/a?X-Other=1&b", b"/a?X-Other=1&b"),
    "a presigned request": (b"/a?b=1&X-Amz-Signature=f&X-Amz-Date=d&c", b"/a?b=1&c"),
    "nothing else": (b"/a?X-Amz-Signature=f", b"/a"),
}


@pytest.mark.parametrize(("target", "expected"), CLEANED.values(), ids=CLEANED)
def test_an_applications_signature_in_the_query_comes_off(target, expected):
    assert SigV4(settings()).cleaned(target) == expected
