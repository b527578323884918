"""The signed assertion of the grant `jwt_bearer` (RFC 7523, 3), RS256 or ES256 by the key's own kind.

It loads the cryptography library; `oauth2.py` imports it where that grant is used.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from proxy.rules.private_keys import ecdsa_signature, joined_pair, loaded, rsa_signature

_SMALLEST = 2048  # bits of an RSA key


def signed_jwt(claims: Mapping[str, object], private_key: bytes) -> bytes:
    """The compact form. Raises `ValueError` for another key than RSA of at least 2048 bits or P-256."""
    algorithm = _algorithm(private_key)
    message = b".".join([_part({"alg": algorithm, "typ": "JWT"}), _part(claims)])
    if algorithm == "RS256":
        signature = rsa_signature(private_key, "sha256", message)
    else:
        signature = joined_pair(ecdsa_signature(private_key, "sha256", message))
    return message + b"." + _base64(signature)


def _algorithm(private_key: bytes) -> str:
    key = loaded(private_key)
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _SMALLEST:
        return "RS256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return "ES256"
    raise ValueError("is not an RSA key of at least 2048 bits, nor a P-256 key")


def _part(content: Mapping[str, object]) -> bytes:
    return _base64(json.dumps(content, separators=(",", ":")).encode())


def _base64(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")
