"""Public keys: what they accept, what they refuse, and secrets that are no such key."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from proxy.rules.credentials import Secret
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import KeySettings, SecretUnusable, VerifySettings
from tests.support.judging import PLAIN, judged, sig

ED = ed25519.Ed25519PrivateKey.from_private_bytes(b"1" * 32)
P256 = ec.derive_private_key(7, ec.SECP256R1())
P384 = ec.derive_private_key(7, ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)
SMALL = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it must be refused

ED25519 = replace(PLAIN, scheme="ed25519", key=KeySettings(encoding="hex"))
ECDSA = replace(PLAIN, scheme="ecdsa", encoding="base64", key=KeySettings(encoding="spki_base64"))
RSA256 = replace(PLAIN, scheme="rsa", encoding="base64", key=KeySettings(encoding="pem"))

Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def raw(key: Private) -> bytes:
    public = key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def pem(key: Private) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def spki(key: Private) -> bytes:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der)


def certificate(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "made up")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2027, 1, 1, tzinfo=UTC)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signature(key: Private, message: bytes = b"body", algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message).hex().encode()
    digest = algorithm or hashes.SHA256()
    made = (
        key.sign(message, ec.ECDSA(digest))
        if isinstance(key, ec.EllipticCurvePrivateKey)
        else key.sign(message, padding.PKCS1v15(), digest)
    )
    return base64.b64encode(made)


def keyed(settings: VerifySettings, encoding: str) -> VerifySettings:
    return replace(settings, key=KeySettings(encoding=encoding))  # type: ignore[arg-type]  # from a table


GOOD = {
    "ed25519, hex": (ED25519, ED, raw(ED).hex().encode()),
    "ed25519, base64 without padding": (keyed(ED25519, "base64"), ED, base64.b64encode(raw(ED)).rstrip(b"=")),
    "ed25519, PEM": (keyed(ED25519, "pem"), ED, pem(ED)),
    "ed25519, SPKI": (keyed(ED25519, "spki_base64"), ED, spki(ED)),
    "P-256, SPKI": (ECDSA, P256, spki(P256)),
    "P-256, PEM": (keyed(ECDSA, "pem"), P256, pem(P256)),
    "P-256, its point": (keyed(ECDSA, "hex"), P256, raw(P256).hex().encode()),
    "RSA, PEM": (RSA256, RSA, pem(RSA)),
    "RSA, certificate": (RSA256, RSA, certificate(RSA)),
}


@pytest.mark.parametrize(("settings", "key", "secret"), GOOD.values(), ids=GOOD)
def test_a_signature_over_the_body_and_nothing_else(settings: VerifySettings, key: Private, secret: bytes) -> None:
    assert judged(settings, sig(signature(key)), b"body", keys=(secret,)) == "by key0"
    assert judged(settings, sig(signature(key)), b"bodY", keys=(secret,)) == "bad_signature"


def test_any_of_several_keys_may_fit() -> None:
    other = ed25519.Ed25519PrivateKey.from_private_bytes(b"2" * 32)
    keys = (raw(other).hex().encode(), raw(ED).hex().encode())
    assert judged(ED25519, sig(signature(ED)), b"body", keys=keys) == "by key1"


def test_any_of_several_signatures_may_fit() -> None:
    repeated = replace(ED25519, repeat=True)
    good, other = signature(ED), signature(ED, b"other")
    for value in (good + b"," + other, other + b"," + good):
        assert judged(repeated, sig(value), b"body", keys=(raw(ED).hex().encode(),)) == "by key0"


def test_the_algorithm_is_the_configured_one() -> None:
    long = replace(RSA256, algorithm="sha512")
    assert judged(long, sig(signature(RSA, algorithm=hashes.SHA512())), b"body", keys=(pem(RSA),)) == "by key0"
    assert judged(long, sig(signature(RSA)), b"body", keys=(pem(RSA),)) == "bad_signature"


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        (ED25519, b"ab" * 63),
        (ED25519, b"ab" * 65),
        (ED25519, b"AB" * 64),
        (ECDSA, base64.b64encode(b"\x30\x06\x02\x01\x01\x02\x01")),
        (ECDSA, base64.b64encode(b"x" * 64)),
    ],
)
def test_what_has_not_the_shape_of_a_signature_is_not_tried(settings: VerifySettings, value: bytes) -> None:
    secret = raw(ED).hex().encode() if settings is ED25519 else spki(P256)
    assert judged(settings, sig(value), b"body", keys=(secret,)) == "malformed_signature"


BAD = {
    "31 bytes": (ED25519, raw(ED)[1:].hex().encode(), "is not an Ed25519 public key of 32 bytes"),
    "an RSA key for Ed25519": (keyed(ED25519, "pem"), pem(RSA), "is not an Ed25519 public key"),
    "another curve": (ECDSA, spki(P384), "is not a P-256 key"),
    "another curve's point": (keyed(ECDSA, "hex"), raw(P384).hex().encode(), "is not a P-256 key"),
    "an Ed25519 key for ECDSA": (ECDSA, spki(ED), "is not a P-256 key"),
    "a short RSA key": (RSA256, pem(SMALL), "is not an RSA public key of at least 2048 bits"),
    "no PEM": (RSA256, b"-----BEGIN nonsense", "is not a public key in pem"),
    "a broken certificate": (RSA256, b"-----BEGIN CERTIFICATE-----\nAA==\n-----END", "is not a public key in pem"),
    "no SPKI": (ECDSA, b"AAAA", "is not a public key in spki_base64"),
    "no base64": (ECDSA, b"%%%%", "is not spki_base64"),
}


@pytest.mark.parametrize(("settings", "secret", "said"), BAD.values(), ids=BAD)
def test_a_secret_that_is_no_such_key_is_named_and_not_shown(
    settings: VerifySettings, secret: bytes, said: str
) -> None:
    with pytest.raises(SecretUnusable) as caught:
        compile_scheme(settings).keys([Secret("mine", secret)])
    assert str(caught.value) == f"secret mine {said}"
