"""Bodies that nobody asked the admin listener to read: they cost no connection, and no answer is lost over them."""

import asyncio

import pytest

from tests.support.admin import TOKEN, Admin, reply

real = pytest.mark.usefixtures("loops")
PING = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def unread(size: int, *fields: bytes) -> bytes:
    """The head of a request whose token is missing, so that its body is of no interest."""
    lines = [b"POST /api/reload HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", *fields]
    return b"\r\n".join([*lines, b"Content-Length: %d" % size, b"", b""])


@real
@pytest.mark.parametrize("size", [1, 20_000, 60_000])
@pytest.mark.parametrize("pause", [0.0, 0.01])
async def test_after_a_body_that_was_not_wanted_the_connection_goes_on(size, pause):
    async with Admin() as admin, admin.connected() as (reader, writer):
        for _ in range(5):
            writer.write(unread(size))
            await asyncio.sleep(pause)
            writer.write(b"x" * size + PING)
            answers = [await reply(reader), await reply(reader)]
            assert [answer and answer.status for answer in answers] == [401, 200]


@real
async def test_a_body_that_was_read_does_not_count_as_the_next_head():
    async with Admin() as admin, admin.connected() as (reader, writer):
        body = b"{" + b" " * 60_000 + b"}"
        writer.write(unread(len(body), b"Authorization: Bearer " + TOKEN) + body)
        assert (await reply(reader)).status == 200
        writer.write(PING[:20])
        await asyncio.sleep(0.01)
        writer.write(PING[20:])
        assert (await reply(reader)).status == 200


@real
async def test_a_client_that_waits_for_our_word_to_send_gets_the_answer_at_once():
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(unread(1000, b"Expect: 100-continue"))
        answer = await reply(reader)
        assert (answer.status, answer.headers["connection"]) == (401, "close")


@real
async def test_a_body_that_is_far_too_large_ends_the_connection_behind_its_answer():
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(unread(1 << 30) + b"x" * 200_000)
        answer = await reply(reader)
        assert (answer.status, answer.headers["connection"]) == (401, "close")
