"""Raw bytes on a socket: what is served, what is refused, and that nothing behind a refused request is ever read."""

import asyncio

import pytest

from tests.edges.raw_bodies import CHUNKS, CODINGS, LENGTHS, UPGRADES
from tests.edges.raw_fields import FIELDS, HOSTS
from tests.edges.raw_lines import CLOSED, LINES, get
from tests.support.http1 import Echo, answers, connect, listening

pytestmark = [pytest.mark.sockets, pytest.mark.usefixtures("loops")]

ROWS = LINES | HOSTS | FIELDS | LENGTHS | CODINGS | CHUNKS | UPGRADES
NEXT = get(line=b"GET /next HTTP/1.1")
LAST = get(b"Host: x\r\nConnection: close\r\n", b"GET /last HTTP/1.1")


def test_no_row_hides_another():
    assert len(ROWS) == sum(map(len, (LINES, HOSTS, FIELDS, LENGTHS, CODINGS, CHUNKS, UPGRADES)))
    assert len(ROWS) >= 120


@pytest.mark.parametrize(("sent", "expected"), ROWS.values(), ids=ROWS)
async def test_request(sent: bytes, expected: tuple[str | int, ...]) -> None:
    echo = Echo()
    served = [one for one in expected if isinstance(one, str) and one != CLOSED]
    refused = [one for one in expected if isinstance(one, int)]
    open_behind = not refused and CLOSED not in expected
    async with listening(echo) as (_, bound):
        reader, writer = await connect(bound)
        writer.write(sent + NEXT)
        if open_behind:
            writer.write(LAST)
        raw = await asyncio.wait_for(reader.read(), 5)  # to the end: in each case the server closes
        writer.close()
    assert echo.seen == ([*served, "GET /next ", "GET /last "] if open_behind else served)
    got = answers(raw, tuple(words.partition(" ")[0] for words in echo.seen))
    assert [one.status for one in got] == [200] * sum("!" not in words for words in echo.seen) + refused
    assert all(one.whole for one in got)
    assert (b"connection", b"close") in got[-1].headers
    assert [one.headers.count((b"connection", b"close")) for one in got[:-1]] == [0] * (len(got) - 1)
