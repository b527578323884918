"""Signing a webhook: the inverse of verifying, from the same settings. For test events and for deliveries.

The signed bytes are asked of the scheme's own `Reader`, with a blank signature in place, so that both sides cannot
differ. The one thing a reader would get wrong: the secret of a public-key scheme verifies; signing needs another key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import NamedTuple

from proxy.rules.claims import Claim, Stop
from proxy.rules.incoming import TooManyPairs
from proxy.rules.locators import first, parse_locator
from proxy.rules.placing import CannotPlace, Outgoing, put
from proxy.rules.schemes import SCHEMES
from proxy.rules.signatures import VerifySettings, locators_of
from proxy.rules.signed_values import key_bytes
from proxy.rules.special_signing import kind_of_key, needs_private_key, sign_adyen, sign_jwt, sign_sns
from proxy.rules.templates import compile_template
from proxy.rules.twilio_signature import signed_size
from proxy.units import rfc3339

_DER = bytes.fromhex("3006020101020101")  # the smallest signature that looks like one of ECDSA


class CannotSign(ValueError):
    """Settings, key or request that no signature can be made for. The text says what is missing; it holds no secret."""


class Pen(NamedTuple):
    """What is signed with. `secret`: as it is configured; where keys are public, the private key. `wall`: Unix seconds.

    `id`: stands wherever the request lacks an id or another value that the signature covers.
    """

    secret: bytes
    wall: float
    id: bytes


def sign(settings: VerifySettings, public_url: str | None, request: Outgoing, pen: Pen) -> Outgoing:
    """The request with time, id and signature in place. Raises `CannotSign`."""
    signer = _SIGNERS.get(settings.scheme)
    if signer is None:
        raise CannotSign(f"scheme {settings.scheme}: nothing can be signed by it here")
    try:
        return signer(settings, public_url, request, pen)
    except Stop as stop:
        raise CannotSign(f"{stop.outcome}: {stop.detail}") from None
    except (CannotPlace, TooManyPairs) as error:
        raise CannotSign(str(error)) from None


def sign_anew(
    settings: VerifySettings, public_url: str | None, request: Outgoing, secret: bytes, wall: float
) -> Outgoing | None:
    """The same event with the time `wall` and a fresh signature, header for header where the old ones were.

    None where the event goes as it came: no `hmac`, no signed time, or one of them in the body. Raises `CannotSign`.
    """
    if settings.scheme != "hmac" or settings.timestamp is None:
        return None
    if not all(where.startswith(("header:", "param:")) for where in (settings.timestamp, *settings.signature)):
        return None
    there = _where(settings, request)
    others = {where.partition(":")[2].lower().encode() for where in settings.signature} - {
        there.partition(":")[2].lower().encode()
    }
    kept = tuple(field for field in request.headers if field[0].lower() not in others)
    return sign(settings, public_url, request._replace(headers=kept), Pen(secret, wall, b""))


def stranger(settings: VerifySettings, pen: Pen) -> bytes:
    """A secret, or private key, that fits the settings and is not the webhook's."""
    if needs_private_key(settings):
        from proxy.rules.private_keys import new_private_key  # noqa: PLC0415 - as below

        return new_private_key(kind_of_key(settings))
    other = hashlib.sha256(pen.id + pen.secret).digest()
    encoding = settings.key.encoding
    if settings.scheme == "basic":
        return b"stranger:" + other.hex().encode()
    text = base64.b64encode(other) if encoding == "base64" else other.hex().encode()
    return (settings.key.strip_prefix or "").encode() + text


def time_text(wall: float, unit: str) -> bytes:
    """Unix seconds written as `s`, `ms` or `iso8601`."""
    if unit == "iso8601":
        return rfc3339(wall, "seconds").encode()
    return b"%d" % (wall * 1000 if unit == "ms" else wall)


def written(signature: bytes, encoding: str) -> bytes:
    """A signature's bytes in the spelling that `signed_values.signature_bytes` reads."""
    if encoding == "hex":
        return signature.hex().encode()
    return base64.b64encode(signature) if encoding == "base64" else base64.urlsafe_b64encode(signature)


Signer = Callable[[VerifySettings, str | None, Outgoing, Pen], Outgoing]
Make = Callable[[VerifySettings, Claim, bytes], bytes]  # raises ValueError


def _hmac(settings: VerifySettings, claim: Claim, secret: bytes) -> bytes:
    key = key_bytes(secret, settings.key.encoding, settings.key.strip_prefix)
    mac = hmac.new(key, digestmod=claim.algorithm)
    for piece in claim.messages[0]:
        mac.update(piece)
    return mac.digest()


def _ed25519(settings: VerifySettings, claim: Claim, secret: bytes) -> bytes:
    from proxy.rules.private_keys import ed25519_signature  # noqa: PLC0415 - the library is loaded where it is needed

    return ed25519_signature(secret, settings.key.encoding, b"".join(claim.messages[0]))


def _ecdsa(_settings: VerifySettings, claim: Claim, secret: bytes) -> bytes:
    from proxy.rules.private_keys import ecdsa_signature  # noqa: PLC0415 - as above

    return ecdsa_signature(secret, claim.algorithm, b"".join(claim.messages[0]))


def _rsa(_settings: VerifySettings, claim: Claim, secret: bytes) -> bytes:
    from proxy.rules.private_keys import rsa_signature  # noqa: PLC0415 - as above

    return rsa_signature(secret, claim.algorithm, b"".join(claim.messages[0]))


def _templated(make: Make, blank: Callable[[VerifySettings], bytes]) -> Signer:
    def signer(settings: VerifySettings, public_url: str | None, request: Outgoing, pen: Pen) -> Outgoing:
        parts = SCHEMES[settings.scheme](settings, public_url)
        where = _where(settings, request)
        if parts.body_covered and parse_locator(where).in_body:
            raise CannotSign("the signature would stand in the body that it signs")
        request = _filled(settings, request, pen)
        request = put(request, where, _value(settings, blank(settings), pen))
        claim = parts.reader.read(request.seen())
        return put(request, where, _value(settings, _made(make, settings, claim, pen), pen))

    return signer


def _made(make: Make, settings: VerifySettings, claim: Claim, pen: Pen) -> bytes:
    try:
        return make(settings, claim, pen.secret)
    except ValueError as error:
        raise CannotSign(f"the key {error}") from None


def _token(settings: VerifySettings, _public_url: str | None, request: Outgoing, pen: Pen) -> Outgoing:
    return put(_with_id(settings, request, pen), _where(settings, request), pen.secret)


def _basic(settings: VerifySettings, _public_url: str | None, request: Outgoing, pen: Pen) -> Outgoing:
    where = settings.signature[0] if settings.signature else "header:Authorization"
    return put(_with_id(settings, request, pen), where, b"Basic " + base64.b64encode(pen.secret))


def _twilio(settings: VerifySettings, public_url: str | None, request: Outgoing, pen: Pen) -> Outgoing:
    parts = SCHEMES[settings.scheme](settings, public_url)
    request = _with_id(settings, request, pen)
    where = "header:X-Twilio-Signature"
    size = signed_size(request.seen())
    try:
        blank = put(request, where, written(bytes(size), "base64"))
        claim = parts.reader.read(blank.seen())
    except Stop as stop:
        if stop.outcome not in ("body_not_signed", "bad_signature"):
            raise
        digest = hashlib.sha256(request.body).hexdigest().encode()  # no form: Twilio covers the body by the URL
        request = put(request, "query:bodySHA256", digest)
        claim = parts.reader.read(put(request, where, written(bytes(size), "base64")).seen())
    return put(request, where, written(_made(_hmac, settings, claim, pen), "base64"))


def _jwt(settings: VerifySettings, public_url: str | None, request: Outgoing, pen: Pen) -> Outgoing:
    SCHEMES["jwt"](settings, public_url)  # refuses settings by which nothing could be signed
    return _by_key(lambda: sign_jwt(settings, request, pen.secret, pen.wall, pen.id))


def _adyen(settings: VerifySettings, _public_url: str | None, request: Outgoing, pen: Pen) -> Outgoing:
    return _by_key(lambda: sign_adyen(settings, request, pen.secret))


def _sns(settings: VerifySettings, _public_url: str | None, request: Outgoing, pen: Pen) -> Outgoing:
    if not settings.secrets:
        raise CannotSign(
            "Amazon alone can sign by its own certificate: pin one of your own with verify.secrets and use its key"
        )
    return _by_key(lambda: sign_sns(settings, request, pen.secret))


def _by_key(signed: Callable[[], Outgoing]) -> Outgoing:
    try:
        return signed()
    except CannotPlace:
        raise
    except ValueError as error:
        raise CannotSign(f"the key {error}") from None


_SIGNERS: dict[str, Signer] = {
    "hmac": _templated(_hmac, lambda settings: bytes(hashlib.new(settings.algorithm).digest_size)),
    "ed25519": _templated(_ed25519, lambda _: bytes(64)),
    "ecdsa": _templated(_ecdsa, lambda _: _DER),
    "rsa": _templated(_rsa, lambda _: bytes(256)),
    "token": _token,
    "basic": _basic,
    "twilio": _twilio,
    "jwt": _jwt,
    "adyen": _adyen,
    "aws_sns": _sns,
}


def _where(settings: VerifySettings, request: Outgoing) -> str:
    """Of the places that a signature may have, the one that the request uses, else the first."""
    if not settings.signature:
        raise CannotSign("signature: says no place")
    seen = request.seen()
    return next((where for where in settings.signature if parse_locator(where).find(seen)), settings.signature[0])


def _filled(settings: VerifySettings, request: Outgoing, pen: Pen) -> Outgoing:
    """The request with the time, and with an id wherever something that is signed is not there."""
    if settings.timestamp is not None and not settings.timestamp.startswith("param:"):
        request = put(request, settings.timestamp, time_text(pen.wall, settings.timestamp_unit))
    request = _with_id(settings, request, pen)
    if settings.nonce is not None and not any(parse_locator(settings.nonce).find(request.seen())):
        request = put(request, settings.nonce, pen.id)
    template = compile_template(settings.signed or "", settings.options)
    for locator in template.locators:
        if locator.kind != "param" and not any(locator.find(request.seen())):
            name = "/" + "/".join(locator.pointer) if locator.kind == "json" else locator.name.decode()
            request = put(request, f"{locator.kind}:{name}", pen.id)
    return request


def _with_id(settings: VerifySettings, request: Outgoing, pen: Pen) -> Outgoing:
    if not settings.id or not pen.id or first(locators_of(settings.id), request.seen()) is not None:
        return request
    if parse_locator(settings.id[0]).in_body and "{id}" not in (settings.signed or ""):
        return request  # a body is changed only where nothing can be signed without that
    return put(request, settings.id[0], pen.id)


def _value(settings: VerifySettings, signature: bytes, pen: Pen) -> bytes:
    text = written(signature, settings.encoding)
    if settings.format == "raw":
        return (settings.prefix or "").encode() + text
    pairs = [((settings.param or "").encode(), text)]
    names = [
        locator.name
        for locator in compile_template(settings.signed or "", settings.options).locators
        if locator.kind == "param"
    ]
    time = (settings.timestamp or "").partition("param:")[2].encode()
    pairs = [(name, pen.id) for name in names if name != time] + pairs
    if time:
        pairs.insert(0, (time, time_text(pen.wall, settings.timestamp_unit)))
    return settings.separator.encode().join(name + settings.assign.encode() + value for name, value in pairs)
