"""The request for a token, what its answer says, and how long a token is good."""

import json
from base64 import b64decode, urlsafe_b64decode
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy.rules.auth_settings import OAuth2Auth
from proxy.rules.credentials import Secret
from proxy.rules.oauth2 import Denied, grant_request, granted, life, pause_after

KEY = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
VALUES = {"id": b"me@x", "secret": b"s +&%", "refresh": b"r1", "key": KEY, "bad": b"nothing"}


def asked(grant, *, refresh=None, basic=False, **more):
    settings = OAuth2Auth(type="oauth2", grant=grant, token_url="https://t.example/token", client_id="id", **more)
    found = grant_request(
        settings, lambda name: Secret(name, VALUES[name]), 1700000000.5, refresh=refresh, basic=basic, unique="u1"
    )
    form = {name: value for name, [value] in parse_qs(found.body.decode(), strict_parsing=True).items()}
    return form, dict(found.headers)


FORMS = {
    "client_credentials": (
        {"grant": "client_credentials", "client_secret": "secret", "scope": "a b", "audience": "https://api"},
        {"client_id": "me@x", "client_secret": "s +&%", "scope": "a b", "audience": "https://api"},
    ),
    "refresh_token": (
        {"grant": "refresh_token", "client_secret": "secret", "refresh_token": "refresh"},
        {"client_id": "me@x", "client_secret": "s +&%", "refresh_token": "r1"},
    ),
    "refresh_token of a public client": (
        {"grant": "refresh_token", "refresh_token": "refresh"},
        {"client_id": "me@x", "refresh_token": "r1"},
    ),
    "a refresh token that rotated": (
        {"grant": "refresh_token", "refresh_token": "refresh", "refresh": b"r2"},
        {"client_id": "me@x", "refresh_token": "r2"},
    ),
}


@pytest.mark.parametrize(("settings", "expected"), FORMS.values(), ids=FORMS)
def test_form(settings, expected):
    form, headers = asked(**settings)
    assert form == {"grant_type": settings["grant"], **expected}
    assert headers[b"Content-Type"] == b"application/x-www-form-urlencoded"
    assert b"Authorization" not in headers


def test_the_clients_secret_in_a_header_is_form_encoded_first():
    form, headers = asked("client_credentials", client_secret="secret", basic=True)
    assert form == {"grant_type": "client_credentials"}
    assert b64decode(headers[b"Authorization"].removeprefix(b"Basic ")) == b"me%40x:s+%2B%26%25"


def test_an_assertion_says_who_for_whom_and_until_when():
    form, _ = asked("jwt_bearer", private_key="key", scope="read")
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert set(form) == {"grant_type", "assertion", "scope"}
    claims = json.loads(urlsafe_b64decode(form["assertion"].split(".")[1] + "=="))
    assert claims == {
        "iss": "me@x",
        "sub": "me@x",
        "aud": "https://t.example/token",
        "iat": 1700000000,
        "exp": 1700000300,
        "jti": "u1",
        "scope": "read",
    }


def test_an_audience_of_its_own():
    form, _ = asked("jwt_bearer", private_key="key", audience="https://login.example")
    assert json.loads(urlsafe_b64decode(form["assertion"].split(".")[1] + "=="))["aud"] == "https://login.example"


def test_a_private_key_that_cannot_sign_is_said():
    with pytest.raises(Denied, match="secret bad is not a private key"):
        asked("jwt_bearer", private_key="bad")


ANSWERS = {
    "usual": ({"access_token": "t", "token_type": "Bearer", "expires_in": 3600}, (b"t", 3600.0, None)),
    "a number as text": ({"access_token": "t", "token_type": "bearer", "expires_in": "60"}, (b"t", 60.0, None)),
    "no length": ({"access_token": "t"}, (b"t", None, None)),
    "an odd length is none": ({"access_token": "t", "expires_in": -1}, (b"t", None, None)),
    "true is no length": ({"access_token": "t", "expires_in": True}, (b"t", None, None)),
    "a new refresh token": ({"access_token": "t", "refresh_token": "r"}, (b"t", None, b"r")),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_answer(answer, expected):
    assert granted(200, json.dumps(answer).encode()) == expected


DENIED = {
    "an error by the book": (400, b'{"error":"invalid_grant","error_description":"x"}', "answered 400 invalid_grant"),
    "an error of its own is not repeated": (400, b'{"error":"s3cret"}', "answered 400$"),
    "no JSON": (503, b"<html>", "answered 503$"),
    "no token": (200, b'{"token":"t"}', "no access_token"),
    "a list": (200, b"[]", "no access_token"),
    "a token that would end the header": (200, b'{"access_token":"t\\r\\nX: y"}', "no access_token"),
    "an empty token": (200, b'{"access_token":""}', "no access_token"),
    "a token of another kind": (200, b'{"access_token":"t","token_type":"mac"}', "no bearer token"),
}


@pytest.mark.parametrize(("status", "body", "words"), DENIED.values(), ids=DENIED)
def test_denied(status, body, words):
    with pytest.raises(Denied, match=words):
        granted(status, body)


@pytest.mark.parametrize(("status", "error"), [(401, "x"), (400, "invalid_client")])
def test_an_endpoint_may_want_the_clients_secret_elsewhere(status, error):
    with pytest.raises(Denied) as denied:
        granted(status, json.dumps({"error": error}).encode())
    assert denied.value.client


LIVES = {
    "an hour: renewed a minute ahead, not used in the last 5 s": (3600.0, (3640.0, 3695.0)),
    "a short one: a fifth and a tenth": (10.0, (108.0, 109.0)),
    "no length: until it is refused": (None, (float("inf"), float("inf"))),
}


@pytest.mark.parametrize(("expires_in", "expected"), LIVES.values(), ids=LIVES)
def test_life(expires_in, expected):
    assert life(100.0, expires_in) == expected


def test_a_failing_endpoint_is_asked_less_and_less():
    assert [pause_after(failures) for failures in (1, 2, 3, 7, 1000)] == [1.0, 2.0, 4.0, 60.0, 60.0]
