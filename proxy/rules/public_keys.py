"""Public keys, made ready to check claims with: Ed25519, ECDSA on P-256, RSA (PKCS #1 v1.5).

It loads the cryptography library; `signatures.py` imports it when a webhook needs it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature

from proxy.rules.claims import Claim

HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - providers' choice, not ours
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class PublicKey:
    """`check(signature, message)` raises `InvalidSignature`."""

    __slots__ = ("_check",)

    def __init__(self, check: Callable[[bytes, Sequence[bytes]], None]) -> None:
        self._check = check

    def proves(self, claim: Claim) -> bool:
        """True if one of the signatures is this key's, over one of the messages."""
        fits = False
        for message in claim.messages:
            for signature in claim.signatures:
                fits |= self._fits(signature, message)
        return fits

    def _fits(self, signature: bytes, message: Sequence[bytes]) -> bool:
        try:
            self._check(signature, message)
        except InvalidSignature:
            return False
        return True


def ed25519_key(secret: bytes, encoding: str) -> PublicKey:
    """Raises `ValueError` where the secret is no Ed25519 public key; `hex` and `base64` hold its 32 bytes."""
    key = _written(secret, encoding)
    if key is None:
        if len(secret) != 32:
            raise ValueError("is not an Ed25519 public key of 32 bytes")
        key = ed25519.Ed25519PublicKey.from_public_bytes(secret)
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise ValueError("is not an Ed25519 public key")
    verify = key.verify
    return PublicKey(lambda signature, message: verify(signature, b"".join(message)))


def ecdsa_key(secret: bytes, encoding: str, algorithm: str) -> PublicKey:
    """Raises `ValueError` where the secret is no P-256 public key; `hex` and `base64` hold its point."""
    key = _written(secret, encoding)
    if key is None:
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), secret)
        except ValueError:
            raise ValueError("is not a P-256 key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("is not a P-256 key")
    method = ec.ECDSA(Prehashed(HASHES[algorithm]))
    verify = key.verify
    return PublicKey(lambda signature, message: verify(signature, _digest(algorithm, message), method))


def rsa_key(secret: bytes, encoding: str, algorithm: str) -> PublicKey:
    """Raises `ValueError` where the secret is no RSA public key of at least 2048 bits, or certificate of one."""
    key = _written(secret, encoding)
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        raise ValueError("is not an RSA public key of at least 2048 bits")
    method = Prehashed(HASHES[algorithm])
    verify = key.verify
    return PublicKey(
        lambda signature, message: verify(signature, _digest(algorithm, message), padding.PKCS1v15(), method)
    )


def is_der_signature(signature: bytes) -> bool:
    """True if the bytes are the two numbers of an ECDSA signature."""
    try:
        decode_dss_signature(signature)
    except ValueError:
        return False
    return True


def der_signature(pair: bytes) -> bytes:
    """The DER of an ECDSA signature that is written as its two numbers, each half of `pair`."""
    half = len(pair) // 2
    return encode_dss_signature(int.from_bytes(pair[:half]), int.from_bytes(pair[half:]))


def _written(secret: bytes, encoding: str) -> CertificatePublicKeyTypes | None:
    try:
        if encoding == "spki_base64":
            return serialization.load_der_public_key(secret)  # type: ignore[return-value]  # checked by the caller
        if encoding == "pem" and b"BEGIN CERTIFICATE" in secret:
            return x509.load_pem_x509_certificate(secret).public_key()
        if encoding == "pem":
            return serialization.load_pem_public_key(secret)  # type: ignore[return-value]  # checked by the caller
    except Exception:  # noqa: BLE001 - the library raises ValueError and more, whose texts may quote the input
        raise ValueError(f"is not a public key in {encoding}") from None
    return None


def _digest(algorithm: str, message: Sequence[bytes]) -> bytes:
    digest = hashlib.new(algorithm)
    for piece in message:
        digest.update(piece)
    return digest.digest()
