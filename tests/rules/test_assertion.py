"""The signed assertion, read by another library."""

from base64 import b64encode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy.rules.assertion import signed_jwt

KEYS = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1())}


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


WRITTEN = {
    "PEM": pem,
    "PEM in one line": lambda key: pem(key).strip().replace(b"\n", b"\\n"),
    "base64": lambda key: b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("algorithm", KEYS)
def test_another_library_accepts_it(algorithm, written):
    token = signed_jwt({"iss": "me", "aud": "you"}, written(KEYS[algorithm])).decode()
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT"}
    public = KEYS[algorithm].public_key()
    assert jwt.decode(token, public, algorithms=[algorithm], audience="you") == {"iss": "me", "aud": "you"}


OTHERS = {
    "no key": b"x",
    "no key in PEM": b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----",
    "another curve": pem(ec.generate_private_key(ec.SECP384R1())),
    "a small RSA key": pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - what is refused
}


@pytest.mark.parametrize("key", OTHERS.values(), ids=OTHERS)
def test_a_key_that_cannot_sign_is_said_without_quoting_it(key):
    with pytest.raises(ValueError, match=r"^is not an? ") as wrong:
        signed_jwt({}, key)
    assert key.decode() not in str(wrong.value)
