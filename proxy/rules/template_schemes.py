"""Schemes whose settings say it all: a template of what was signed, a place, and a kind of key; and bare tokens.

Each function takes the settings and the public URL and raises `ValueError`, `key: what is wrong`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

from proxy.rules.claims import Key, Parts
from proxy.rules.locators import Locator, parse_locator
from proxy.rules.signatures import VerifySettings, locators_of
from proxy.rules.signed_values import key_bytes, signature_bytes
from proxy.rules.signing_keys import HmacKey, TokenKey
from proxy.rules.template_claims import ParamsFormat, Shape, TemplateReader
from proxy.rules.templates import Template, compile_template

_BASIC = re.compile(rb"basic +([^ ].*)", re.IGNORECASE)


def hmac_scheme(settings: VerifySettings, public_url: str | None) -> Parts:
    if settings.key.encoding in ("spki_base64", "pem"):
        raise ValueError(f"key: {settings.key.encoding} holds public keys, and hmac needs a shared secret")
    algorithm = settings.algorithm
    size = hashlib.new(algorithm).digest_size
    return _templated(
        settings, public_url, _of_size(settings.encoding, size), lambda secret: HmacKey(secret, (algorithm,))
    )


def ed25519_scheme(settings: VerifySettings, public_url: str | None) -> Parts:
    from proxy.rules.public_keys import ed25519_key  # noqa: PLC0415 - the library is loaded where it is needed

    shape = _of_size(settings.encoding, 64)
    return _templated(settings, public_url, shape, lambda secret: ed25519_key(secret, settings.key.encoding))


def ecdsa_scheme(settings: VerifySettings, public_url: str | None) -> Parts:
    from proxy.rules.public_keys import ecdsa_key, is_der_signature  # noqa: PLC0415 - as above

    def shape(value: bytes) -> bytes | None:
        found = signature_bytes(value, settings.encoding)
        return found if found is not None and is_der_signature(found) else None

    return _templated(
        settings, public_url, shape, lambda secret: ecdsa_key(secret, settings.key.encoding, settings.algorithm)
    )


def rsa_scheme(settings: VerifySettings, public_url: str | None) -> Parts:
    from proxy.rules.public_keys import rsa_key  # noqa: PLC0415 - as above

    def shape(value: bytes) -> bytes | None:
        return signature_bytes(value, settings.encoding)

    return _templated(
        settings, public_url, shape, lambda secret: rsa_key(secret, settings.key.encoding, settings.algorithm)
    )


def token_scheme(settings: VerifySettings, _public_url: str | None) -> Parts:
    reader = TemplateReader(signature=signature_places(settings), shape=lambda value: value)
    return Parts(reader, _token_key, body_covered=False)


def basic_scheme(settings: VerifySettings, _public_url: str | None) -> Parts:
    def shape(value: bytes) -> bytes | None:
        found = _BASIC.fullmatch(value)
        return None if found is None else signature_bytes(found[1], "base64")

    located = signature_places(settings) if settings.signature else (parse_locator("header:Authorization"),)
    return Parts(TemplateReader(signature=located, shape=shape), _token_key, body_covered=False)


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
        signature=signature_places(settings),
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
        nonce=None if settings.nonce is None else parse_locator(settings.nonce),
        base_url=(public_url or "").partition("#")[0].partition("?")[0].encode(),
        url_decode=settings.options.get("url_decode") is True,
    )
    covered = "body" in template.names or ("crc32" in template.names and _nonce_is_signed(template, settings))
    encoding, prefix = settings.key.encoding, settings.key.strip_prefix
    return Parts(reader, lambda secret: make_key(key_bytes(secret, encoding, prefix)), covered)


def _nonce_is_signed(template: Template, settings: VerifySettings) -> bool:
    """A CRC-32 is that of many bodies; it counts only where a second body under the same nonce can be told."""
    if settings.nonce is None:
        return False
    nonce = parse_locator(settings.nonce)
    signed = set(template.locators)
    for name, places in (("id", settings.id), ("timestamp", (settings.timestamp or "",))):
        if name in template.names and len(places) == 1:
            signed.add(parse_locator(places[0]))
    return nonce in signed


def _refuse_unfilled(template: Template, settings: VerifySettings, public_url: str | None) -> None:
    if "url" in template.names and public_url is None:
        raise ValueError("signed: {url} is the URL that the sender was given: say public_url")
    if "timestamp" in template.names and settings.timestamp is None:
        raise ValueError("signed: {timestamp} needs timestamp, which says where it is")
    if "id" in template.names and not settings.id:
        raise ValueError("signed: {id} needs id, which says where it is")
    if any(locator.kind == "claim" for locator in template.locators):
        raise ValueError("signed: claim: is for scheme jwt, whose token has claims")
    if (settings.timestamp or "").startswith("claim:"):
        raise ValueError("timestamp: claim: is for scheme jwt; it says issued_at")
    if settings.format == "raw" and any(locator.kind == "param" for locator in template.locators):
        raise ValueError("signed: param: needs format: params")
    if settings.format == "raw" and (settings.timestamp or "").startswith("param:"):
        raise ValueError("timestamp: param: needs format: params")


def signature_places(settings: VerifySettings) -> tuple[Locator, ...]:
    found = located("signature", settings.signature)
    if not found:
        raise ValueError("signature: say where it is, as in header:X-Signature")
    for locator in found:
        if locator.kind == "claim":
            raise ValueError("signature: claim: is a part of the token itself")
        if locator.kind == "param":
            raise ValueError("signature: param: is a pair of the signature itself; say param: NAME")
        if locator.every and settings.scheme != "token":
            raise ValueError("signature: * stands for many values, which only a token can be")
    return found


def located(key: str, texts: Sequence[str]) -> tuple[Locator, ...]:
    try:
        return locators_of(texts)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _single(key: str, text: str) -> Locator:
    (locator,) = located(key, (text,))
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
    if settings.separator == settings.assign:
        raise ValueError("separator: it and assign are two different characters")
    return ParamsFormat(
        param=settings.param.encode(), separator=settings.separator.encode(), assign=settings.assign.encode()
    )


def _of_size(encoding: str, size: int) -> Shape:
    def shape(value: bytes) -> bytes | None:
        found = signature_bytes(value, encoding)
        return found if found is not None and len(found) == size else None

    return shape


def _token_key(secret: bytes) -> Key:
    return TokenKey(not_empty(secret))


def not_empty(secret: bytes) -> bytes:
    return key_bytes(secret, "raw", None)
