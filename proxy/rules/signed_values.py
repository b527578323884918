"""How signatures, times and keys are written, read strictly: one spelling each, and nothing else is tried."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime

_RFC3339 = re.compile(rb"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(\.\d{1,16})?([Zz]|[+-]\d\d:\d\d)")

MOST_DIGITS = 16  # of a time
ENCODINGS = ("hex", "base64", "base64url")


def signature_bytes(value: bytes, encoding: str) -> bytes | None:
    """The signature's own bytes; None if it is not written in exactly that encoding.

    `hex` is lower case; base64 is canonical and padded, base64url canonical, padded or not.
    """
    if encoding == "hex":
        return _hex_bytes(value)
    if not value.isascii():
        return None
    try:
        if encoding == "base64":
            decoded = binascii.a2b_base64(value)
            return decoded if decoded and binascii.b2a_base64(decoded, newline=False) == value else None
        decoded = base64.urlsafe_b64decode(value + b"=" * (-len(value) % 4))
    except ValueError:
        return None
    written = base64.urlsafe_b64encode(decoded)
    return decoded if decoded and value in (written, written.rstrip(b"=")) else None


def _hex_bytes(value: bytes) -> bytes | None:
    try:
        text = value.decode()
        found = bytes.fromhex(text)
    except ValueError:
        return None
    return found if found and found.hex() == text else None  # in lower case, and without blanks


def split_params(value: bytes, separator: bytes, assign: bytes) -> dict[bytes, list[bytes]]:
    """The pairs of a signature's value, as in `t=1,v1=ab`, by name; what has no `assign` in it is ignored."""
    found: dict[bytes, list[bytes]] = {}
    for pair in value.split(separator):
        name, mark, content = pair.strip(b" \t").partition(assign)
        if mark:
            found.setdefault(name, []).append(content)
    return found


def unix_time(value: bytes, unit: str) -> float | None:
    """Unix seconds of a time written in `s`, `ms` or `iso8601` (RFC 3339 with zone); None if it is not."""
    if unit == "iso8601":
        return _rfc3339(value)
    if len(value) > MOST_DIGITS or not value.isdigit():  # int() alone takes 1_0 and +1
        return None
    return int(value) / 1000 if unit == "ms" else float(int(value))


def _rfc3339(value: bytes) -> float | None:
    found = _RFC3339.fullmatch(value)
    if found is None:
        return None
    when, fraction, zone = (part.decode().upper() if part else "" for part in found.groups())
    try:
        return datetime.fromisoformat(when + zone.replace("Z", "+00:00")).timestamp() + float(f"0{fraction}")
    except ValueError:
        return None


def key_bytes(secret: bytes, encoding: str, strip_prefix: str | None) -> bytes:
    """What a pasted secret stands for. Raises `ValueError`, which does not hold the secret."""
    if strip_prefix is not None:
        secret = secret.removeprefix(strip_prefix.encode())
    try:
        if encoding == "hex":
            secret = binascii.a2b_hex(secret)
        elif encoding in ("base64", "spki_base64"):
            secret = base64.b64decode(secret.rstrip(b"=") + b"=" * (-len(secret.rstrip(b"=")) % 4), validate=True)
    except ValueError:
        raise ValueError(f"is not {encoding}") from None
    if not secret:
        raise ValueError("is empty")
    return secret
