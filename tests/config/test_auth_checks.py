"""`auth:` of each type: what is taken, and what is wrong with what is not."""

import pytest

from tests.support.configuration import complaints, settings

HEAD = "secrets: {a: {env: A}, b: {env: B}, c: {env: C}}\nupstreams:\n  x:\n    url: https://x.example\n    auth: "
OAUTH = "type: oauth2, token_url: 'https://t.example/token', client_id: a"
SIG = "type: aws_sigv4, access_key: a, secret_key: b, region: us-east-1"
MAC = "type: hmac, secret: a, header: X-Sig"

GOOD = {
    "client credentials": f"{{{OAUTH}, grant: client_credentials, client_secret: b, scope: 'r w', audience: x}}",
    "a refresh token": f"{{{OAUTH}, grant: refresh_token, refresh_token: b}}",
    "an assertion": f"{{{OAUTH}, grant: jwt_bearer, private_key: b}}",
    "a token url with a query": f"{{{OAUTH.replace('/token', '/token?v=2')}, grant: jwt_bearer, private_key: b}}",
    "sigv4": f"{{{SIG}, service: s3, session_token: c}}",
    "ws_security": "{type: ws_security, username: a, password: b, password_type: digest}",
    "hmac": f"{{{MAC}, signed: '{{timestamp}}.{{body}}', timestamp: X-Time, algorithm: sha512, prefix: 'v1='}}",
}


@pytest.mark.parametrize("auth", GOOD.values(), ids=GOOD)
def test_what_is_taken(tmp_path, auth):
    found = settings(tmp_path, HEAD + auth + "\n").upstreams["x"]
    assert found.auth is not None
    assert set(found.secret_names) <= {"a", "b", "c"}
    assert found.secret_names


WRONG = {  # auth; key, words of the complaint
    "a grant without what it needs": (f"{{{OAUTH}, grant: refresh_token}}", "grant", "refresh_token without"),
    "client credentials without a secret": (f"{{{OAUTH}, grant: client_credentials}}", "grant", "client_secret"),
    "an unknown grant": (f"{{{OAUTH}, grant: password}}", "grant", "client_credentials, refresh_token, jwt_bearer"),
    "a key that this grant does not read": (
        f"{{{OAUTH}, grant: client_credentials, client_secret: b, private_key: c}}",
        "private_key",
        "only with grant: jwt_bearer",
    ),
    "a token url that is none": (
        f"{{{OAUTH.replace('https:', 'ftp:')}, grant: refresh_token, refresh_token: b}}",
        "token_url",
        "http://host",
    ),
    "a token url with a user": (
        f"{{{OAUTH.replace('t.example', 'u:p@t.example')}, grant: refresh_token, refresh_token: b}}",
        "token_url",
        "without user info",
    ),
    "a client id that is no secret": (
        f"{{{OAUTH.replace('client_id: a', 'client_id: 77')}, grant: jwt_bearer, private_key: b}}",
        "client_id",
        "the name of a secret",
    ),
    "a region in other words": (f"{{{SIG.replace('us-east-1', 'US East')}, service: s3}}", "region", "us-east-1"),
    "no service": (f"{{{SIG}}}", "auth", "no service"),
    "a password type": (
        "{type: ws_security, username: a, password: b, password_type: hash}",
        "password_type",
        "text, digest",
    ),
    "a time that nothing carries": (f"{{{MAC}, signed: '{{timestamp}}{{body}}'}}", "signed", "needs timestamp"),
    "an unknown placeholder": (f"{{{MAC}, signed: '{{bodi}}'}}", "signed", "no placeholder"),
    "a header that is not ours to fill": (
        f"{{{MAC.replace('X-Sig', 'Host')}, signed: '{{body}}'}}",
        "header",
        "other than Host",
    ),
}


@pytest.mark.parametrize(("auth", "key", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_names_the_key_and_says_what_is_allowed(tmp_path, auth, key, words):
    [found] = complaints(tmp_path, HEAD + auth + "\n")
    assert found.key.endswith(key)
    assert words in str(found)


def test_a_token_url_that_is_our_own_listener_is_refused(tmp_path):
    text = (
        HEAD + f"{{{OAUTH.replace('https://t.example', 'http://127.0.0.1:8600')}, grant: jwt_bearer, private_key: b}}\n"
    )
    [found] = complaints(tmp_path, text)
    assert (found.key, found.given) == ("upstreams.x.auth.token_url", "an address of our own listeners")


def test_tokens_over_plain_http_are_said_aloud(tmp_path):
    plain = OAUTH.replace("https:", "http:")
    found = settings(tmp_path, HEAD + f"{{{plain}, grant: jwt_bearer, private_key: b}}\n")
    assert "upstreams.x asks for tokens over plain http off loopback" in found.unsafe


PEM = "-----BEGIN PRIVATE KEY-----\nMIGH\nAg==\n-----END PRIVATE KEY-----\n"
NOTES = {"PEM": (PEM, True), "PEM with more behind it": (PEM + "x\ny", False), "two lines": ("x\ny", False)}


@pytest.mark.parametrize(("value", "usable"), NOTES.values(), ids=NOTES)
def test_only_a_key_in_pem_may_have_several_lines(tmp_path, value, usable):
    text = HEAD + f"{{{OAUTH}, grant: jwt_bearer, private_key: b}}\n"
    found = settings(tmp_path, text, {"A": "long-enough", "B": value, "C": "long-enough"})
    assert ("secret b is spoilt by a control byte now" in found.notes) is not usable


def test_what_a_preset_leaves_to_the_file_is_asked_for_in_the_file(tmp_path):
    text = "upstreams:\n  s3: {integration: aws_s3, url: 'https://s3.eu-central-1.amazonaws.com'}\n"
    (found,) = complaints(tmp_path, text)
    assert (found.file, found.line, found.key) == (str(tmp_path / "config.yaml"), 2, "upstreams.s3.auth")
    assert found.given == "no region"
