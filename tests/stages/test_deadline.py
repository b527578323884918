"""The call's deadline: the upstream's total, or less where the application wishes it."""

import asyncio

import pytest

from proxy.errors import Refusal
from proxy.model import Call, Request
from proxy.pipeline import onion
from proxy.stages.deadline import DeadlineStage
from tests.support.provider import Provider, answer


async def deadline(total: float, wish: bytes | None) -> Call:
    notes = {} if wish is None else {b"outrigger-timeout": wish}
    call = Call("id", 100.0, notes=notes)
    handler = onion([DeadlineStage(total)], Provider(asyncio.get_running_loop(), [answer()]))
    await handler(Request("GET", b"/", (), None, call))
    return call


WISHES = {
    "no wish": (None, 60.0),
    "a shorter time": (b"2.5", 2.5),
    "a longer time changes nothing": (b"100", 60.0),
    "a whole day is a time": (b"86400", 60.0),
    "blanks around it": (b" 2 ", 2.0),
    "no digit before the point": (b".5", 0.5),
    "leading zeros": (b"007", 7.0),
}


@pytest.mark.parametrize(("wish", "total"), WISHES.values(), ids=WISHES)
async def test_wish(wish, total):
    call = await deadline(60.0, wish)
    assert (call.total, call.deadline) == (total, 100.0 + total)


BAD = [b"", b" ", b"0", b"0.0", b"-1", b"+1", b"1e3", b"0x10", b"2s", b"1,5", b"1.", b".", b"nan", b"inf", b"soon"]
BAD += [b"86400.1", b"86401", b"9" * 400, b"2, 3", "३".encode(), b"1_0"]


@pytest.mark.parametrize("wish", BAD)
async def test_what_is_no_time_is_refused(wish):
    with pytest.raises(Refusal, match="bad_request"):
        await deadline(60.0, wish)
