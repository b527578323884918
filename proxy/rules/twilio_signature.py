"""Twilio's scheme: a MAC over the URL and the decoded, sorted parameters, which no template can say.

A body that is not such a form is covered by a digest in the URL, and refused where nothing covers it.
Twilio's "Webhooks security" page describes the first algorithm, its helper libraries the shared key's header.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import urlsplit

from proxy.rules.claims import Claim, Stop
from proxy.rules.incoming import Incoming, by_name, pairs
from proxy.rules.signed_values import signature_bytes

SIGNATURE = b"x-twilio-signature"
SETTINGS = b"x-twilio-webhooks-signature-settings"
CONTENT_TYPE = b"content-type"
_FORM = b"application/x-www-form-urlencoded"
_DEFAULT_PORTS = {"https": 443, "http": 80}
_ALGORITHMS = {b"HMAC_SHA1": ("sha1", 20), b"HMAC_SHA256": ("sha256", 32)}
_DIGEST = re.compile(rb"[0-9a-f]{64}")

ALGORITHMS = tuple(name for name, _ in _ALGORITHMS.values())


class TwilioReader:
    """`public_url`: the one that was given to Twilio; its query is replaced by the request's."""

    headers = frozenset((SIGNATURE, SETTINGS, CONTENT_TYPE))

    def __init__(self, public_url: str) -> None:
        self._urls = [url.encode() for url in _with_and_without_port(public_url)]

    def read(self, incoming: Incoming) -> Claim:
        """Raises `Stop`, and `TooManyPairs` for a form that no provider sends."""
        value = b"".join(incoming.lines(SIGNATURE))
        if not value:
            raise Stop("missing_signature", "no X-Twilio-Signature header")
        algorithm, size = _algorithm(incoming)
        signature = signature_bytes(value, "base64")
        if signature is None or len(signature) != size:
            raise Stop("malformed_signature", f"X-Twilio-Signature is not the base64 of {size} bytes")
        parameters = _parameters(incoming)
        query = b"" if incoming.query is None else b"?" + incoming.query
        return Claim([signature], [[url, query, *parameters] for url in self._urls], algorithm)

    def late_time(self, incoming: Incoming) -> None:
        """Always None: a replay shows only by its idempotency token."""


def signed_size(incoming: Incoming) -> int:
    """How many bytes a signature of that request has. Raises `Stop`."""
    return _algorithm(incoming)[1]


def _with_and_without_port(public_url: str) -> list[str]:
    """Twilio has signed both for the scheme's own port; any other port is part of the URL."""
    parts = urlsplit(public_url)
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or not parts.hostname:
        raise ValueError(f"public_url {public_url!r} is no http or https URL")
    url = public_url.partition("#")[0].partition("?")[0]
    if parts.port not in (None, default):
        return [url]
    bare = parts.netloc.removesuffix(f":{default}").removesuffix(":")
    behind = url[url.index(parts.netloc) + len(parts.netloc) :]
    return [f"{parts.scheme}://{bare}{behind}", f"{parts.scheme}://{bare}:{default}{behind}"]


def _algorithm(incoming: Incoming) -> tuple[str, int]:
    named = [
        value.strip(b" \t")
        for part in b"".join(incoming.lines(SETTINGS)).split(b",")
        for name, _, value in [part.partition(b"=")]
        if name.strip(b" \t") == b"algorithm"
    ]
    if not named:
        return _ALGORITHMS[b"HMAC_SHA1"]
    if len(named) > 1 or named[0] not in _ALGORITHMS:
        raise Stop("algorithm_not_allowed", "the request names an algorithm other than HMAC_SHA1 and HMAC_SHA256")
    return _ALGORITHMS[named[0]]


def _parameters(incoming: Incoming) -> list[bytes]:
    """What is signed behind the URL; bytes sort as code points do. Raises `Stop` where nothing covers the body."""
    kind = b"".join(incoming.lines(CONTENT_TYPE)).partition(b";")[0].strip(b" \t").lower()
    if incoming.method != "POST" or kind != _FORM:
        _check_digest(incoming)
        return []
    form = by_name(pairs(incoming.body))
    return [piece for name in sorted(form) for value in sorted(set(form[name])) for piece in (name, value)]


def _check_digest(incoming: Incoming) -> None:
    digests = incoming.query_pairs().get(b"bodySHA256", [])
    if not digests and not incoming.body:
        return
    if len(digests) != 1:
        raise Stop("body_not_signed", "neither parameters nor exactly one bodySHA256 cover the body")
    digest = hashlib.sha256(incoming.body).hexdigest().encode()
    if _DIGEST.fullmatch(digests[0]) is None or not hmac.compare_digest(digest, digests[0]):
        raise Stop("bad_signature", "bodySHA256 is not the digest of the body")
