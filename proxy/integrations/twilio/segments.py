"""How many text messages a text is sent as: by the alphabet it needs (GSM 03.38, else UCS-2)."""

from __future__ import annotations

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")  # an escape and a character
_GSM = (160, 153)  # septets of a message that is alone, and of one among several
_UCS2 = (70, 67)  # 16-bit units


def segments(text: str) -> int:
    """The number of messages, 1 for an empty text."""
    if _BASIC.union(_EXTENDED).issuperset(text):
        units = len(text) + sum(letter in _EXTENDED for letter in text)
        alone, among = _GSM
    else:
        units = len(text.encode("utf-16-be", "surrogatepass")) // 2
        alone, among = _UCS2
    return 1 if units <= alone else -(-units // among)
