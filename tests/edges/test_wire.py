"""A body on its way in, names of fields, heads as bytes: all without a socket."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.http1.wire import (
    CHUNKED,
    CLOSE,
    HIGH_WATER,
    FieldCodes,
    Inbox,
    chunk,
    content_length,
    has_controls,
    request_head,
    response_head,
)
from proxy.errors import ClientGone
from proxy.rules.framing import CONTENT_LENGTH, HOST, OTHER, TRANSFER_ENCODING


class Pausable(asyncio.Transport):
    """A transport that remembers whether it was told to read."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")


async def test_a_read_hands_over_all_that_has_arrived_in_one_piece():
    inbox = Inbox(None)
    inbox.put(b"one ")
    inbox.put(b"two")
    assert await inbox.read() == b"one two"


async def test_an_ended_body_is_read_to_its_end_first_and_then_always_says_so():
    inbox = Inbox(None)
    inbox.put(b"last")
    inbox.end()
    assert [await inbox.read(), await inbox.read(), await inbox.read()] == [b"last", b"", b""]


async def test_a_broken_body_gives_what_came_before_and_then_its_error_each_time():
    inbox = Inbox(None)
    inbox.put(b"some")
    inbox.fail(ClientGone())
    assert await inbox.read() == b"some"
    for _ in range(2):
        with pytest.raises(ClientGone):
            await inbox.read()


async def test_what_comes_behind_the_end_changes_nothing():
    inbox = Inbox(None)
    inbox.end()
    inbox.put(b"late")
    inbox.fail(ClientGone())
    assert await inbox.read() == b""
    assert inbox.complete


@pytest.mark.parametrize(
    "event",
    [lambda inbox: inbox.put(b"x"), Inbox.end, lambda inbox: inbox.fail(ClientGone())],
    ids=["put", "end", "fail"],
)
async def test_a_body_is_ready_only_once_something_has_come_of_it(event):
    inbox = Inbox(None)
    assert not inbox.ready
    event(inbox)
    assert inbox.ready


async def test_an_empty_piece_is_not_taken_for_the_end():
    inbox = Inbox(None)
    inbox.put(b"")
    assert not inbox.ready


async def test_a_waiting_reader_is_woken_by_a_piece():
    loop = asyncio.get_running_loop()
    inbox = Inbox(None)
    loop.call_later(1.0, inbox.put, b"later")
    assert await inbox.read() == b"later"
    assert loop.time() == 1.0


async def test_a_cancelled_read_loses_nothing():
    inbox = Inbox(None)
    reading = asyncio.get_running_loop().create_task(inbox.read())
    await asyncio.sleep(0)
    inbox.put(b"kept")  # arrives, and the reader is cancelled before it could run
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    inbox.put(b" too")
    assert await inbox.read() == b"kept too"


async def test_the_transport_is_paused_over_the_high_water_mark_and_resumed_when_all_was_read():
    transport = Pausable()
    inbox = Inbox(transport)
    inbox.put(b"x" * HIGH_WATER)
    assert transport.told == []
    inbox.put(b"x")
    inbox.put(b"x")
    assert transport.told == ["pause"]
    await inbox.read()
    assert transport.told == ["pause", "resume"]


async def test_a_closing_transport_is_left_alone():
    transport = Pausable()
    transport.closing = True
    inbox = Inbox(transport)
    inbox.put(b"x" * (HIGH_WATER + 1))
    await inbox.read()
    assert transport.told == []


async def test_the_body_is_asked_for_once_and_only_when_a_reader_has_to_wait():
    loop = asyncio.get_running_loop()
    asked: list[float] = []
    inbox = Inbox(None, lambda: asked.append(loop.time()))
    inbox.put(b"here already")
    await inbox.read()
    assert asked == []
    loop.call_later(1.0, inbox.put, b"a")
    loop.call_later(2.0, inbox.put, b"b")
    await inbox.read()
    await inbox.read()
    assert asked == [0.0]


@given(st.lists(st.sampled_from([b"", b"a", b"bc", b"d" * 70_000]), max_size=8), st.data())
def test_any_order_of_arriving_and_reading_gives_the_same_bytes_and_leaves_no_transport_paused(pieces, data):
    async def run() -> None:
        transport = Pausable()
        inbox = Inbox(transport)
        got = b""
        for piece in pieces:
            inbox.put(piece)
            if inbox.ready and data.draw(st.booleans()):
                got += await inbox.read()
        inbox.end()
        while piece := await inbox.read():
            got += piece
        assert got == b"".join(pieces)
        assert transport.told == ["pause", "resume"] * (len(transport.told) // 2)

    asyncio.run(run())


def test_a_field_has_its_code_in_any_case_and_an_unknown_one_has_none():
    codes = FieldCodes()
    assert [codes[name] for name in (b"Host", b"HOST", b"hOsT")] == [HOST] * 3
    assert codes[b"content-LENGTH"] == CONTENT_LENGTH
    assert codes[b"Transfer-Encoding"] == TRANSFER_ENCODING
    assert codes[b"X-Anything"] == OTHER


def test_a_peer_that_invents_names_cannot_make_the_memo_grow_without_end():
    codes = FieldCodes()
    for number in range(5_000):
        assert codes[b"X-%d" % number] == OTHER
    assert codes[b"X" * 10_000] == OTHER
    assert len(codes) == 1_024
    assert codes[b"HoSt"] == HOST


@pytest.mark.parametrize("byte", range(256))
def test_a_value_may_hold_a_tab_and_everything_from_the_space_on_but_not_del(byte):
    allowed = byte == 9 or (byte >= 32 and byte != 127)
    assert has_controls(b"a%cb" % byte) is not allowed


def test_a_request_head_keeps_order_case_and_repeats_and_ends_with_its_framing():
    head = request_head("POST", b"/a?b", ((b"Host", b"x"), (b"b", b"1"), (b"B", b"")), content_length(5))
    assert head == b"POST /a?b HTTP/1.1\r\nHost: x\r\nb: 1\r\nB: \r\nContent-Length: 5\r\n\r\n"


def test_a_response_head_without_fields_is_still_a_head():
    assert response_head(200, b"", ()) == b"HTTP/1.1 200 \r\n\r\n"
    assert response_head(404, b"Not Found", ((b"A", b"b"),), CHUNKED + CLOSE) == (
        b"HTTP/1.1 404 Not Found\r\nA: b\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )


def test_a_chunk_says_its_length_in_hex():
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
