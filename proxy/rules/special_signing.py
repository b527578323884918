"""Signing by the schemes whose signature stands in a token or inside the body: `jwt`, `adyen`, `aws_sns`.

Each function gives the signed request; a `ValueError` says what is wrong with the key, without its value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from proxy.rules.adyen_signature import AdyenReader
from proxy.rules.placing import CannotPlace, Outgoing, put, put_value
from proxy.rules.signatures import VerifySettings
from proxy.rules.signed_values import key_bytes
from proxy.rules.sns_signature import SnsReader

_HASHES: Mapping[str, Literal["sha256", "sha384", "sha512"]] = {"256": "sha256", "384": "sha384", "512": "sha512"}
_SPELLED: Mapping[str, Callable[[bytes], bytes]] = {
    "hex": binascii.hexlify,
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
}


def sign_jwt(settings: VerifySettings, request: Outgoing, secret: bytes, wall: float, id: bytes) -> Outgoing:
    """A token over the body's digest, issued at `wall`; `id` becomes the claim that is the event's id."""
    algorithm = settings.algorithms[0]
    digest = hashlib.sha256(request.body).digest()
    said = _SPELLED[settings.body_encoding](digest).decode()
    claims: dict[str, object] = {settings.issued_at or "iat": int(wall), settings.body_claim or "": said}
    for where in settings.id[:1]:
        if where.startswith("claim:"):
            claims[where.removeprefix("claim:")] = id.decode()
    signed = b".".join(_part(json.dumps(one).encode()) for one in ({"alg": algorithm, "typ": "JWT"}, claims))
    token = signed + b"." + _part(_token_signature(settings, algorithm, secret, signed))
    return put(request, settings.signature[0], (settings.prefix or "").encode() + token)


def sign_adyen(settings: VerifySettings, request: Outgoing, secret: bytes) -> Outgoing:
    """Every element of `notificationItems` signed by itself. Raises `CannotPlace`, and `Stop` for other bodies."""
    key = key_bytes(secret, "hex", settings.key.strip_prefix)
    where = "/notificationItems/*/NotificationRequestItem/additionalData/hmacSignature"
    blank = request._replace(body=put_value(request.body, where, base64.b64encode(bytes(32)).decode()))
    first = AdyenReader().read(blank.seen())
    macs = [hmac.digest(key, b"".join(claim.messages[0]), "sha256") for claim in (first, *first.also)]
    body = blank.body
    for place, mac in enumerate(macs):
        body = put_value(body, where.replace("*", str(place)), base64.b64encode(mac).decode())
    return request._replace(body=body)


def sign_sns(settings: VerifySettings, request: Outgoing, key: bytes) -> Outgoing:
    """The message's fields signed with the private key of a pinned certificate, a missing topic filled in."""
    from proxy.rules.private_keys import rsa_signature  # noqa: PLC0415 - the library is loaded where it is needed

    said: Any = settings.options.get("topic_arns")
    topics = [said] if isinstance(said, str) else list(said or ())
    document: Any = request.seen().document()
    if not isinstance(document, dict):
        raise CannotPlace("the body is no message of SNS")
    body = request.body
    if topics and not document.get("TopicArn"):
        body = put_value(body, "/TopicArn", topics[0])
    claim = SnsReader(topics).read(request._replace(body=put_value(body, "/Signature", "AAAA")).seen())
    signature = rsa_signature(key, claim.algorithm, b"".join(claim.messages[0]))
    return request._replace(body=put_value(body, "/Signature", base64.b64encode(signature).decode()))


def needs_private_key(settings: VerifySettings) -> bool:
    """True where what is configured verifies and cannot sign."""
    if settings.scheme == "jwt":
        return not settings.algorithms or not settings.algorithms[0].startswith("HS")
    return settings.scheme in ("ed25519", "ecdsa", "rsa", "aws_sns")


def kind_of_key(settings: VerifySettings) -> str:
    """`ed25519`, `ecdsa` or `rsa`: the private key that signs under these settings."""
    if settings.scheme == "jwt":
        return {"RS": "rsa", "ES": "ecdsa"}.get(settings.algorithms[0][:2], "ed25519")
    return "rsa" if settings.scheme == "aws_sns" else settings.scheme


def _token_signature(settings: VerifySettings, algorithm: str, secret: bytes, signed: bytes) -> bytes:
    if algorithm.startswith("HS"):
        key = key_bytes(secret, settings.key.encoding, settings.key.strip_prefix)
        return hmac.digest(key, signed, _HASHES[algorithm[2:]])
    from proxy.rules import private_keys  # noqa: PLC0415 - as above

    make: dict[str, Callable[[], bytes]] = {
        "rsa": lambda: private_keys.rsa_signature(secret, _HASHES[algorithm[2:]], signed),
        "ecdsa": lambda: private_keys.joined_pair(private_keys.ecdsa_signature(secret, "sha256", signed)),
        "ed25519": lambda: private_keys.ed25519_signature(secret, settings.key.encoding, signed),
    }
    return make[kind_of_key(settings)]()


def _part(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
