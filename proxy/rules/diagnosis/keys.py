"""Hypotheses about the secret: it is another one, or it was pasted badly.

The one thing a reader would get wrong: nothing here may put a secret's value into a text, changed or not.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal

from proxy.rules.credentials import Secret
from proxy.rules.diagnosis.case import Asked, Finding, fits, proven, signed_text
from proxy.rules.incoming import Incoming
from proxy.rules.signatures import KeySettings, Rejected

_ENCODINGS: tuple[Literal["raw", "hex", "base64", "spki_base64", "pem"], ...] = (
    "raw",
    "base64",
    "hex",
    "spki_base64",
    "pem",
)


def _unquoted(value: bytes) -> bytes:
    for mark in (b'"', b"'", b"`"):
        if len(value) > 2 and value.startswith(mark) and value.endswith(mark):
            return value[1:-1]
    return value.strip(b"\"'`")


def _decoded(value: bytes, decode: Callable[[bytes], bytes]) -> bytes:
    try:
        return decode(value)
    except ValueError:
        return value


PASTED: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (  # what is wrong with the value as it stands; put right
    ("has blanks around it", lambda value: value.strip()),
    ("is in quotes", _unquoted),
    ("ends in the two characters \\n", lambda value: value.removesuffix(b"\\n")),
    ("has \\n written out for line breaks", lambda value: value.replace(b"\\n", b"\n")),
    ("lacks a line break that the sender's copy ends in", lambda value: value + b"\n"),
    ("lacks the prefix whsec_", lambda value: value if value.startswith(b"whsec_") else b"whsec_" + value),
    ("has the prefix whsec_, which does not belong to it", lambda value: value.removeprefix(b"whsec_")),
    ("has a scheme's word in front", lambda value: value.removeprefix(b"Bearer ").removeprefix(b"Basic ")),
    ("is the base64 of the secret", lambda value: _decoded(value, lambda text: base64.b64decode(text, validate=True))),
    ("is the hex of the secret", lambda value: _decoded(value, binascii.a2b_hex)),
    ("is in upper case", lambda value: value.lower()),
    ("is in lower case", lambda value: value.upper()),
)


def other_secret(asked: Asked, incoming: Incoming, _found: Rejected) -> Iterator[Finding]:
    """Test and live swapped, or another webhook's."""
    for whose, secret in asked.others:
        if fits(replace(asked, secrets=(secret,)), incoming) is None:
            continue
        names = ", ".join(asked.settings.secrets)
        what = f"signed with {secret.name} ({whose}), not with {names}"
        fix = (
            f"put the value of {secret.name} where {names} is read from, or name it in {asked.key('verify.secrets')}; "
            "if it belongs to another webhook, correct the address that was entered at the sender"
        )
        yield proven("other_secret", what, fix, secret.name, signed_text(asked, incoming))


def secret_format(asked: Asked, incoming: Incoming, _found: Rejected) -> Iterator[Finding]:
    """The secret is the right one, and written wrongly."""
    for secret in asked.secrets:
        yield from _pasted(asked, incoming, secret)
        yield from _encoded(asked, incoming, secret)


def _pasted(asked: Asked, incoming: Incoming, secret: Secret) -> Iterator[Finding]:
    value = secret.reveal()
    for what, put_right in PASTED:
        better = put_right(value)
        if better != value and fits(replace(asked, secrets=(Secret(secret.name, better),)), incoming):
            fix = f"store the secret {secret.name} again, exactly as the sender shows it"
            yield proven("secret_format", f"the secret {secret.name} {what}", fix, secret.name)


def _encoded(asked: Asked, incoming: Incoming, secret: Secret) -> Iterator[Finding]:
    for prefix in dict.fromkeys((asked.settings.key.strip_prefix, None, "whsec_")):
        for encoding in _ENCODINGS:
            key = KeySettings(encoding=encoding, strip_prefix=prefix)
            if key == asked.settings.key:
                continue
            changed = replace(asked.under(replace(asked.settings, key=key)), secrets=(secret,))
            if fits(changed, incoming):
                what = f"the secret {secret.name} is {encoding}{f' behind {prefix}' if prefix else ''}"
                words = f"encoding: {encoding}" + (f", strip_prefix: {prefix}" if prefix else "")
                fix = f"{asked.key('verify.key')}: {{{words}}}"
                yield proven("secret_format", what, fix, secret.name)
