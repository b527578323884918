"""Hypotheses about how a signature is written and made: another spelling, another algorithm, another template."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

from proxy.rules.diagnosis.case import Asked, Finding, fits, proven, signed_text, values
from proxy.rules.incoming import Incoming
from proxy.rules.placing import CannotPlace, Outgoing, put
from proxy.rules.signatures import Rejected, VerifySettings
from proxy.rules.signing import written

_PREFIX = re.compile(rb"[A-Za-z0-9_-]{1,12}[=,:] ?|Bearer |HMAC ", re.IGNORECASE)
_SPELLED = ("hmac", "ed25519", "ecdsa", "rsa", "twilio")
_TEMPLATED = ("hmac", "ed25519", "ecdsa", "rsa")
_ALGORITHMS: tuple[Literal["sha1", "sha256", "sha384", "sha512"], ...] = ("sha1", "sha256", "sha384", "sha512")
TEMPLATES = (
    "{body}",
    "{timestamp}.{body}",
    "{timestamp}{body}",
    "{timestamp}:{body}",
    "v0:{timestamp}:{body}",
    "{id}.{timestamp}.{body}",
    "{body}{timestamp}",
    "{body}{url}",
    "{url}{body}",
    "{method}{url}{body}{timestamp}",
)


class _Spelling(NamedTuple):
    """A signature's bytes, and how they were written."""

    signature: bytes
    encoding: str
    prefix: bytes
    upper: bool


def wrong_encoding(asked: Asked, incoming: Incoming, _found: Rejected) -> Iterator[Finding]:
    """The signature is right and spelled otherwise than it is configured."""
    settings = asked.settings
    if settings.scheme not in _SPELLED:
        return
    if settings.scheme == "twilio":
        settings = replace(settings, signature=("header:X-Twilio-Signature",), encoding="base64")
    for text in values(settings, incoming):
        for spelling in _readings(settings, text):
            right = _respelled(settings, incoming, text, spelling)
            secret = None if right is None else fits(asked, right)
            if secret is not None:
                what, fix = _advice(asked, settings, spelling)
                yield proven("wrong_encoding", what, fix, secret)


def wrong_scheme(asked: Asked, incoming: Incoming, _found: Rejected) -> Iterator[Finding]:
    """Another algorithm, another template, or altogether another provider's way under the same header."""
    for what, fix, settings in _schemes(asked):
        other = asked.under(settings)
        secret = fits(other, incoming)
        if secret is not None:
            yield proven("wrong_scheme", what, fix, secret, signed_text(other, incoming))


def _schemes(asked: Asked) -> Iterator[tuple[str, str, VerifySettings]]:
    ours = asked.settings
    templated = ours.scheme in _TEMPLATED
    if templated and ours.scheme != "ed25519":
        for algorithm in _ALGORITHMS:
            yield (
                f"made with {algorithm}",
                f"{asked.key('verify.algorithm')}: {algorithm}",
                replace(ours, algorithm=algorithm),
            )
    if templated:
        rows = {row.signed: name for name, row in reversed(list(asked.presets.items())) if row.signed}
        for signed in dict.fromkeys((*TEMPLATES, *rows)):
            as_by = f", as {rows[signed]} does" if signed in rows else ""
            yield (
                f"made over {signed}{as_by}",
                f'{asked.key("verify.signed")}: "{signed}"',
                replace(ours, signed=signed, body_signed=False),
            )
    for name, row in asked.presets.items():
        yield f"made as {name} makes it", f"{asked.key('integration')}: {name}", replace(row, secrets=ours.secrets)


def _readings(settings: VerifySettings, text: bytes) -> Iterator[_Spelling]:
    """Every way to read the text, or one of its pairs, as the bytes of a signature."""
    texts = [text]
    if settings.format == "params":
        texts += [pair.strip(b" \t") for pair in text.split(settings.separator.encode())]
    for one in texts:
        found = _PREFIX.match(one)
        for prefix in dict.fromkeys((b"", found[0] if found else b"")):
            value = one[len(prefix) :]
            for encoding in ("hex", "base64", "base64url"):
                signature = _loosely(value, encoding)
                if signature:
                    yield _Spelling(signature, encoding, prefix, value != value.lower())


def _loosely(value: bytes, encoding: str) -> bytes | None:
    padded = value.rstrip(b"=") + b"=" * (-len(value.rstrip(b"=")) % 4)
    try:
        if encoding == "hex":
            return bytes.fromhex(value.decode())
        return base64.b64decode(padded, altchars=b"-_" if encoding == "base64url" else None, validate=True)
    except ValueError:
        return None


def _respelled(settings: VerifySettings, incoming: Incoming, text: bytes, spelling: _Spelling) -> Incoming | None:
    """The request with that signature spelled as it should be; None where it cannot be put there."""
    right = written(spelling.signature, settings.encoding)
    value = (settings.prefix or "").encode() + right
    if settings.format == "params":
        value = _in_pairs(settings, text, right)
    target = incoming.path if incoming.query is None else incoming.path + b"?" + incoming.query
    request = Outgoing(incoming.method, target, incoming.headers, incoming.body)
    try:
        return put(request, settings.signature[0], value).seen()
    except CannotPlace:
        return None


def _in_pairs(settings: VerifySettings, text: bytes, right: bytes) -> bytes:
    name, assign = (settings.param or "").encode(), settings.assign.encode()
    pairs = [pair.strip(b" \t") for pair in text.split(settings.separator.encode())]
    kept = [pair for pair in pairs if assign in pair and pair.partition(assign)[0] != name]
    return settings.separator.encode().join([*kept, name + assign + right])


def _advice(asked: Asked, settings: VerifySettings, spelling: _Spelling) -> tuple[str, str]:
    if spelling.encoding != settings.encoding:
        return (
            f"the signature is right, and written in {spelling.encoding}, not in {settings.encoding}",
            f"{asked.key('verify.encoding')}: {spelling.encoding}",
        )
    prefix = spelling.prefix.decode("latin-1")
    if settings.format == "raw" and prefix != (settings.prefix or ""):
        has = f"begins with {prefix}" if prefix else "has no prefix"
        needs = f"{settings.prefix} is expected" if settings.prefix else "none is expected"
        fix = f'{asked.key("verify.prefix")}: "{prefix}"' if prefix else f"take {asked.key('verify.prefix')} away"
        return f"the signature is right, and {has} where {needs}", fix
    if spelling.upper and settings.encoding == "hex":
        return (
            "the signature is right, and written in upper case",
            "only lower-case hex is accepted: have the sender, or what stands between, leave it as it was",
        )
    return (
        f"the signature is right, and not written as {settings.encoding} should be (padding, pairs, blanks)",
        f"compare {asked.key('verify.format')}, param and encoding with what the sender writes",
    )
