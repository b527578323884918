"""S9: a hostile answer ends in 502 or a broken body, never in a short whole one, a split header or another's answer."""

from collections.abc import Iterator

import pytest

from tests.support.raw import ask, get
from tests.support.scripted import plain
from tests.support.standing import Pair, standing

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"
KEYS = "retry: {attempts: 1}\nbreaker: off\ntimeout: {first_byte: 2s}\n"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with standing(tmp_path_factory.mktemp("answers"), keys=KEYS) as both:
        yield both


HOSTILE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "both lengths": OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a malformed length": OK + b"Content-Length: 1x\r\n\r\na",
    "a negative length": OK + b"Content-Length: -1\r\n\r\na",
    "another coding": OK + b"Transfer-Encoding: gzip\r\n\r\na",
    "a coding beside chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 X\r\n" + EMPTY,
    "two digits": b"HTTP/1.1 20 X\r\n" + EMPTY,
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n" + EMPTY,
    "another protocol": b"RTSP/1.0 200 OK\r\n" + EMPTY,
    "an unasked 101": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "a bare CR in a value": OK + b"X-A: a\rSet-Cookie: b\r\n" + EMPTY,
    "a NUL in a value": OK + b"X-A: a\0b\r\n" + EMPTY,
    "an escape in the reason": b"HTTP/1.1 200 \x1b[2J\r\n" + EMPTY,
    "a blank before the colon": OK + b"X-A : b\r\n" + EMPTY,
    "a blank behind the name of a length": OK + b"Content-Length : 5\r\n\r\nhello",
    "a head over 256 KiB": OK + b"X-A: aaaaaaaaaaaaaaaa\r\n" * 13_000 + EMPTY,
    "too many fields": OK + b"X-A: a\r\n" * 300 + EMPTY,
    "a length on a 1xx": b"HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\nhello" + OK + EMPTY,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_head_is_502(pair: Pair, raw: bytes):
    program, upstream = pair
    upstream.play(raw)
    got = get(program.proxy, "/api/x")
    assert (got.status, got.code, got.whole) == (502, "upstream_protocol_error", True)
    upstream.play(plain(200, b"next"))
    assert get(program.proxy, "/api/x").body == b"next"


CUT = {
    "short of its length": OK + b"Connection: close\r\nContent-Length: 10\r\n\r\nhello",
    "no last chunk": OK + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "a chunk size that is no hex": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    "no line end behind a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
}


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("raw", CUT.values(), ids=CUT)
def test_a_body_that_breaks_off_is_never_a_whole_one(pair: Pair, raw: bytes, version: str):
    program, upstream = pair

    def cut(_: object) -> Iterator[bytes]:
        yield raw
        raise ConnectionResetError  # ends the scripted provider's connection

    upstream.play(cut)
    request = f"GET /api/x HTTP/{version}\r\nHost: localhost\r\n\r\n".encode()
    got = ask(program.proxy, request)
    assert not got.whole or got.status == 502


def test_bytes_behind_an_answer_are_no_other_calls_answer(pair: Pair):
    program, upstream = pair
    upstream.play(plain(200, b"mine") + plain(200, b"poison"), plain(200, b"yours"))
    assert get(program.proxy, "/api/a").body == b"mine"
    assert get(program.proxy, "/api/b").body == b"yours"


def test_a_provider_cannot_speak_with_our_voice(pair: Pair):
    program, upstream = pair
    fields = [("Outrigger-Error", "circuit_open"), ("Outrigger-Mock", "true"), ("OUTRIGGER-Attempts", "99")]
    upstream.play(plain(200, b"", *fields, ("Set-Cookie", "a"), ("Set-Cookie", "b")))
    got = get(program.proxy, "/api/x")
    assert (got.code, got.values(b"outrigger-mock"), got.values(b"outrigger-attempts")) == ("", [], [b"1"])
    assert got.values(b"set-cookie") == [b"a", b"b"]


def test_a_flood_of_interim_answers_ends(pair: Pair):
    program, upstream = pair
    upstream.play(b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + plain())
    assert get(program.proxy, "/api/x").status == 502
