"""Requests as each provider would sign them: a pair of keys for its preset, and the inverse of verifying."""

import base64
import functools
import hashlib
import hmac
import json
from typing import NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from proxy.config.schema import WebhookSettings
from proxy.rules.credentials import Secret
from proxy.rules.placing import Outgoing
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Verified
from proxy.rules.signing import Pen, sign
from tests.support import sns
from tests.support.presets import PUBLIC, presets

NOW = 1_790_000_000
JSON = (b"Content-Type", b"application/json")


class Keys(NamedTuple):
    """`configured`: the secret as it is pasted into the configuration. `signing`: what the sender has."""

    configured: bytes
    signing: bytes


def keys_for(name: str, seed: str = "a") -> Keys:
    """A pair for the provider's preset; other seeds are other pairs."""
    verify = presets()[name].verify
    raw = hashlib.sha256(f"{name} {seed}".encode()).digest()
    encoding, prefix = verify.key.encoding, verify.key.strip_prefix or ""
    if verify.scheme == "aws_sns":
        return Keys(sns.certificate(), b"")
    if verify.scheme == "adyen":
        return Keys(raw.hex().encode(), raw.hex().encode())
    if verify.scheme in ("ed25519", "ecdsa", "rsa") or verify.algorithms == ("ES256",):
        return _pair(verify.scheme if verify.scheme != "jwt" else "ecdsa", encoding, prefix, seed)
    text = {"raw": raw.hex(), "hex": raw.hex(), "base64": base64.b64encode(raw).decode()}[encoding]
    text = f"user:{text}" if verify.scheme == "basic" else prefix + text
    return Keys(text.encode(), text.encode())


def request(name: str, body: bytes, keys: Keys, wall: float = NOW, id: bytes = b"evt_made_up") -> Outgoing:
    """`body` as the provider would send it at `wall`."""
    settings = presets()[name]
    sent = Outgoing("POST", b"/in?a=b", ((b"Host", b"hooks.example"), JSON), body)
    if settings.verify.scheme == "jwt":
        return _with_token(settings, sent, keys, wall)
    return sign(settings.verify, settings.public_url, sent, Pen(keys.signing, wall, id))


def verdict(name: str, sent: Outgoing, configured: bytes, wall: float = NOW) -> str:
    """`accepted`, or the outcome of the refusal."""
    settings = presets()[name]
    scheme = compile_scheme(settings.verify, PUBLIC)
    found = scheme.verify(sent.seen(), scheme.keys([Secret("key", configured)]), wall)
    return "accepted" if isinstance(found, Verified) else found.outcome


def adyen_body(keys: Keys, merchant_reference: str = "order") -> bytes:
    """A notification of one element."""
    fields = ["7914073381342284", "", "TestMerchant", merchant_reference, "1130", "EUR", "AUTHORISATION", "true"]
    made = hmac.digest(bytes.fromhex(keys.signing.decode()), ":".join(fields).encode(), "sha256")
    item = {
        "pspReference": fields[0],
        "merchantAccountCode": fields[2],
        "merchantReference": fields[3],
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": fields[6],
        "success": "true",
        "additionalData": {"hmacSignature": base64.b64encode(made).decode()},
    }
    return json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}).encode()


def _with_token(settings: WebhookSettings, sent: Outgoing, keys: Keys, wall: float) -> Outgoing:
    verify = settings.verify
    said = {"iat": int(wall), "jti": "7", str(verify.body_claim): hashlib.sha256(sent.body).hexdigest()}
    token = jwt.encode(said, keys.signing, algorithm=verify.algorithms[0])
    header = verify.signature[0].removeprefix("header:").encode()
    return sent._replace(headers=(*sent.headers, (header, (verify.prefix or "").encode() + token.encode())))


@functools.cache
def _pair(scheme: str, encoding: str, prefix: str, seed: str) -> Keys:
    private = _private(scheme, seed)
    public = private.public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    if encoding == "pem":
        configured = public.public_bytes(serialization.Encoding.PEM, spki)
    elif encoding == "spki_base64":
        configured = base64.b64encode(public.public_bytes(serialization.Encoding.DER, spki))
    else:
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        configured = prefix.encode() + (raw.hex().encode() if encoding == "hex" else base64.b64encode(raw))
    signing = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Keys(configured, signing)


@functools.cache
def _private(scheme: str, seed: str) -> PrivateKeyTypes:
    del seed  # another seed, another key
    if scheme == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1()) if scheme == "ecdsa" else rsa.generate_private_key(65537, 2048)
