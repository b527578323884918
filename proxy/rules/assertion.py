"""The signed assertion of the grant `jwt_bearer` (RFC 7523, 3), RS256 or ES256 by the key's own kind.

It loads the cryptography library; `oauth2.py` imports it where that grant is used.
"""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_SMALLEST = 2048  # bits of an RSA key


def signed_jwt(claims: Mapping[str, object], private_key: bytes) -> bytes:
    """The compact form. `private_key`: PEM, its line breaks perhaps written `\\n`, or base64 of PKCS #8.

    Raises `ValueError` for another key than RSA of at least 2048 bits or P-256; it quotes nothing of it.
    """
    key = _loaded(private_key)
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    parts = [_part({"alg": algorithm, "typ": "JWT"}), _part(claims)]
    message = b".".join(parts)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    else:  # RFC 7518, 3.4: both numbers, 32 bytes each
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return message + b"." + _base64(signature)


def _loaded(text: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        if b"-----BEGIN" in text:
            key = serialization.load_pem_private_key(text.replace(b"\\n", b"\n"), password=None)
        else:
            key = serialization.load_der_private_key(b64decode(text, validate=True), password=None)
    except Exception:  # noqa: BLE001 - the library raises ValueError and more, whose texts may quote the input
        raise ValueError("is not a private key in PEM") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _SMALLEST:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("is not an RSA key of at least 2048 bits, nor a P-256 key")


def _part(content: Mapping[str, object]) -> bytes:
    return _base64(json.dumps(content, separators=(",", ":")).encode())


def _base64(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")
