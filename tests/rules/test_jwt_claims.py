"""Tokens: what of them is checked, in which order, and what of them is never listened to."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.credentials import Secret
from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import KeySettings, Naming, Verified, VerifySettings
from tests.support.judging import NOW, SAID, judged

KEY = b"made-up-secret-of-thirty-two-bytes-or-more"
BODY = b'{"webhook_code": "DEFAULT_UPDATE"}'
TOKEN = VerifySettings(
    scheme="jwt",
    signature=("header:Authorization",),
    prefix="Bearer ",
    algorithms=("HS256",),
    issued_at="iat",
    tolerance=300.0,
    body_claim="payload_hash",
    id=("claim:jti",),
    secrets=("key",),
)
HEAD = {"alg": "HS256", "typ": "JWT"}


def claims(body: bytes = BODY, **changes: Any) -> dict[str, Any]:
    """What a genuine token says of `body` now; None takes a claim away."""
    said = {"iat": NOW, "jti": "7", "payload_hash": hashlib.sha256(body).hexdigest()} | changes
    return {name: value for name, value in said.items() if value is not None}


def part(said: Mapping[str, Any] | bytes) -> bytes:
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


def token(said: Mapping[str, Any] | bytes, head: Mapping[str, Any] | bytes = HEAD, key: bytes = KEY) -> bytes:
    signed = part(head) + b"." + part(said)
    return signed + b"." + part(hmac.digest(key, signed, "sha256"))


def verdict(value: bytes, body: bytes = BODY, settings: VerifySettings = TOKEN, key: bytes = KEY) -> str:
    return judged(settings, ((b"Authorization", b"Bearer " + value),), body, keys=(key,))


ROWS = {
    "a genuine one": (token(claims()), "by key0"),
    "of five minutes ago": (token(claims(iat=NOW - 300)), "by key0"),
    "of a second more": (token(claims(iat=NOW - 301)), "expired"),
    "of a time to come": (token(claims(iat=NOW + 301)), "future"),
    "with a fraction of a second": (token(claims(iat=NOW - 0.5)), "by key0"),
    "without its time": (token(claims(iat=None)), "missing_timestamp"),
    "with a word for its time": (token(claims(iat="soon")), "malformed_timestamp"),
    "with a switch for its time": (token(claims(iat=True)), "malformed_timestamp"),
    "with a negative time": (token(claims(iat=-1)), "malformed_timestamp"),
    "with a huge time": (token(b'{"iat": 1e99, "payload_hash": "a"}'), "malformed_timestamp"),
    "that ends now": (token(claims(exp=NOW)), "expired"),
    "that ends in a second": (token(claims(exp=NOW + 1)), "by key0"),
    "that begins now": (token(claims(nbf=NOW)), "by key0"),
    "that begins in a second": (token(claims(nbf=NOW + 1)), "future"),
    "that ends with a word": (token(claims(exp="never")), "malformed_timestamp"),
    "over another body": (token(claims(b"other")), "bad_signature"),
    "over no body": (token(claims(payload_hash=None)), "body_not_signed"),
    "with an empty digest": (token(claims(payload_hash="")), "body_not_signed"),
    "with a digest in capitals": (
        token(claims(payload_hash=hashlib.sha256(BODY).hexdigest().upper())),
        "malformed_signature",
    ),
    "with half a letter for a digest": (token(claims(payload_hash="\ud800")), "malformed_signature"),
    "with half a digest": (token(claims(payload_hash="ab" * 16)), "malformed_signature"),
    "by another secret": (token(claims(), key=b"guessed" * 9), "bad_signature"),
    "by another secret and too old": (token(claims(exp=1), key=b"guessed" * 9), "bad_signature"),
    "of no algorithm": (part({"alg": "none"}) + b"." + part(claims()) + b".", "algorithm_not_allowed"),
    "of an algorithm with a capital": (token(claims(), {"alg": "NONE"}), "algorithm_not_allowed"),
    "of another algorithm": (token(claims(), {"alg": "HS512"}), "algorithm_not_allowed"),
    "of an algorithm that is no text": (token(claims(), {"alg": ["HS256"]}), "algorithm_not_allowed"),
    "without an algorithm": (token(claims(), {"typ": "JWT"}), "algorithm_not_allowed"),
    "with an extension that must be understood": (token(claims(), HEAD | {"crit": ["b64"]}), "malformed_signature"),
    "with an empty list of those": (token(claims(), HEAD | {"crit": []}), "malformed_signature"),
    "with a claim twice": (token(b'{"iat": 1, "iat": %d}' % NOW), "malformed_signature"),
    "with its algorithm twice": (token(claims(), b'{"alg": "none", "alg": "HS256"}'), "malformed_signature"),
    "with a list for claims": (token(b"[]"), "malformed_signature"),
    "with no JSON for claims": (token(b"claims"), "malformed_signature"),
    "with padding": (token(claims()) + b"=", "malformed_signature"),
    "in the other base64": (token(claims(extra="???>>>")).replace(b"_", b"/"), "malformed_signature"),
    "of two parts": (token(claims()).rpartition(b".")[0], "malformed_signature"),
    "of four parts": (token(claims()) + b".a", "malformed_signature"),
    "with a short signature": (token(claims())[:-4], "malformed_signature"),
    "that is empty": (b"", "malformed_signature"),
    "of 16 KiB": (token(claims(pad="x" * 12000)), "by key0"),
    "of more": (token(claims(pad="x" * 12300)), "malformed_signature"),
    "that brings its own key": (
        token(
            claims(),
            HEAD | {"jwk": {"kty": "oct", "k": "Z3Vlc3NlZA"}, "jku": "https://evil.example", "kid": "../../dev/null"},
            b"guessed",
        ),
        "bad_signature",
    ),
    "whose words on keys are not heard": (
        token(claims(), HEAD | {"kid": "other", "jku": "https://evil.example", "x5u": "file:///"}),
        "by key0",
    ),
}


@pytest.mark.parametrize(("value", "expected"), ROWS.values(), ids=ROWS)
def test_a_token(value: bytes, expected: str) -> None:
    assert verdict(value) == expected


def test_a_prefix_is_compared_by_case_and_has_to_be_there() -> None:
    for prefix in (b"bearer ", b"Bearer", b""):
        assert judged(TOKEN, ((b"Authorization", prefix + token(claims())),), BODY) == "malformed_signature"
    assert judged(TOKEN, (), BODY) == "missing_signature"
    assert judged(TOKEN, ((b"Authorization", b"a"), (b"authorization", b"a")), BODY) == "ambiguous_signature"


def test_without_a_tolerated_time_only_the_token_s_own_ends_count() -> None:
    settings = replace(TOKEN, issued_at=None, tolerance=None)
    assert verdict(token(claims(iat=1)), settings=settings) == "by key0"
    assert verdict(token(claims(iat=None, exp=1)), settings=settings) == "expired"


def test_a_claim_can_be_the_event_s_id() -> None:
    scheme = compile_scheme(replace(TOKEN, type=("json:/webhook_code",)))
    incoming = Incoming("POST", b"/", ((b"Authorization", b"Bearer " + token(claims())),), BODY)
    assert isinstance(scheme.verify(incoming, scheme.keys([Secret("a", KEY)]), NOW), Verified)
    assert scheme.naming(incoming) == Naming(b"7", b"DEFAULT_UPDATE")


EC, RSA = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
PRIVATE = {"ES256": EC, "RS256": RSA, "RS512": RSA, "EdDSA": ed25519.Ed25519PrivateKey.generate()}


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_a_library_s_token_by_a_private_key_is_taken_and_no_other(algorithm: str) -> None:
    private = PRIVATE[algorithm]
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    settings = replace(TOKEN, algorithms=(algorithm,), key=KeySettings(encoding="pem"))
    made = jwt.encode(claims(), private, algorithm=algorithm).encode()
    assert verdict(made, settings=settings, key=pem) == "by key0"
    assert verdict(made, b"other", settings, pem) == "bad_signature"
    head, payload, signature = made.split(b".")
    forged = b".".join([head, part(claims(jti="8")), signature])
    assert verdict(forged, settings=settings, key=pem) == "bad_signature"
    confused = token(claims(), {"alg": "HS256"}, key=pem)  # the public key as a shared secret
    assert verdict(confused, settings=settings, key=pem) == "algorithm_not_allowed"
    assert verdict(b".".join([head, payload, signature[:-8]]), settings=settings, key=pem) in (
        "malformed_signature",
        "bad_signature",
    )


def test_a_signature_of_es256_in_der_is_refused() -> None:
    pem = EC.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = part({"alg": "ES256"}) + b"." + part(claims())
    made = signed + b"." + part(EC.sign(signed, ec.ECDSA(hashes.SHA256())))
    settings = replace(TOKEN, algorithms=("ES256",), key=KeySettings(encoding="pem"))
    assert verdict(made, settings=settings, key=pem) == "malformed_signature"


@given(st.binary(max_size=300))
def test_no_bytes_for_a_token_end_in_anything_but_a_verdict(value: bytes) -> None:
    assert verdict(value) in ("malformed_signature", "algorithm_not_allowed", "missing_timestamp")


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_parts_of_a_token_end_in_anything_but_a_verdict(head: bytes, payload: bytes) -> None:
    assert verdict(token(payload, head)) in ("malformed_signature", "algorithm_not_allowed")


@given(SAID)
def test_no_claims_end_in_anything_but_a_verdict(said: object) -> None:
    payload = json.dumps({"iat": said, "exp": said, "payload_hash": said, "jti": said}).encode()
    assert verdict(token(payload)).partition("_")[0] in ("missing", "malformed", "body", "bad", "expired", "future")
    assert verdict(token(claims(), json.dumps({"alg": said}).encode())) == "algorithm_not_allowed"
