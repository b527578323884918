"""Credentials that are computed: tokens that are fetched, requests that are signed, headers within bodies."""

import hmac
import json
import threading
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.scripted import plain

SECRETS = "secrets: {id: {env: THE_ID}, key: {env: THE_KEY}}\n"
VALUES = {"THE_ID": "client-0123456789", "THE_KEY": "s3cret-0123456789"}
FAST = "retry: {backoff: {base: 10ms}}\n"


def token(value, expires_in=3600, **more):
    return plain(200, json.dumps({"access_token": value, "expires_in": expires_in, **more}).encode())


@pytest.fixture
def oauth(run, provider):
    """`oauth(tokens, script, "more keys")`: the program, its upstream `api` and the token endpoint."""

    def start(
        tokens, script=(), keys="", grant="grant: client_credentials, client_secret: key", more=SECRETS, **environ
    ):
        endpoint, upstream = provider(*tokens), provider(*script)
        lines = f"url: {upstream.url}\n    {keys}"
        auth = f"auth: {{type: oauth2, token_url: '{endpoint.url}/token?v=2', client_id: id, {grant}}}"
        program = run(f"{more}upstreams:\n  api:\n    {lines}\n    {auth}\n", **{**VALUES, **environ})
        return program, upstream, endpoint

    return start


def test_ten_calls_at_once_ask_for_one_token(oauth):
    program, upstream, endpoint = oauth([[0.3, token("tok-1-0123456789")]])
    threads = [threading.Thread(target=httpx.get, args=(f"{program.proxy}/api/a",)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.values(b"authorization") for one in upstream.requests] == [[b"Bearer tok-1-0123456789"]] * 10
    [asked] = endpoint.requests
    assert (asked.method, asked.target) == ("POST", b"/token?v=2")
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": [VALUES["THE_ID"]],
        "client_secret": [VALUES["THE_KEY"]],
    }


def test_the_applications_own_token_never_leaves(oauth):
    program, upstream, _ = oauth([token("tok-1-0123456789")])
    httpx.get(f"{program.proxy}/api/a", headers={"Authorization": "Bearer own"})
    assert upstream.requests[0].values(b"authorization") == [b"Bearer tok-1-0123456789"]


def test_a_401_brings_one_new_token_and_one_repeat(oauth):
    program, upstream, endpoint = oauth(
        [token("tok-1-0123456789"), token("tok-2-0123456789")], [plain(401), plain(200, b"fine")]
    )
    answer = httpx.post(f"{program.proxy}/api/a", content=b"body")
    assert (answer.status_code, answer.headers["outrigger-attempts"]) == (200, "2")
    assert [(one.values(b"authorization")[0][-16:], one.body) for one in upstream.requests] == [
        (b"tok-1-0123456789", b"body"),
        (b"tok-2-0123456789", b"body"),
    ]
    assert len(endpoint.requests) == 2


def test_an_upstream_that_goes_on_refusing_does_not_make_a_storm_of_tokens(oauth):
    program, upstream, endpoint = oauth([token("tok-1-0123456789"), token("tok-2-0123456789")], [plain(401, b"no")])
    answers = [httpx.get(f"{program.proxy}/api/a") for _ in range(3)]
    assert [(one.status_code, one.content, one.headers["outrigger-attempts"]) for one in answers] == [
        (401, b"no", "2"),
        (401, b"no", "1"),
        (401, b"no", "1"),
    ]
    assert (len(upstream.requests), len(endpoint.requests)) == (4, 2)


def test_a_body_that_cannot_be_sent_again_is_not_repeated_after_a_401(oauth):
    program, upstream, _ = oauth([token("tok-1-0123456789")], [plain(401)], "body: {replay: 10}")
    answer = httpx.post(f"{program.proxy}/api/a", content=b"x" * 100)
    assert (answer.status_code, len(upstream.requests)) == (401, 1)


def test_an_endpoint_that_gives_no_token_is_a_secret_that_is_not_there(oauth):
    program, upstream, _ = oauth([plain(400, b'{"error":"invalid_grant"}')])
    answer = httpx.get(f"{program.proxy}/api/a")
    assert (answer.status_code, answer.json()["code"]) == (503, "secret_unavailable")
    assert (upstream.requests, "outrigger-attempts" in answer.headers) == ([], False)
    program.until(lambda: "the token endpoint answered 400 invalid_grant" in program.output)


def test_no_token_and_no_secret_is_in_the_log(oauth):
    program, _, endpoint = oauth(
        [token("tok-1-0123456789", refresh_token="ref-1-0123456789")],
        [lambda seen: plain(200, b"x")],
        "",
        more="log: {level: debug, requests: all}\n" + SECRETS,
    )
    httpx.get(f"{program.proxy}/api/a?t=tok-1-0123456789")
    assert len(endpoint.requests) == 1
    program.stop()
    for value in ("tok-1-0123456789", "ref-1-0123456789", VALUES["THE_KEY"]):
        assert value not in program.output


def test_a_token_endpoint_obeys_the_rules_of_egress(run, provider):
    upstream = provider()
    text = (
        f"{SECRETS}upstreams:\n  api:\n    url: {upstream.url}\n    auth: {{type: oauth2, grant: client_credentials, "
        "client_secret: key, client_id: id, token_url: 'http://localhost:9/token'}\n"
    )
    program = run(text, **VALUES)
    assert httpx.get(f"{program.proxy}/api/a").json()["code"] == "secret_unavailable"
    program.until(lambda: "the token endpoint: egress_denied" in program.output)


def test_an_assertion_signed_with_a_key_in_a_file(oauth, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    program, upstream, endpoint = oauth(
        [token("tok-1-0123456789")],
        grant="grant: jwt_bearer, private_key: pem",
        more=f"secrets: {{id: {{env: THE_ID}}, pem: {{file: {tmp_path}/key.pem}}}}\n",
    )
    assert httpx.get(f"{program.proxy}/api/a").status_code == 200
    form = parse_qs(endpoint.requests[0].body.decode())
    audience = f"{endpoint.url}/token?v=2"
    claims = jwt.decode(form["assertion"][0], key.public_key(), algorithms=["RS256"], audience=audience)
    assert (claims["iss"], claims["sub"]) == (VALUES["THE_ID"], VALUES["THE_ID"])
    assert len(upstream.requests) == 1


def test_an_upload_signed_in_chunks_is_refused_with_the_switch(through):
    keys = "auth: {type: aws_sigv4, access_key: id, secret_key: key, region: eu-west-1, service: s3}\n"
    program, upstream = through(keys=keys, more=SECRETS, **VALUES)
    chunks = {"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    answer = httpx.put(f"{program.proxy}/api/bucket/a", content=b"hello", headers=chunks)
    assert (answer.status_code, answer.json()["code"], upstream.requests) == (400, "bad_request", [])
    assert "payload_signing_enabled" in answer.json()["detail"]


def test_a_mac_over_time_and_body(through):
    keys = (
        "auth: {type: hmac, secret: key, header: X-Sig, signed: '{timestamp}.{body}', timestamp: X-Time,"
        " prefix: 'v1='}\n"
    )
    program, upstream = through([plain(500), plain(200)], keys + FAST, SECRETS, **VALUES)
    own = {"X-Sig": "own", "X-Time": "1", "Idempotency-Key": "k"}
    httpx.post(f"{program.proxy}/api/a", content=b"hello", headers=own)
    for seen in upstream.requests:
        [time], [mac] = seen.values(b"x-time"), seen.values(b"x-sig")
        wanted = hmac.new(VALUES["THE_KEY"].encode(), time + b".hello", "sha256").hexdigest()
        assert (mac.decode(), seen.body) == (f"v1={wanted}", b"hello")
    assert len(upstream.requests) == 2


def test_a_username_token_in_the_body(through):
    keys = "auth: {type: ws_security, username: id, password: key, password_type: digest}\n"
    program, upstream = through(keys=keys, more=SECRETS, **VALUES)
    envelope = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><x/></e:Body></e:Envelope>'
    kind = {"Content-Type": "text/xml"}
    assert httpx.post(f"{program.proxy}/api/svc", content=envelope, headers=kind).status_code == 200
    [seen] = upstream.requests
    assert seen.values(b"content-length") == [str(len(seen.body)).encode()]
    assert f"<wsse:Username>{VALUES['THE_ID']}</wsse:Username>".encode() in seen.body
    assert VALUES["THE_KEY"].encode() not in seen.body
    refused = httpx.post(f"{program.proxy}/api/svc", content=b"{}")
    assert (refused.status_code, refused.json()["code"], len(upstream.requests)) == (400, "bad_request", 1)
    assert httpx.get(f"{program.proxy}/api/svc?wsdl").status_code == 200
