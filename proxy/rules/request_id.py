"""Ids of calls and events: UUID version 7 (RFC 9562, 5.7), so that they sort by time."""

from __future__ import annotations


def uuid7(wall: float, noise: bytes) -> str:
    """The id of the moment `wall` (Unix seconds) from ten random bytes."""
    text = f"{int(wall * 1000) & 0xFFFFFFFFFFFF:012x}{noise.hex()}"
    variant = "89ab"[noise[2] & 3]
    return f"{text[:8]}-{text[8:12]}-7{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"
