"""Bodies that come too slowly, against the clock."""

import asyncio

import pytest

from proxy.body import Body, Whole
from proxy.errors import Refusal
from proxy.timing import Alarms
from proxy.webhooks.intake import Intake
from tests.support.webhooks import Drip

KIB = b"x" * 1024
# seconds of silence before each piece; the second at which all of it is there, or at which that is given up
IN_TIME = {
    "at once": ([(0.0, KIB)], 0),
    "a few bytes may take five seconds": ([(2.4, b"x"), (2.4, b"x")], 4.8),
    "1 KiB each second is fast enough": ([(1.0, KIB)] * 20, 20),
    "a burst earns a pause": ([(0.0, KIB * 10), (14.9, KIB)], 14.9),
    "29 seconds are not too long": ([(0.0, KIB * 50), (29.0, KIB)], 29),
}
TOO_SLOW = {
    "nothing at all": ([(60.0, b"x")], 5),
    "a few bytes, now and then": ([(2.4, b"x")] * 9, 5),
    "half a KiB each second": ([(0.4, KIB[:204])] * 99, 9.58),
    "a burst, and a pause that is longer than it earned": ([(0.0, KIB * 10), (15.1, KIB)], 15),
    "fast enough, but over thirty seconds": ([(1.0, KIB * 5)] * 40, 30),
}


@pytest.mark.parametrize(("pieces", "second"), IN_TIME.values(), ids=IN_TIME)
async def test_a_body_that_is_read(pieces: list[tuple[float, bytes]], second: float) -> None:
    loop = asyncio.get_running_loop()
    size = sum(len(piece) for _, piece in pieces)
    assert len(await Intake(loop.time, Alarms(loop)).read(Body(Drip(list(pieces)), None), most=size)) == size
    assert loop.time() == pytest.approx(second)


@pytest.mark.parametrize(("pieces", "second"), TOO_SLOW.values(), ids=TOO_SLOW)
async def test_a_body_that_is_too_slow(pieces: list[tuple[float, bytes]], second: float) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(Refusal, match="request_timeout"):
        await Intake(loop.time, Alarms(loop)).read(Body(Drip(list(pieces)), None), most=1 << 20)
    assert second <= loop.time() <= second + 0.05


async def test_a_request_without_a_body_has_an_empty_one() -> None:
    loop = asyncio.get_running_loop()
    assert await Intake(loop.time, Alarms(loop)).read(None, most=0) == b""


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    loop = asyncio.get_running_loop()
    body = Body(Drip([(0.0, KIB), (0.0, KIB)]), 2048)
    assert len(await Intake(loop.time, Alarms(loop)).read(body, most=2048)) == 2048


async def test_a_body_that_came_with_its_head_is_held_to_the_limit_too() -> None:
    loop = asyncio.get_running_loop()
    intake = Intake(loop.time, Alarms(loop))
    assert await intake.read(Body(Whole(KIB), 1024), most=1024) == KIB
    for declared in (1024, None):
        with pytest.raises(Refusal, match="request_too_large"):
            await intake.read(Body(Whole(KIB), declared), most=1023)


async def test_a_body_that_was_begun_is_not_taken_whole() -> None:
    body = Body(Whole(KIB), 1024, keep=1024)
    assert await body.open().read() == KIB
    assert body.take() is None
    assert await body.open().read() == KIB
