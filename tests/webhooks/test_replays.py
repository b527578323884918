"""A CRC-32 in place of the body, as PayPal signs it: a second body with the same one is told by the nonce."""

import hashlib
import hmac
import zlib

from proxy.model import Headers
from proxy.rules.signatures import VerifySettings
from tests.support.webhooks import SECRET, Listening, settings

CHECKED = VerifySettings(
    scheme="hmac",
    signature=("header:X-Sig",),
    signed="{header:X-Id}|{crc32}",
    nonce="header:X-Id",
    id=("json:/id",),
    secrets=("new", "old"),
)
BODY = b'{"id": "1", "amount": "5"}'
_TABLE = [zlib.crc32(bytes([number ^ 0xFF])) ^ 0xFF000000 for number in range(256)]


def signed(body: bytes, nonce: bytes = b"7") -> Headers:
    made = hmac.new(SECRET, b"%b|%d" % (nonce, zlib.crc32(body)), hashlib.sha256).hexdigest()
    return ((b"X-Id", nonce), (b"X-Sig", made.encode()))


def with_crc(body: bytes, wanted: int) -> bytes:
    """`body` and the four bytes that give the whole that CRC-32."""
    steps, register = [], wanted ^ 0xFFFFFFFF
    for _ in range(4):
        step = next(number for number in range(256) if _TABLE[number] >> 24 == register >> 24)
        steps.append(step)
        register = (register ^ _TABLE[step]) << 8 & 0xFFFFFFFF
    register = zlib.crc32(body) ^ 0xFFFFFFFF
    for step in reversed(steps):
        body += bytes([(register ^ step) & 0xFF])
        register = _TABLE[step] ^ register >> 8
    return body


async def test_another_body_with_the_same_crc_is_a_replay() -> None:
    listening = Listening(settings(CHECKED))
    forged = with_crc(b'{"id": "2", "amount": "5000"}', zlib.crc32(BODY))
    assert zlib.crc32(forged) == zlib.crc32(BODY)
    assert (await listening.ask(BODY, signed(BODY))).status == 200
    found = await listening.ask(forged, signed(BODY))
    assert (found.status, found.body) == (401, b"")
    assert [outcome for outcome, _ in listening.ears.ended] == ["accepted", "replayed"]
    assert listening.application.bodies == [BODY]


async def test_the_same_body_again_is_a_repeat_and_another_nonce_another_request() -> None:
    listening = Listening(settings(CHECKED))
    other = b'{"id": "2"}'
    for body, nonce in ((BODY, b"7"), (BODY, b"7"), (other, b"8")):
        assert (await listening.ask(body, signed(body, nonce))).status == 200
    assert [outcome for outcome, _ in listening.ears.ended] == ["accepted", "duplicate", "accepted"]
