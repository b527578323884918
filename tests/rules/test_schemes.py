"""What `verify:` may not say, each with the key that is wrong, and what it may."""

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from proxy.rules.schemes import AVAILABLE_SCHEMES, compile_scheme
from proxy.rules.signatures import KeySettings, VerifySettings
from tests.support.judging import PLAIN, TIMED

TOKEN = VerifySettings(scheme="token", signature=("header:X-Token",), body_signed=False, secrets=("key",))
TWILIO = VerifySettings(scheme="twilio", secrets=("key",))
REFUSED = {
    "a scheme of a later version": (replace(PLAIN, scheme="jwt"), "scheme: jwt is not available yet"),
    "a nonce, which nothing remembers yet": (replace(PLAIN, nonce="header:X"), "nonce: is not available yet"),
    "an unknown handshake": (replace(PLAIN, handshake="wave"), "handshake: wave is unknown; available: slack"),
    "no secrets": (replace(PLAIN, secrets=()), "secrets: 0 names"),
    "five secrets": (replace(PLAIN, secrets=tuple("abcde")), "secrets: 5 names; from 1 to 4"),
    "a tolerance without a time": (replace(PLAIN, tolerance=9.0), "tolerance: without timestamp"),
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


def test_what_is_available_can_be_compiled() -> None:
    assert AVAILABLE_SCHEMES == ("hmac", "ed25519", "ecdsa", "rsa", "token", "basic", "twilio")


def test_the_cryptography_library_is_not_loaded_for_shared_secrets() -> None:
    code = (
        "import sys, proxy.rules.schemes as s; from proxy.rules.signatures import VerifySettings as V;"
        "s.compile_scheme(V(scheme='hmac', signature=('header:a',), signed='{body}', secrets=('k',)));"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own interpreter
