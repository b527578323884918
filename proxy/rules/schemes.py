"""From `verify:` to a scheme that can check requests, and every reason why such settings are refused.

A scheme is a row of `SCHEMES`; a provider needs none, it is settings. The errors' words are for `outrigger check`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields

from proxy.rules.claims import Parts
from proxy.rules.handshakes import HANDSHAKES
from proxy.rules.signatures import Scheme, VerifySettings
from proxy.rules.special_schemes import adyen_scheme, jwt_scheme, sns_scheme, twilio_scheme
from proxy.rules.template_schemes import (
    basic_scheme,
    ecdsa_scheme,
    ed25519_scheme,
    hmac_scheme,
    located,
    rsa_scheme,
    token_scheme,
)

MOST_SECRETS = 4  # each that does not fit costs a MAC
_METHOD = re.compile(r"[A-Z]{1,16}")

SCHEMES: dict[str, Callable[[VerifySettings, str | None], Parts]] = {
    "hmac": hmac_scheme,
    "ed25519": ed25519_scheme,
    "ecdsa": ecdsa_scheme,
    "rsa": rsa_scheme,
    "token": token_scheme,
    "basic": basic_scheme,
    "jwt": jwt_scheme,
    "twilio": twilio_scheme,
    "aws_sns": sns_scheme,
    "adyen": adyen_scheme,
}
_ANY_SCHEME = frozenset(("scheme", "id", "type", "methods", "handshake", "options", "body_signed", "secrets"))
_JWT = frozenset(("algorithms", "issued_at", "body_claim", "body_encoding"))
_READS = {  # beside _ANY_SCHEME; the schemes that are not here read every key but jwt's
    "token": frozenset(("signature",)),
    "basic": frozenset(("signature",)),
    "jwt": frozenset(("signature", "prefix", "tolerance", "key")) | _JWT,
    "twilio": frozenset[str](),
    "aws_sns": frozenset[str](),
    "adyen": frozenset(("key",)),
}


def compile_scheme(settings: VerifySettings, public_url: str | None = None) -> Scheme:
    """Raises `ValueError`, `key: what is wrong`. The secrets' values are checked by `Scheme.keys`."""
    make = SCHEMES.get(settings.scheme)
    if make is None:
        raise ValueError(f"scheme: {settings.scheme} is unknown; allowed: {', '.join(SCHEMES)}")
    if settings.handshake is not None and settings.handshake not in HANDSHAKES:
        raise ValueError(f"handshake: {settings.handshake} is unknown; available: {', '.join(HANDSHAKES)}")
    if settings.handshake == "meta" and not isinstance(settings.options.get("verify_token"), str):
        raise ValueError("options: handshake meta needs verify_token, the name of a secret")
    _refuse_unread(settings)
    _check_options(settings)
    _check_locators(settings)
    if settings.tolerance is not None and settings.timestamp is None and settings.issued_at is None:
        raise ValueError("tolerance: without timestamp there is no time to hold it against")
    least = 0 if settings.scheme == "aws_sns" else 1  # without secrets the certificate is fetched
    if not least <= len(settings.secrets) <= MOST_SECRETS:
        raise ValueError(f"secrets: {len(settings.secrets)} names; from {least} to {MOST_SECRETS} are allowed")
    parts = make(settings, public_url)
    if settings.body_signed and not parts.body_covered:
        raise ValueError("signed: the body is not covered by the signature; if that is so, say body_signed: false")
    return Scheme(settings, parts, _methods(settings))


def _refuse_unread(settings: VerifySettings) -> None:
    read = _READS.get(settings.scheme)
    for each in fields(settings):
        used = each.name not in _JWT if read is None else each.name in read or each.name in _ANY_SCHEME
        if not used and getattr(settings, each.name) != each.default:
            raise ValueError(f"{each.name}: scheme {settings.scheme} does not use it")


def _check_options(settings: VerifySettings) -> None:
    if not isinstance(settings.options.get("url_decode", False), bool):
        raise ValueError("options: url_decode is true or false")


def _check_locators(settings: VerifySettings) -> None:
    nonce = () if settings.nonce is None else (settings.nonce,)
    for key, texts in (("id", settings.id), ("type", settings.type), ("nonce", nonce)):
        for locator in located(key, texts):
            if locator.kind == "claim" and settings.scheme != "jwt":
                raise ValueError(f"{key}: claim: is for scheme jwt, whose token has claims")
            if locator.kind == "param" and settings.format == "raw":
                raise ValueError(f"{key}: param: needs format: params")
            if locator.every and key == "nonce":
                raise ValueError("nonce: * stands for many values, and one is needed")


def _methods(settings: VerifySettings) -> tuple[str, ...]:
    if settings.methods is None:
        return ("POST", "GET") if settings.scheme == "twilio" else ("POST",)
    if not settings.methods or not all(_METHOD.fullmatch(method) for method in settings.methods):
        raise ValueError("methods: a list of methods in capitals, as in [POST]")
    return settings.methods
