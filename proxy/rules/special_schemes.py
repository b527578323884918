"""The four schemes whose signed text no template can say: what their settings must be, and what they are made of.

Each function takes the settings and the public URL and raises `ValueError`, `key: what is wrong`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from proxy.rules.adyen_signature import AdyenReader
from proxy.rules.claims import Key, Parts
from proxy.rules.jwt_claims import Algorithm, JwtReader, Shape, of_size
from proxy.rules.signatures import VerifySettings
from proxy.rules.signed_values import ENCODINGS, key_bytes
from proxy.rules.signing_keys import HmacKey, KeyPerHash
from proxy.rules.sns_signature import HASHES, SnsReader
from proxy.rules.template_schemes import not_empty, signature_places
from proxy.rules.twilio_signature import ALGORITHMS, TwilioReader


def twilio_scheme(_settings: VerifySettings, public_url: str | None) -> Parts:
    if public_url is None:
        raise ValueError("scheme: twilio signs the URL that it was given: say public_url")
    return Parts(TwilioReader(public_url), lambda secret: HmacKey(not_empty(secret), ALGORITHMS), body_covered=True)


def sns_scheme(settings: VerifySettings, _public_url: str | None) -> Parts:
    """With `secrets`, those are the certificates; without, the one that a message names is wanted."""
    said = settings.options.get("topic_arns")
    topics = [said] if isinstance(said, str) else said
    if not isinstance(topics, list | tuple) or not topics or not all(isinstance(one, str) and one for one in topics):
        raise ValueError("options: aws_sns needs topic_arns: [arn:aws:sns:…]; other topics have the same certificate")
    reader = SnsReader(topics)
    wanted = None if settings.secrets else reader.certificate_url
    return Parts(reader, _certificate, body_covered=True, certificate_url=wanted)


def adyen_scheme(settings: VerifySettings, _public_url: str | None) -> Parts:
    if settings.key.encoding not in ("raw", "hex"):  # `raw` is what stands there when nobody said anything
        raise ValueError("key: the keys of adyen are hex")
    prefix = settings.key.strip_prefix
    return Parts(
        AdyenReader(), lambda secret: HmacKey(key_bytes(secret, "hex", prefix), ("sha256",)), body_covered=False
    )


def jwt_scheme(settings: VerifySettings, _public_url: str | None) -> Parts:
    if not settings.body_claim:
        raise ValueError("body_claim: jwt needs the claim that holds the SHA-256 of the body")
    if settings.body_encoding not in ENCODINGS:
        raise ValueError(f"body_encoding: is unknown; allowed: {', '.join(ENCODINGS)}")
    if settings.issued_at is not None and settings.tolerance is None:
        raise ValueError("issued_at: needs a tolerance")
    reader = JwtReader(
        signature=signature_places(settings),
        prefix=(settings.prefix or "").encode(),
        algorithms={name: _JWT[name][1] for name in _one_family(settings.algorithms)},
        issued_at=settings.issued_at,
        body_claim=settings.body_claim,
        body_encoding=settings.body_encoding,
    )
    return Parts(reader, _FAMILIES[_JWT[settings.algorithms[0]][0]](settings), body_covered=True)


def _one_family(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in _JWT]
    if unknown or not names:
        raise ValueError(f"algorithms: {', '.join(unknown) or 'none'}; allowed: {', '.join(_JWT)}")
    if len({_JWT[name][0] for name in names}) > 1:
        raise ValueError("algorithms: these take different kinds of keys; a public key must never serve as a secret")
    return names


def _hmac_family(settings: VerifySettings) -> Callable[[bytes], Key]:
    encoding, prefix = settings.key.encoding, settings.key.strip_prefix
    if encoding in ("spki_base64", "pem"):
        raise ValueError(f"key: {encoding} holds public keys, and these algorithms need a shared secret")
    hashes = tuple(_JWT[name][1].hash for name in settings.algorithms)
    return lambda secret: HmacKey(key_bytes(secret, encoding, prefix), hashes)


def _rsa_family(settings: VerifySettings) -> Callable[[bytes], Key]:
    from proxy.rules.public_keys import rsa_key  # noqa: PLC0415 - the library is loaded where it is needed

    encoding, prefix = settings.key.encoding, settings.key.strip_prefix
    hashes = [_JWT[name][1].hash for name in settings.algorithms]

    def prepare(secret: bytes) -> Key:
        written = key_bytes(secret, encoding, prefix)
        return KeyPerHash({name: rsa_key(written, encoding, name) for name in hashes})

    return prepare


def _ecdsa_family(settings: VerifySettings) -> Callable[[bytes], Key]:
    from proxy.rules.public_keys import ecdsa_key  # noqa: PLC0415 - as above

    encoding, prefix = settings.key.encoding, settings.key.strip_prefix
    return lambda secret: ecdsa_key(key_bytes(secret, encoding, prefix), encoding, "sha256")


def _ed25519_family(settings: VerifySettings) -> Callable[[bytes], Key]:
    from proxy.rules.public_keys import ed25519_key  # noqa: PLC0415 - as above

    encoding, prefix = settings.key.encoding, settings.key.strip_prefix
    return lambda secret: ed25519_key(key_bytes(secret, encoding, prefix), encoding)


def _joined_pair(signature: bytes) -> bytes | None:
    """RFC 7518, 3.4: two numbers of 32 bytes, one behind the other -> DER."""
    from proxy.rules.public_keys import der_signature  # noqa: PLC0415 - as above

    return der_signature(signature) if len(signature) == 64 else None


def _certificate(secret: bytes) -> Key:
    from proxy.rules.public_keys import rsa_key  # noqa: PLC0415 - as above

    return KeyPerHash({name: rsa_key(not_empty(secret), "pem", name) for name in HASHES.values()})


_FAMILIES: dict[str, Callable[[VerifySettings], Callable[[bytes], Key]]] = {
    "HS": _hmac_family,
    "RS": _rsa_family,
    "ES": _ecdsa_family,
    "Ed": _ed25519_family,
}


def _sized(name: str) -> Algorithm:
    return Algorithm(name, of_size(hashlib.new(name).digest_size))


_ANY_SIZE: Shape = lambda signature: signature or None  # noqa: E731 - a key knows how long its signatures are
_JWT: dict[str, tuple[str, Algorithm]] = {
    "HS256": ("HS", _sized("sha256")),
    "HS384": ("HS", _sized("sha384")),
    "HS512": ("HS", _sized("sha512")),
    "RS256": ("RS", Algorithm("sha256", _ANY_SIZE)),
    "RS384": ("RS", Algorithm("sha384", _ANY_SIZE)),
    "RS512": ("RS", Algorithm("sha512", _ANY_SIZE)),
    "ES256": ("ES", Algorithm("sha256", _joined_pair)),
    "EdDSA": ("Ed", Algorithm("", of_size(64))),
}
