"""Private keys: signs a message as the owner of an Ed25519, P-256 or RSA key would. Only test events need this.

A key is PEM (PKCS #8 or older), without a passphrase; an Ed25519 key may also be 32 bytes, written as `key:` says.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from proxy.rules.signed_values import key_bytes

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - providers' choice, not ours
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def ed25519_signature(key: bytes, encoding: str, message: bytes) -> bytes:
    """64 bytes. Raises `ValueError` where the key is none. Of 64 bytes of key the last 32 are the public half."""
    if b"BEGIN" in key:
        found = _pem(key)
        if not isinstance(found, ed25519.Ed25519PrivateKey):
            raise ValueError("is not an Ed25519 private key")
        return found.sign(message)
    raw = key_bytes(key, encoding if encoding in ("hex", "base64") else "base64", "whsk_")
    if len(raw) not in (32, 64):
        raise ValueError("is not an Ed25519 private key of 32 bytes")
    return ed25519.Ed25519PrivateKey.from_private_bytes(raw[:32]).sign(message)


def ecdsa_signature(key: bytes, algorithm: str, message: bytes) -> bytes:
    """DER. Raises `ValueError` where the key is no P-256 private key."""
    found = _pem(key)
    if not isinstance(found, ec.EllipticCurvePrivateKey) or not isinstance(found.curve, ec.SECP256R1):
        raise ValueError("is not a P-256 private key")
    return found.sign(hashlib.new(algorithm, message).digest(), ec.ECDSA(Prehashed(_HASHES[algorithm])))


def rsa_signature(key: bytes, algorithm: str, message: bytes) -> bytes:
    """PKCS #1 v1.5. Raises `ValueError` where the key is no RSA private key."""
    found = _pem(key)
    if not isinstance(found, rsa.RSAPrivateKey):
        raise ValueError("is not an RSA private key")
    return found.sign(hashlib.new(algorithm, message).digest(), padding.PKCS1v15(), Prehashed(_HASHES[algorithm]))


def _pem(key: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(key, password=None)
    except Exception:  # noqa: BLE001 - the library raises ValueError, TypeError and more, whose texts may quote the input
        raise ValueError("is not a private key in PEM without a passphrase") from None
