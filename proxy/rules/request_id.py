"""Ids of calls and events: UUID version 7 (RFC 9562, 5.7), so that they sort by time."""

from __future__ import annotations

_VARIANTS = "89ab"


def uuid7(wall: float, noise: bytes) -> str:
    """The id of the moment `wall` (Unix seconds) from ten random bytes."""
    moment, text = int(wall * 1000), noise.hex()
    return (
        f"{moment >> 16 & 0xFFFFFFFF:08x}-{moment & 0xFFFF:04x}-7{text[:3]}"
        f"-{_VARIANTS[noise[9] & 3]}{text[3:6]}-{text[6:18]}"
    )
