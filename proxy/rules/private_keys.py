"""Private keys: signs a message as the owner of an Ed25519, P-256 or RSA key would, for test events and assertions.

A key is PEM (PKCS #8 or older), without a passphrase, its line breaks perhaps written `\\n` as in a variable, or base64
of PKCS #8; an Ed25519 key may also be 32 bytes, written as `key:` says.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from proxy.rules.public_keys import HASHES
from proxy.rules.signed_values import key_bytes


def loaded(text: bytes) -> PrivateKeyTypes:
    """The key of that text. Raises `ValueError`, which quotes nothing of it."""
    try:
        if b"-----BEGIN" in text:
            return serialization.load_pem_private_key(text.replace(b"\\n", b"\n"), password=None)
        return serialization.load_der_private_key(b64decode(text, validate=True), password=None)
    except Exception:  # noqa: BLE001 - the library raises ValueError, TypeError and more, whose texts may quote the input
        raise ValueError("is not a private key in PEM without a passphrase") from None


def ed25519_signature(key: bytes, encoding: str, message: bytes) -> bytes:
    """64 bytes. Raises `ValueError` where the key is none. Of 64 bytes of key the last 32 are the public half."""
    if b"BEGIN" in key:
        found = loaded(key)
        if not isinstance(found, ed25519.Ed25519PrivateKey):
            raise ValueError("is not an Ed25519 private key")
        return found.sign(message)
    raw = key_bytes(key, encoding if encoding in ("hex", "base64") else "base64", "whsk_")
    if len(raw) not in (32, 64):
        raise ValueError("is not an Ed25519 private key of 32 bytes")
    return ed25519.Ed25519PrivateKey.from_private_bytes(raw[:32]).sign(message)


def ecdsa_signature(key: bytes, algorithm: str, message: bytes) -> bytes:
    """DER. Raises `ValueError` where the key is no P-256 private key."""
    found = loaded(key)
    if not isinstance(found, ec.EllipticCurvePrivateKey) or not isinstance(found.curve, ec.SECP256R1):
        raise ValueError("is not a P-256 private key")
    return found.sign(hashlib.new(algorithm, message).digest(), ec.ECDSA(Prehashed(HASHES[algorithm])))


def rsa_signature(key: bytes, algorithm: str, message: bytes) -> bytes:
    """PKCS #1 v1.5. Raises `ValueError` where the key is no RSA private key."""
    found = loaded(key)
    if not isinstance(found, rsa.RSAPrivateKey):
        raise ValueError("is not an RSA private key")
    return found.sign(hashlib.new(algorithm, message).digest(), padding.PKCS1v15(), Prehashed(HASHES[algorithm]))


def joined_pair(signature: bytes) -> bytes:
    """A DER signature of P-256 as a token has it: two numbers of 32 bytes, one behind the other (RFC 7518, 3.4)."""
    first, second = decode_dss_signature(signature)
    return first.to_bytes(32, "big") + second.to_bytes(32, "big")


def new_private_key(scheme: str) -> bytes:
    """A key of that kind in PEM that nobody knows: `ed25519`, `ecdsa` or `rsa`."""
    key: PrivateKeyTypes
    if scheme == "ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    elif scheme == "ecdsa":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
