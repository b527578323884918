"""Handshakes at a webhook: answered here, never delivered, and only where they may be."""

import hmac
import json
from dataclasses import replace

import pytest

from proxy.rules.signatures import VerifySettings
from tests.support.webhooks import Answer, Listening, settings, signed, verify

CHALLENGE = b'{"type": "url_verification", "challenge": "abc.DEF-1_="}'
NOSNIFF = (b"X-Content-Type-Options", b"nosniff")


async def test_slack_s_challenge_is_answered_and_not_delivered() -> None:
    listening = Listening(settings(verify(handshake="slack")))
    found = await listening.ask(CHALLENGE, signed(CHALLENGE))
    assert found.status == 200
    assert json.loads(found.body) == {"challenge": "abc.DEF-1_="}
    assert found.headers == ((b"Content-Type", b"application/json"), NOSNIFF)
    assert listening.ears.ended == [("handshake", None)]
    assert listening.application.requests == []


async def test_a_forged_challenge_is_refused_like_any_forged_request() -> None:
    listening = Listening(settings(verify(handshake="slack")))
    found = await listening.ask(CHALLENGE, signed(CHALLENGE, secret=b"guessed"))
    assert (found.status, found.body) == (401, b"")


async def test_without_the_handshake_a_challenge_is_an_event() -> None:
    listening = Listening(settings())
    assert (await listening.ask(CHALLENGE, signed(CHALLENGE))).body == b"taken"


async def test_a_challenge_with_other_characters_is_bad() -> None:
    body = b'{"type": "url_verification", "challenge": "<script>"}'
    listening = Listening(settings(verify(handshake="slack")))
    found = await listening.ask(body, signed(body))
    assert (found.status, found.body) == (400, b"")
    assert listening.ears.ended == [("bad_handshake", None)]


META = verify(handshake="meta", options={"verify_token": "word"})


async def meta(query: str, line: str = "GET /in/plain?", secrets: tuple[str, ...] = ("new", "old", "word")) -> Answer:
    listening = Listening(settings(META), secrets=dict.fromkeys(secrets, b"made-up"))
    return await listening.ask(line=line + query)


async def test_an_unsigned_handshake_needs_no_signature() -> None:
    found = await meta("hub.mode=subscribe&hub.verify_token=made-up&hub.challenge=1158")
    assert (found.status, found.body) == (200, b"1158")
    assert found.headers == ((b"Content-Type", b"text/plain"), NOSNIFF)


async def test_meta_with_a_wrong_token_is_forbidden_and_learns_nothing() -> None:
    found = await meta("hub.mode=subscribe&hub.verify_token=guessed&hub.challenge=1158")
    assert (found.status, found.body) == (403, b"")


async def test_meta_s_token_that_cannot_be_read_fits_nothing() -> None:
    found = await meta("hub.mode=subscribe&hub.verify_token=&hub.challenge=1158", secrets=("new", "old"))
    assert found.status == 403


@pytest.mark.parametrize("line", ["GET /in/plain?", "HEAD /in/plain?hub.mode=subscribe&", "PUT /in/plain?"])
async def test_what_is_no_handshake_has_a_wrong_method(line: str) -> None:
    found = await meta("hub.challenge=1", line)
    assert (found.status, found.headers) == (405, ((b"Allow", b"POST"),))


async def test_a_head_request_is_answered_where_it_is_the_handshake() -> None:
    listening = Listening(settings(verify(handshake="head")))
    assert (await listening.ask(line="HEAD /in/plain")).status == 200


async def test_okta_s_challenge_needs_its_token() -> None:
    token = VerifySettings(
        scheme="token", signature=("header:Authorization",), body_signed=False, handshake="okta", secrets=("old",)
    )
    listening = Listening(settings(token))
    asked = (b"X-Okta-Verification-Challenge", b"abc")
    good, bad = (b"Authorization", b"made-up-secret"), (b"Authorization", b"guessed")
    assert (await listening.ask(headers=(asked, good), line="GET /in/plain")).body == b'{"verification": "abc"}'
    assert (await listening.ask(headers=(asked, bad), line="GET /in/plain")).status == 401
    assert (await listening.ask(headers=(good,), line="GET /in/plain")).status == 405


async def test_a_handshake_in_the_query_leaves_other_requests_alone() -> None:
    listening = Listening(settings(replace(verify(), handshake="msgraph")))
    assert (await listening.ask(line="POST /in/plain?validationToken=a%20b")).body == b"a b"
    assert (await listening.ask(b"{}", signed(b"{}"))).body == b"taken"


@pytest.mark.parametrize("secret", ["new", "old"])
async def test_zoom_gets_an_answer_by_the_secret_that_it_asked_with(secret: str) -> None:
    body = b'{"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}'
    listening = Listening(settings(verify(handshake="zoom")))
    value = listening.secrets[secret]
    found = await listening.ask(body, signed(body, secret=value))
    assert json.loads(found.body)["encryptedToken"] == hmac.digest(value, b"abc", "sha256").hex()
