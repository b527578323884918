"""The admin listener's limits, and its reading of requests that are not what they should be."""

import asyncio
import errno
import os
import socket
import stat
import subprocess
import sys

import pytest

from proxy.edges.admin_connection import HEAD_TIME
from proxy.edges.admin_http import BODY_TIME, CONNECTIONS
from tests.support.admin import Admin, reply

real = pytest.mark.usefixtures("loops")
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def post(*fields: bytes, body: bytes = b"") -> bytes:
    known = (b"POST /api/reload HTTP/1.1", b"Host: localhost", b"Authorization: Bearer operator-token-1")
    return b"\r\n".join([*known, b"Content-Type: application/json", *fields, b"", b""]) + body


RAW = {  # bytes, status
    "a good one": (HEALTH + b"\r\n", 200),
    "HTTP/1.0": (b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n", 200),
    "HTTP/2.0": (b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", 400),
    "RTSP": (b"GET /healthz RTSP/1.0\r\nHost: localhost\r\n\r\n", 400),
    "no Host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "no Host, 1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", 400),
    "two Hosts": (HEALTH + b"Host: localhost\r\n\r\n", 400),
    "a Host with a blank": (b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "a Host with a user": (b"GET /healthz HTTP/1.1\r\nHost: u@localhost\r\n\r\n", 400),
    "an empty Host": (b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "a foreign Host": (b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    "a Host that only begins well": (b"GET /healthz HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 421),
    "another address as Host": (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.2\r\n\r\n", 421),
    "the own address as Host": (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", 200),
    "an upstream as Host": (b"GET /healthz HTTP/1.1\r\nHost: STRIPE\r\n\r\n", 200),
    "a fragment": (b"GET /healthz#a HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a byte beyond ASCII in the target": (b"GET /healthz\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "CONNECT": (b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    "TRACE": (b"TRACE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    "gzip, chunked": (post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 400),
    "two codings": (post(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    "both lengths": (post(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    "two lengths": (post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}"), 400),
    "a bad length": (post(b"Content-Length: +2", body=b"{}"), 400),
    "a bad chunk": (post(b"Transfer-Encoding: chunked", body=b"zz\r\n"), 400),
    "chunks": (post(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"), 200),
    "a blank before the colon": (HEALTH + b"X-A : 1\r\n\r\n", 400),
    "a folded field": (HEALTH + b"X-A: 1\r\n 2\r\n\r\n", 400),
    "a NUL": (HEALTH + b"X-A: \0\r\n\r\n", 400),
    "a bare LF": (b"GET /healthz HTTP/1.1\nHost: localhost\n\n", 400),
    "an unknown expectation": (post(b"Expect: a miracle", b"Content-Length: 2", body=b"{}"), 417),
    "not HTTP": (b"\x16\x03\x01\x02\x00 hello\r\n\r\n", 400),
    "a line of 8 KiB": (b"GET /healthz?" + b"a" * 8_200 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
    "a field of 8 KiB": (HEALTH + b"X-A: " + b"a" * 8_200 + b"\r\n\r\n", 431),
    "65 fields": (HEALTH + b"X-A: 1\r\n" * 64 + b"\r\n", 431),
    "64 fields": (HEALTH + b"X-A: 1\r\n" * 63 + b"\r\n", 200),
    "a head of 16 KiB": (HEALTH + (b"X-A: " + b"a" * 5_500 + b"\r\n") * 3 + b"\r\n", 431),
    "a head of 16 KiB without an end": (HEALTH + (b"X-A: " + b"a" * 5_500 + b"\r\n") * 3, 431),
    "a body of 64 KiB": (post(b"Content-Length: 65536", body=b'"%b"' % (b"a" * 65_534)), 400),
    "a larger body, by its length": (post(b"Content-Length: 65537"), 413),
    "a larger body, in chunks": (
        post(b"Transfer-Encoding: chunked", body=(b"8000\r\n" + b"a" * 32_768 + b"\r\n") * 3 + b"0\r\n\r\n"),
        413,
    ),
}


@real
@pytest.mark.parametrize(("request_bytes", "status"), RAW.values(), ids=RAW)
async def test_raw(request_bytes, status):
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(request_bytes)
        answer = await reply(reader)
        closed = status in {400, 405, 413, 417, 421, 431} and await reader.read() == b""
    assert (answer.status, closed) == (status, status != 200)  # closed: nothing behind it is read as a request
    assert answer.version == "HTTP/1.1"  # whatever was asked in
    assert admin.program.bugs == []


@real
@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"RTSP/1.0"])
@pytest.mark.parametrize(
    "fields", [b"Host: localhost\r\nConnection: keep-alive\r\n", b"Host : a\r\n"], ids=["good", "bad"]
)
async def test_an_answer_is_http_1_1_and_only_that_keeps_the_connection(version, fields):
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(b"GET /healthz " + version + b"\r\n" + fields + b"\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 ")
    assert (b"Connection: close\r\n" in head) is (version != b"HTTP/1.1" or b"Host :" in fields)


@real
@pytest.mark.parametrize("bad", [b"X-Secret : hunter2\r\n\r\n", b"X-Secret: \0hunter2\r\n\r\n"])
async def test_an_answer_to_a_bad_request_repeats_nothing_of_it_and_nobody_logs_it(bad, caplog):
    async with Admin() as admin:
        answer = await admin.raw(HEALTH + bad)
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert b"hunter2" not in answer.body
    assert b"X-Secret" not in answer.body
    assert (caplog.records, admin.program.bugs) == ([], [])


@real
@pytest.mark.parametrize(
    ("bad", "rule"),
    [(b"X-A : 1\r\n\r\n", "a blank before a colon"), (b"X-A: \0\r\n\r\n", "a control byte in a field")],
    ids=["blank", "control"],
)
@pytest.mark.parametrize("before", [b"", HEALTH + b"\r\n"], ids=["first", "second"])
async def test_a_bad_request_is_told_which_rule_it_broke(before, bad, rule):
    async with Admin() as admin, admin.connected() as (reader, writer):
        if before:
            writer.write(before)
            await reply(reader)
        writer.write(HEALTH + bad)
        answer = await reply(reader)
    assert answer.json["detail"] == f"The request is malformed: {rule}."


@real
async def test_a_connection_serves_one_request_after_the_other_until_one_is_bad():
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(HEALTH + b"\r\n" + HEALTH + b"\r\n" + HEALTH + b"X-A : 1\r\n\r\n" + HEALTH + b"\r\n")
        statuses = [(await reply(reader)).status for _ in range(3)]
        assert statuses == [200, 200, 400]
        assert await reader.read() == b""


@real
@pytest.mark.parametrize("cut", range(1, 5))
async def test_a_good_request_is_answered_whatever_follows_in_the_packet_of_its_last_bytes(cut):
    async with Admin() as admin, admin.connected() as (reader, writer):
        head = HEALTH + b"\r\n"
        writer.write(head[:-cut])
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(head[-cut:] + HEALTH + b"X-A : 1\r\n\r\n")
        assert [(await reply(reader)).status for _ in range(2)] == [200, 400]


@real
async def test_a_body_is_asked_for_when_it_is_expected():
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(post(b"Expect: 100-continue", b"Content-Length: 2"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        assert (await reply(reader)).status == 200


@real
async def test_a_body_that_breaks_its_framing_on_the_way_is_refused_at_once():
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(post(b"Expect: 100-continue", b"Transfer-Encoding: chunked"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"zz\r\n")
        assert (await reply(reader)).status == 400


@real
async def test_a_refused_change_is_refused_before_its_body_is_asked_for():
    async with Admin() as admin:
        admin.program.given_token = b"another"
        answer = await admin.raw(post(b"Expect: 100-continue", b"Content-Length: 2"))
    assert answer.status == 401


@real
async def test_one_connection_more_than_the_limit_waits_for_another_to_go():
    async with Admin() as admin:
        open_ones = [await admin.connect() for _ in range(CONNECTIONS)]
        for reader, writer in open_ones:
            writer.write(HEALTH + b"\r\n")
            assert (await reply(reader)).status == 200
        late_reader, late = await admin.connect()
        late.write(HEALTH + b"\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(late_reader.read(1), 0.1)
        open_ones.pop()[1].close()
        assert (await reply(late_reader)).status == 200
        for _, writer in [*open_ones, (late_reader, late)]:
            writer.close()


@pytest.mark.sockets
async def test_a_head_must_come_within_ten_seconds_of_its_first_byte():
    loop = asyncio.get_running_loop()
    async with Admin() as admin, admin.connected() as (reader, writer):
        await asyncio.sleep(15)  # idle is something else
        began = loop.time()
        writer.write(HEALTH)
        answer = await reply(reader)
        assert (answer.status, answer.json["code"]) == (408, "request_timeout")
        assert HEAD_TIME <= loop.time() - began < HEAD_TIME + 1
        assert await reader.read() == b""


@pytest.mark.sockets
async def test_a_second_head_has_ten_seconds_as_well():
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(HEALTH + b"\r\n")
        assert (await reply(reader)).status == 200
        await asyncio.sleep(12)
        writer.write(HEALTH)
        assert (await reply(reader)).status == 408


@pytest.mark.sockets
async def test_a_body_must_come_within_ten_seconds():
    loop = asyncio.get_running_loop()
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(post(b"Content-Length: 20", body=b'{"a":'))
        began = loop.time()
        assert (await reply(reader)).status == 408
        assert BODY_TIME <= loop.time() - began < BODY_TIME + 1


@pytest.mark.sockets
async def test_an_idle_connection_is_closed_after_thirty_seconds():
    loop = asyncio.get_running_loop()
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(HEALTH + b"\r\n")
        await reply(reader)
        began = loop.time()
        assert await reader.read() == b""
        assert 29 <= loop.time() - began < 35


@real
async def test_a_unix_socket_is_for_owner_and_group_and_gone_afterwards(tmp_path):
    path = tmp_path / "admin.sock"
    async with Admin(f"unix:{path}") as admin:
        assert admin.bound == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert (await admin.get("/healthz")).status == 200
    assert not path.exists()


@real
async def test_a_socket_that_a_killed_process_left_is_replaced(tmp_path):
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "admin.sock"))
    left.close()
    async with Admin(f"unix:{tmp_path}/admin.sock") as admin:
        assert (await admin.get("/healthz")).status == 200


@real
async def test_a_unix_socket_in_a_folder_of_everybody_is_refused(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError):
        async with Admin(f"unix:{tmp_path}/admin.sock"):
            pass


@real
async def test_an_address_that_is_taken_cannot_be_had():
    async with Admin() as admin:
        with pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
            async with Admin(admin.bound):
                pass


@real
async def test_an_ipv6_address_stands_in_brackets():
    async with Admin("[::1]:0") as admin:
        assert admin.bound.startswith("[::1]:")
        assert (await admin.get("/healthz", "Host: [::1]:8602")).status == 200


@real
async def test_closing_ends_connections_that_wait():
    async with Admin() as admin, admin.connected() as (reader, writer):
        writer.write(HEALTH + b"\r\n")
        await reply(reader)
    assert await reader.read() == b""
    writer.close()


def test_the_library_is_not_loaded_before_the_listener_starts():
    code = "import sys, proxy.edges.admin_server; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - this interpreter
