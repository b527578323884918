"""However a byte string is cut into packets, it is the same requests, bodies and answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edges.raw_bodies import CHUNKS, CODINGS, LENGTHS, UPGRADES
from tests.edges.raw_fields import FIELDS, HOSTS
from tests.edges.raw_lines import CLOSED, LINES, Row, get
from tests.support.http1 import Bench, Echo, answers
from tests.support.loop import JumpingLoop

ROWS = LINES | HOSTS | FIELDS | LENGTHS | CODINGS | CHUNKS | UPGRADES
SHORT = {name: row for name, row in ROWS.items() if len(row[0]) < 400}
LONG = {name: row for name, row in ROWS.items() if len(row[0]) >= 400}
NEXT = get(line=b"GET /next HTTP/1.1")

Outcome = tuple[list[str], list[int], bool]


async def outcome(*pieces: bytes) -> Outcome:
    """What was served, with which statuses, and whether the connection is still open."""
    echo = Echo()
    bench = Bench(echo)
    await bench.send(*pieces)
    still_open = "eof" not in bench.transport.told and not bench.transport.closing
    got = answers(bench.transport.written, tuple(words.partition(" ")[0] for words in echo.seen), closed=False)
    assert bench.bugs == []
    return echo.seen, [one.status for one in got], still_open


def same(name: str, row: Row, one: Outcome, whole: Outcome) -> None:
    """Behind a chunked body in the same packet fewer requests may be served, never others; else nothing differs."""
    if CLOSED in row[1] and one != whole:
        assert one[0][: len(whole[0])] == whole[0], name
        assert set(one[0][len(whole[0]) :]) <= {"GET /next "}, name
        assert set(one[1]) == {200}, name
    else:
        assert one == whole, name


@pytest.mark.parametrize("name", SHORT)
async def test_two_pieces_are_read_like_one(name: str) -> None:
    raw = SHORT[name][0] + NEXT
    whole = await outcome(raw)
    for cut in range(1, len(raw)):
        same(name, SHORT[name], await outcome(raw[:cut], raw[cut:]), whole)


@pytest.mark.parametrize("name", SHORT)
async def test_single_bytes_are_read_like_one_piece(name: str) -> None:
    raw = SHORT[name][0] + NEXT
    same(name, SHORT[name], await outcome(*(raw[at : at + 1] for at in range(len(raw)))), await outcome(raw))


@pytest.mark.parametrize("name", LONG)
async def test_a_long_request_in_pieces_is_read_like_one(name: str) -> None:
    raw = LONG[name][0] + NEXT
    whole = await outcome(raw)
    for size in (len(raw) - 1, 16_385, 16_384, 4_096, 701):
        same(name, LONG[name], await outcome(*(raw[at : at + size] for at in range(0, len(raw), size))), whole)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(sorted(SHORT)), min_size=1, max_size=4), st.lists(st.integers(1, 90), max_size=12))
def test_several_requests_in_any_pieces_are_read_like_one_by_one(names: list[str], cuts: list[int]) -> None:
    rows = [SHORT[name] for name in names]
    raw = b"".join(row[0] for row in rows)
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(raw[at : at + cut])
        at += cut
    loop = JumpingLoop()
    try:
        seen, _, _ = loop.run_until_complete(outcome(*(piece for piece in [*pieces, raw[at:]] if piece)))
        expected, _, _ = loop.run_until_complete(outcome(*(row[0] for row in rows)))
    finally:
        loop.close()
    assert seen == expected[: len(seen)]  # fewer only behind a chunked body
    if all(CLOSED not in row[1] for row in rows):
        assert seen == expected
