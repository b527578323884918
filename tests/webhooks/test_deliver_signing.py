"""What proves a delivery to the application: the sender's signature, a new one, or our own."""

import asyncio
import hmac
from base64 import b64decode, b64encode

import pytest

from proxy.model import Headers
from tests.support.delivering import body, sent, stored, take
from tests.support.provider import EPOCH, answer
from tests.support.webhooks import Listening, signed

SIGNS = {  # `deliver.sign`, seconds until the first attempt; the time that is signed, in seconds after receipt
    "a young event goes as it came": ("auto", 30, [0]),
    "an old one gets a new time": ("auto", 3600, [3600]),
    "unless it has to go as it came": ("original", 3600, [0]),
}


@pytest.mark.parametrize(("sign", "late", "times"), SIGNS.values(), ids=SIGNS)
async def test_which_time_is_signed(sign: str, late: float, times: list[int]) -> None:
    listening = Listening(stored(sign=sign))
    await take(listening)
    await asyncio.sleep(late)
    async with listening.delivering():
        await asyncio.sleep(1)
    (headers,) = [request.headers for request in listening.application.requests]
    assert [int(value) - int(EPOCH) for name, value in headers if name == b"X-Time"] == times
    newest = b"the-newer-one" if times != [0] else None
    expected = signed(body(1), age=-times[0], **({"secret": newest} if newest else {}))
    assert dict(headers)[b"X-Sig"] == dict(expected)[b"X-Sig"]


async def test_a_second_attempt_is_signed_anew_however_soon() -> None:
    listening = Listening(stored(), [answer(500), answer(200)])
    async with listening.delivering():
        await take(listening)
        await asyncio.sleep(10)
    assert sent(listening, b"X-Time") == [b"%d" % EPOCH, b"%d" % (EPOCH + 5)]


async def test_without_its_secret_an_event_waits_unspent() -> None:
    listening = Listening(stored())
    await take(listening)
    await asyncio.sleep(100)
    secrets, listening.secrets = listening.secrets, {}
    async with listening.delivering():
        await asyncio.sleep(3)
        assert listening.application.requests == []
        listening.secrets = secrets
        await asyncio.sleep(60)
    assert sent(listening, b"Outrigger-Attempt") == [b"1"]
    assert listening.ears.delivered[0] == ("failed", 0, "secret new cannot be read")


async def test_our_own_signature_stands_in_place_of_theirs() -> None:
    listening = Listening(stored(sign="outrigger", secret="ours"))
    listening.secrets["ours"] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    async with listening.delivering():
        await take(listening)
        await asyncio.sleep(1)
    (request,) = listening.application.requests
    names = [name for name, _ in request.headers]
    assert b"X-Sig" not in names
    assert b"X-Time" not in names
    headers: Headers = request.headers
    mac = hmac.digest(b64decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), b"evt_1.%d.%b" % (EPOCH, body(1)), "sha256")
    assert dict(headers)[b"webhook-signature"] == b"v1," + b64encode(mac)
    assert dict(headers)[b"webhook-id"] == b"evt_1"
