"""What `verify:` may not say, each with the key that is wrong, and what it may."""

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any, get_args, get_type_hints

import pytest

from proxy.rules.schemes import SCHEMES, compile_scheme
from proxy.rules.signatures import KeySettings, VerifySettings
from tests.support.judging import PLAIN, TIMED

TOKEN = VerifySettings(scheme="token", signature=("header:X-Token",), body_signed=False, secrets=("key",))
TWILIO = VerifySettings(scheme="twilio", secrets=("key",))
SNS = VerifySettings(scheme="aws_sns")
ADYEN = VerifySettings(scheme="adyen", body_signed=False, secrets=("key",))
JWT = VerifySettings(
    scheme="jwt", signature=("header:X-T",), algorithms=("HS256",), body_claim="body", secrets=("key",)
)
REFUSED = {
    "an unknown scheme": (replace(PLAIN, scheme="rot13"), "scheme: rot13 is unknown; allowed: hmac"),
    "a nonce that is many": (replace(PLAIN, nonce="json:/a/*"), "nonce: * stands for many"),
    "an unknown locator of the nonce": (replace(PLAIN, nonce="X"), "nonce: 'X' is no locator"),
    "a claim where there is no token": (replace(PLAIN, id=("claim:jti",)), "id: claim: is for scheme jwt"),
    "a signed claim where there is no token": (replace(PLAIN, signed="{claim:a}{body}"), "signed: claim: is for"),
    "a time in a claim": (replace(TIMED, timestamp="claim:iat"), "timestamp: claim: is for scheme jwt"),
    "a pair as the id where there are none": (replace(PLAIN, id=("param:i",)), "id: param: needs format"),
    "the claims of a token in another scheme": (replace(PLAIN, issued_at="iat"), "issued_at: scheme hmac does not"),
    "Meta's handshake without its token": (replace(PLAIN, handshake="meta"), "options: handshake meta needs"),
    "a CRC with a nonce that is not signed": (
        replace(PLAIN, signed="{crc32}", nonce="header:X"),
        "signed: the body is not covered",
    ),
    "SNS without topics": (SNS, "options: aws_sns needs topic_arns"),
    "SNS with no topic": (replace(SNS, options={"topic_arns": []}), "options: aws_sns needs topic_arns"),
    "SNS with an empty topic": (replace(SNS, options={"topic_arns": [""]}), "options: aws_sns needs topic_arns"),
    "Adyen's fields as if they were the body": (replace(ADYEN, body_signed=True), "signed: the body is not covered"),
    "Adyen's key in another spelling": (replace(ADYEN, key=KeySettings(encoding="base64")), "key: the keys of adyen"),
    "a token without algorithms": (replace(JWT, algorithms=()), "algorithms: none; allowed: HS256"),
    "a token that is not signed": (replace(JWT, algorithms=("none",)), "algorithms: none; allowed: HS256"),
    "an unknown algorithm": (replace(JWT, algorithms=("HS256", "HS1")), "algorithms: HS1; allowed"),
    "a public key as a shared secret": (
        replace(JWT, algorithms=("HS256", "RS256")),
        "algorithms: these take different",
    ),
    "a token that says nothing of the body": (replace(JWT, body_claim=None), "body_claim: jwt needs the claim"),
    "a body claim in another spelling": (replace(JWT, body_encoding="utf7"), "body_encoding: is unknown; allowed"),
    "a token's time without a tolerance": (replace(JWT, issued_at="iat"), "issued_at: needs a tolerance"),
    "a token with a template": (replace(JWT, signed="{body}"), "signed: scheme jwt does not use it"),
    "a shared secret in PEM": (replace(JWT, key=KeySettings(encoding="pem")), "key: pem holds public keys"),
    "a claim as the token": (replace(JWT, signature=("claim:a",)), "signature: claim: is a part"),
    "an unknown handshake": (replace(PLAIN, handshake="wave"), "handshake: wave is unknown; available: slack"),
    "no secrets": (replace(PLAIN, secrets=()), "secrets: 0 names"),
    "five secrets": (replace(PLAIN, secrets=tuple("abcde")), "secrets: 5 names; from 1 to 4"),
    "a tolerance without a time": (replace(PLAIN, tolerance=9.0), "tolerance: without timestamp"),
    "an option that YAML took for a number": (
        replace(PLAIN, signed="{option:webhook_id}{body}", options={"webhook_id": 12}),
        "signed: {option:webhook_id} needs options: {webhook_id: …}, a text: in quotes",
    ),
    "no template": (replace(PLAIN, signed=None), "signed: hmac needs the template"),
    "a template without the body": (replace(PLAIN, signed="{method}"), "signed: the body is not covered"),
    "a CRC of the body, which anybody can hit": (replace(PLAIN, signed="{crc32}"), "signed: the body is not covered"),
    "a token, unless that is said": (replace(TOKEN, body_signed=True), "signed: the body is not covered"),
    "an unknown placeholder": (replace(PLAIN, signed="{bodi}{body}"), "signed: {bodi} is no placeholder"),
    "a URL that is not known": (replace(PLAIN, signed="{url}{body}"), "signed: {url} is the URL"),
    "a time that is not located": (replace(PLAIN, signed="{timestamp}{body}"), "signed: {timestamp} needs timestamp"),
    "an id that is not located": (replace(PLAIN, signed="{id}{body}"), "signed: {id} needs id"),
    "no signature": (replace(PLAIN, signature=()), "signature: say where it is"),
    "an unknown locator": (replace(PLAIN, signature=("X-Sig",)), "signature: 'X-Sig' is no locator"),
    "an unknown locator of the id": (replace(PLAIN, id=("X-Id",)), "id: 'X-Id' is no locator"),
    "an unknown locator of the type": (replace(PLAIN, type=("X",)), "type: 'X' is no locator"),
    "an unknown locator of the time": (replace(TIMED, timestamp="X-T"), "timestamp: 'X-T' is no locator"),
    "many times": (replace(TIMED, timestamp="json:/a/*/b"), "timestamp: * stands for many"),
    "many signatures": (replace(PLAIN, signature=("json:/a/*",)), "signature: * stands for many"),
    "a pair of a signature that has none": (replace(TIMED, timestamp="param:t"), "timestamp: param: needs format"),
    "a pair in the template of such": (replace(PLAIN, signed="{param:a}{body}"), "signed: param: needs format"),
    "the signature as its own pair": (replace(PLAIN, signature=("param:v1",)), "signature: param: is a pair"),
    "the name of pairs without pairs": (replace(PLAIN, param="v1"), "param: needs format: params"),
    "pairs without a name": (replace(PLAIN, format="params"), "param: format: params needs the name"),
    "pairs with a prefix": (replace(PLAIN, format="params", param="a", prefix="b"), "format: prefix and repeat"),
    "pairs that repeat": (replace(PLAIN, format="params", param="a", repeat=True), "format: prefix and repeat"),
    "a long separator": (replace(PLAIN, format="params", param="a", separator=", "), "separator: it and assign"),
    "a public key for a shared secret": (replace(PLAIN, key=KeySettings(encoding="pem")), "key: pem holds public"),
    "methods in small letters": (replace(PLAIN, methods=("post",)), "methods: a list of methods in capitals"),
    "no methods": (replace(PLAIN, methods=()), "methods: a list"),
    "a key that a token does not use": (replace(TOKEN, prefix="a"), "prefix: scheme token does not use it"),
    "a key that Twilio's scheme does not use": (replace(TWILIO, signed="{body}"), "signed: scheme twilio does not"),
    "Twilio without its URL": (TWILIO, "scheme: twilio signs the URL"),
}


@pytest.mark.parametrize(("settings", "said"), REFUSED.values(), ids=REFUSED)
def test_settings_that_cannot_be_are_refused_with_their_key(settings: VerifySettings, said: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(said)):
        compile_scheme(settings)


@pytest.mark.parametrize("url", ["hooks.example/in", "ftp://hooks.example", "https://", "https://a:b/"])
def test_a_public_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"public_url|[Pp]ort"):
        compile_scheme(TWILIO, url)


METHODS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "POST alone": ({}, ("POST",)),
    "GET too where Twilio calls": ({"scheme": "twilio"}, ("POST", "GET")),
    "what is said": ({"scheme": "twilio", "methods": ("POST",)}, ("POST",)),
}


@pytest.mark.parametrize(("changes", "methods"), METHODS.values(), ids=METHODS)
def test_methods(changes: dict[str, Any], methods: tuple[str, ...]) -> None:
    settings = replace(TWILIO, **changes) if changes else PLAIN
    assert compile_scheme(settings, "https://hooks.example").methods == methods


def test_every_scheme_that_can_be_written_is_there() -> None:
    assert get_args(get_type_hints(VerifySettings)["scheme"]) == tuple(SCHEMES)


def test_sns_needs_no_secrets_and_may_have_some() -> None:
    topics = replace(SNS, options={"topic_arns": ["arn:aws:sns:eu-west-1:1:a"]})
    compile_scheme(topics)
    compile_scheme(replace(topics, secrets=("certificate",)))
    with pytest.raises(ValueError, match="secrets: 5 names; from 0 to 4"):
        compile_scheme(replace(topics, secrets=tuple("abcde")))


@pytest.mark.parametrize(
    ("signed", "changes"),
    [
        ("{header:X-Id}|{crc32}", {"nonce": "header:X-Id"}),
        ("{id}|{crc32}", {"nonce": "header:X-Id", "id": ("header:x-id",)}),
    ],
)
def test_a_crc_covers_the_body_where_a_signed_nonce_names_the_request(signed: str, changes: dict[str, Any]) -> None:
    compile_scheme(replace(PLAIN, signed=signed, **changes))


def test_the_cryptography_library_is_not_loaded_for_shared_secrets() -> None:
    code = (
        "import sys, proxy.rules.schemes as s; from proxy.rules.signatures import VerifySettings as V;"
        "s.compile_scheme(V(scheme='hmac', signature=('header:a',), signed='{body}', secrets=('k',)));"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own interpreter
