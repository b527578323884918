"""From `verify:` to a scheme that can check requests, and every reason why such settings are refused.

A scheme is a row of `SCHEMES`; a provider needs none, it is settings. The errors' words are for `outrigger check`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import NamedTuple

from proxy.rules.claims import Key, Reader
from proxy.rules.handshakes import HANDSHAKES
from proxy.rules.locators import Locator, parse_locator
from proxy.rules.signatures import Scheme, VerifySettings, locators_of
from proxy.rules.signed_values import key_bytes, signature_bytes
from proxy.rules.signing_keys import HmacKey, TokenKey
from proxy.rules.template_claims import ParamsFormat, Shape, TemplateReader
from proxy.rules.templates import Template, compile_template
from proxy.rules.twilio_signature import ALGORITHMS, TwilioReader

MOST_SECRETS = 4  # each that does not fit costs a MAC
_METHOD = re.compile(r"[A-Z]{1,16}")
_BASIC = re.compile(rb"basic +([^ ].*)", re.IGNORECASE)
_ANY_SCHEME = frozenset(("scheme", "id", "type", "methods", "handshake", "options", "body_signed", "secrets"))


class Parts(NamedTuple):
    """What a scheme is made of; `body_covered`: what it signs covers the body."""

    reader: Reader
    prepare: Callable[[bytes], Key]
    body_covered: bool


def compile_scheme(settings: VerifySettings, public_url: str | None = None) -> Scheme:
    """Raises `ValueError`, `key: what is wrong`. The secrets' values are checked by `Scheme.keys`."""
    make = SCHEMES.get(settings.scheme)
    if make is None:
        raise ValueError(f"scheme: {settings.scheme} is not available yet; available: {', '.join(AVAILABLE_SCHEMES)}")
    if settings.nonce is not None:
        raise ValueError("nonce: is not available yet; it has to be remembered in the inbox")
    if settings.handshake is not None and settings.handshake not in HANDSHAKES:
        raise ValueError(f"handshake: {settings.handshake} is unknown; available: {', '.join(HANDSHAKES)}")
    _refuse_unread(settings)
    for key in ("id", "type"):
        _located(key, getattr(settings, key))
    if not 1 <= len(settings.secrets) <= MOST_SECRETS:
        raise ValueError(f"secrets: {len(settings.secrets)} names; from 1 to {MOST_SECRETS} are allowed")
    if settings.tolerance is not None and settings.timestamp is None:
        raise ValueError("tolerance: without timestamp there is no time to hold it against")
    parts = make(settings, public_url)
    if settings.body_signed and not parts.body_covered:
        raise ValueError("signed: the body is not covered by the signature; if that is so, say body_signed: false")
    return Scheme(settings, parts.reader, parts.prepare, _methods(settings))


def _hmac(settings: VerifySettings, public_url: str | None) -> Parts:
    if settings.key.encoding in ("spki_base64", "pem"):
        raise ValueError(f"key: {settings.key.encoding} holds public keys, and hmac needs a shared secret")
    algorithm = settings.algorithm
    size = hashlib.new(algorithm).digest_size
    return _templated(
        settings, public_url, _of_size(settings.encoding, size), lambda secret: HmacKey(secret, (algorithm,))
    )


def _ed25519(settings: VerifySettings, public_url: str | None) -> Parts:
    from proxy.rules.public_keys import ed25519_key  # noqa: PLC0415 - the library is loaded where it is needed

    shape = _of_size(settings.encoding, 64)
    return _templated(settings, public_url, shape, lambda secret: ed25519_key(secret, settings.key.encoding))


def _ecdsa(settings: VerifySettings, public_url: str | None) -> Parts:
    from proxy.rules.public_keys import ecdsa_key, is_der_signature  # noqa: PLC0415 - as above

    def shape(value: bytes) -> bytes | None:
        found = signature_bytes(value, settings.encoding)
        return found if found is not None and is_der_signature(found) else None

    return _templated(
        settings, public_url, shape, lambda secret: ecdsa_key(secret, settings.key.encoding, settings.algorithm)
    )


def _rsa(settings: VerifySettings, public_url: str | None) -> Parts:
    from proxy.rules.public_keys import rsa_key  # noqa: PLC0415 - as above

    def shape(value: bytes) -> bytes | None:
        return signature_bytes(value, settings.encoding)

    return _templated(
        settings, public_url, shape, lambda secret: rsa_key(secret, settings.key.encoding, settings.algorithm)
    )


def _token(settings: VerifySettings, _public_url: str | None) -> Parts:
    reader = TemplateReader(signature=_signature(settings), shape=lambda value: value)
    return Parts(reader, _token_key, body_covered=False)


def _basic(settings: VerifySettings, _public_url: str | None) -> Parts:
    def shape(value: bytes) -> bytes | None:
        found = _BASIC.fullmatch(value)
        return None if found is None else signature_bytes(found[1], "base64")

    located = _signature(settings) if settings.signature else (parse_locator("header:Authorization"),)
    return Parts(TemplateReader(signature=located, shape=shape), _token_key, body_covered=False)


def _twilio(_settings: VerifySettings, public_url: str | None) -> Parts:
    if public_url is None:
        raise ValueError("scheme: twilio signs the URL that it was given: say public_url")
    return Parts(TwilioReader(public_url), lambda secret: HmacKey(_not_empty(secret), ALGORITHMS), body_covered=True)


SCHEMES: dict[str, Callable[[VerifySettings, str | None], Parts]] = {
    "hmac": _hmac,
    "ed25519": _ed25519,
    "ecdsa": _ecdsa,
    "rsa": _rsa,
    "token": _token,
    "basic": _basic,
    "twilio": _twilio,
}
AVAILABLE_SCHEMES = tuple(SCHEMES)
_READS = {  # beside _ANY_SCHEME; the schemes that are not here read every key
    "token": frozenset(("signature",)),
    "basic": frozenset(("signature",)),
    "twilio": frozenset[str](),
}


def _templated(
    settings: VerifySettings, public_url: str | None, shape: Shape, make_key: Callable[[bytes], Key]
) -> Parts:
    if settings.signed is None:
        raise ValueError(f"signed: {settings.scheme} needs the template of what was signed")
    try:
        template = compile_template(settings.signed, settings.options)
    except ValueError as error:
        raise ValueError(f"signed: {error}") from None
    _refuse_unfilled(template, settings, public_url)
    time = None if settings.timestamp is None else _single("timestamp", settings.timestamp)
    early = time is not None and (not time.in_body or "timestamp" in template.names)
    reader = TemplateReader(
        signature=_signature(settings),
        shape=shape,
        algorithm=settings.algorithm,
        params=_params(settings),
        prefix=(settings.prefix or "").encode(),
        repeat=settings.repeat,
        template=template,
        time=time if early else None,
        late=None if early else time,
        time_unit=settings.timestamp_unit,
        id=locators_of(settings.id),
        base_url=(public_url or "").partition("#")[0].partition("?")[0].encode(),
        url_decode=settings.options.get("url_decode") is True,
    )
    covered = "body" in template.names  # {crc32} covers nothing without a nonce: other bodies have the same one
    encoding, prefix = settings.key.encoding, settings.key.strip_prefix
    return Parts(reader, lambda secret: make_key(key_bytes(secret, encoding, prefix)), covered)


def _refuse_unread(settings: VerifySettings) -> None:
    read = _READS.get(settings.scheme)
    for each in fields(settings):
        if read is None or each.name in _ANY_SCHEME or each.name in read:
            continue
        if getattr(settings, each.name) != each.default:
            raise ValueError(f"{each.name}: scheme {settings.scheme} does not use it")


def _refuse_unfilled(template: Template, settings: VerifySettings, public_url: str | None) -> None:
    if "url" in template.names and public_url is None:
        raise ValueError("signed: {url} is the URL that the sender was given: say public_url")
    if "timestamp" in template.names and settings.timestamp is None:
        raise ValueError("signed: {timestamp} needs timestamp, which says where it is")
    if "id" in template.names and not settings.id:
        raise ValueError("signed: {id} needs id, which says where it is")
    if settings.format == "raw" and any(locator.kind == "param" for locator in template.locators):
        raise ValueError("signed: param: needs format: params")
    if settings.format == "raw" and (settings.timestamp or "").startswith("param:"):
        raise ValueError("timestamp: param: needs format: params")


def _signature(settings: VerifySettings) -> tuple[Locator, ...]:
    found = _located("signature", settings.signature)
    if not found:
        raise ValueError("signature: say where it is, as in header:X-Signature")
    for locator in found:
        if locator.kind == "param":
            raise ValueError("signature: param: is a pair of the signature itself; say param: NAME")
        if locator.every and settings.scheme != "token":
            raise ValueError("signature: * stands for many values, which only a token can be")
    return found


def _located(key: str, texts: Sequence[str]) -> tuple[Locator, ...]:
    try:
        return locators_of(texts)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _single(key: str, text: str) -> Locator:
    (locator,) = _located(key, (text,))
    if locator.every:
        raise ValueError(f"{key}: * stands for many values, and one is needed")
    return locator


def _params(settings: VerifySettings) -> ParamsFormat | None:
    if settings.format == "raw":
        if settings.param is not None:
            raise ValueError("param: needs format: params")
        return None
    if not settings.param:
        raise ValueError("param: format: params needs the name of the pairs that hold signatures")
    if settings.prefix is not None or settings.repeat:
        raise ValueError("format: prefix and repeat are for raw signatures")
    if any(len(mark.encode()) != 1 for mark in (settings.separator, settings.assign)):
        raise ValueError("separator: it and assign are one character each")
    return ParamsFormat(
        param=settings.param.encode(), separator=settings.separator.encode(), assign=settings.assign.encode()
    )


def _methods(settings: VerifySettings) -> tuple[str, ...]:
    if settings.methods is None:
        return ("POST", "GET") if settings.scheme == "twilio" else ("POST",)
    if not settings.methods or not all(_METHOD.fullmatch(method) for method in settings.methods):
        raise ValueError("methods: a list of methods in capitals, as in [POST]")
    return settings.methods


def _of_size(encoding: str, size: int) -> Shape:
    def shape(value: bytes) -> bytes | None:
        found = signature_bytes(value, encoding)
        return found if found is not None and len(found) == size else None

    return shape


def _token_key(secret: bytes) -> Key:
    return TokenKey(_not_empty(secret))


def _not_empty(secret: bytes) -> bytes:
    return key_bytes(secret, "raw", None)
