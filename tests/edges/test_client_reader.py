"""Answers read without a socket: however they are cut into pieces, and beside another parser."""

import itertools
import re

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.edges.http1.reader import DONE, HEAD, AnswerReader
from proxy.errors import UpstreamFailure
from proxy.rules.upstream_heads import Heads

L = b"HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 5\r\nX-A:  b \r\n\r\n"
C = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n"
ANSWERS = {
    "a length": L + b"hello",
    "a length and a line end behind it": L + b"hello\r\n",
    "a body that ends like a line": L + b"ab\r\n\n",
    "a body that is cut short": L + b"hell",
    "chunks": C + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    "chunks with trailers": C + b"3\r\nabc\r\n0\r\nX: y\r\nZ: \r\n\r\n",
    "chunks and a line end behind them": C + b"3\r\nabc\r\n0\r\n\r\n\r\n",
    "chunks with a fault": C + b"3\r\nabc\r\nx\r\n",
    "bare LF": L.replace(b"\r", b"") + b"hello",
    "folds": b"HTTP/1.1 200 OK\r\nA: b\r\n \tc\r\n\td\r\nContent-Length: 1\r\n\r\nx",
    "interim answers": b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 H\r\nLink: a\r\n\r\n" + L + b"hello",
    "an interim answer with a length": b"HTTP/1.1 100 C\r\nContent-Length: 1\r\n\r\nx" + L + b"hello",
    "204": b"HTTP/1.1 204 No Content\r\nServer: a\r\n\r\n",
    "204 and a line end behind it": b"HTTP/1.1 204 No Content\r\nServer: a\r\n\r\n\r\n",
    "304 with a length": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
    "until close": b"HTTP/1.1 200 OK\r\n\r\nhello there\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.0 with chunks": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "chunks and a CR behind them": C + b"3\r\nabc\r\n0\r\n\r\n\r",
    "zero": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "zero and a LF behind it": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\n",
    "two answers": L + b"hello" + L + b"hello",
    "another protocol": b"RTSP/1.0 200 OK\r\n\r\n",
    "a blank line first": b"\r\n" + L + b"hello",
    "a folded first field": b"HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n",
    "101": b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
}


def read(pieces, *, for_head=False, ends=True, heads=None):
    """What comes of a connection that says `pieces`: head, body, how it ended, and whether it could be used again."""
    reader = AnswerReader(heads or Heads())
    reader.begin(for_head=for_head)
    body, fault = b"", None
    for piece in pieces:
        try:
            reader.feed(piece)
        except UpstreamFailure as failure:
            fault = failure.code
        body += b"".join(reader.pieces)
        reader.pieces = []
        if fault:
            break
    state = reader.state
    complete = fault is None and ends and reader.end()
    keep = state == DONE and reader.keep and not fault
    reader.close()
    if state == HEAD:
        return fault or "nothing"
    return reader.status, reader.reason, (reader.headers, reader.length, reader.chunked), body, complete, fault, keep


@pytest.mark.parametrize("for_head", [False, True], ids=["GET", "HEAD"])
@pytest.mark.parametrize("raw", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_the_same_however_it_is_cut(raw, for_head):
    whole = read([raw], for_head=for_head)
    assert read([raw[i : i + 1] for i in range(len(raw))], for_head=for_head) == whole
    for i in range(1, len(raw)):
        assert read([raw[:i], raw[i:]], for_head=for_head) == whole


@given(st.sampled_from(sorted(ANSWERS.values())), st.lists(st.integers(0, 200), max_size=8))
def test_an_answer_is_the_same_in_any_pieces(raw, cuts):
    edges = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    pieces = [raw[a:b] for a, b in itertools.pairwise(edges) if a < b]
    assert read(pieces) == read([raw])


@pytest.mark.parametrize("for_head", [False, True], ids=["GET", "HEAD"])
@pytest.mark.parametrize("raw", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_whose_head_came_before_is_read_as_if_it_were_the_first(raw, for_head):
    heads = Heads()
    for _ in range(2):
        read([raw], heads=heads)
    assert read([raw], for_head=for_head, heads=heads) == read([raw], for_head=for_head)
    for i in range(1, len(raw)):
        pieces = [raw[:i], raw[i:]]
        assert read(pieces, for_head=for_head, heads=heads) == read(pieces, for_head=for_head)


@pytest.mark.parametrize("body", [b"", b"hell", b"hello!", b"hello\r\n", b"hello" + L + b"hello"], ids=repr)
def test_a_head_that_came_before_vouches_for_no_other_body(body):
    heads = Heads()
    first = read([L + b"hello"], heads=heads)
    assert (first[3], first[-1]) == (b"hello", True)
    assert read([L + body], heads=heads) == read([L + body])
    assert read([L + b"HELLO"], heads=heads)[3] == b"HELLO"


def test_a_final_answer_in_a_packet_of_its_own_may_follow_an_interim_one_that_says_close():
    pieces = [b"HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n", L + b"hello"]
    assert read(pieces) == read([b"".join(pieces)]) == read([L + b"hello"])


def test_one_reader_reads_many_answers_as_if_each_were_the_first():
    reader = AnswerReader(Heads())
    for raw in [L + b"hello", C + b"1\r\na\r\n0\r\n\r\n", ANSWERS["204"], ANSWERS["interim answers"]] * 3:
        reader.begin(for_head=False)
        reader.feed(raw)
        reader_says = (
            reader.status,
            reader.reason,
            (reader.headers, reader.length, reader.chunked),
            b"".join(reader.pieces),
            reader.keep,
        )
        status, reason, head, body, *_, keep = read([raw])
        assert reader_says == (status, reason, head, body, keep)


def test_a_head_without_a_body_leaves_nothing_behind_for_the_next_answer():
    reader = AnswerReader(Heads())
    for _ in range(3):
        reader.begin(for_head=True)
        reader.feed(L)
        assert (reader.state, reader.keep, reader.pieces) == (DONE, True, [])
        reader.begin(for_head=False)
        reader.feed(L + b"hello")
        assert (reader.state, reader.keep, reader.pieces) == (DONE, True, [b"hello"])


def test_nothing_of_an_interim_answer_is_left_in_the_answer():
    status, reason, head, *_ = read([b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" + L + b"hello"])
    assert (status, reason, head[0]) == (200, b"OK", ((b"Server", b"a"), (b"X-A", b"b")))


def test_each_chunk_may_have_an_extension():
    raw = C + b"1;" + b"x" * 28 + b"\r\na\r\n"
    chunk = b"1;" + b"x" * 28 + b"\r\na\r\n"
    status, _, _, body, complete, *_ = read([raw, chunk * 2_000, b"0\r\n\r\n"])
    assert (status, body, complete) == (200, b"a" * 2_001, True)


@pytest.mark.parametrize("line", [b"\r", b""], ids=["CRLF heads", "bare LF heads"])
def test_a_chunk_that_lost_a_byte_is_broken_and_not_made_up_with_a_part_of_its_line_end(line):
    head = C.replace(b"\r", line)
    for chunks in (b"5\r\nello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5;a\nhello\r\n0\r\n\r\n"):
        *_, complete, fault, keep = read([head + chunks])
        assert (complete, fault, keep) == (False, "upstream_protocol_error", False)


def test_heads_may_have_bare_line_ends_behind_an_answer_in_chunks_too():
    reader = AnswerReader(Heads())
    for raw in (ANSWERS["chunks"], ANSWERS["bare LF"], ANSWERS["chunks"].replace(b"\r\n", b"\n", 4)):
        reader.begin(for_head=False)
        reader.feed(raw)
        assert (reader.state, reader.keep) == (DONE, True)


def test_a_head_over_its_limit_is_refused_in_one_piece_too():
    fields = [b"A: " + b"b" * 60_000 + b"\r\n"] * 5
    assert read([b"HTTP/1.1 200 OK\r\n" + b"".join(fields) + b"\r\n"]) == "upstream_protocol_error"
    assert read([b"HTTP/1.1 200 OK\r\n" + b"".join(fields[:4]) + b"\r\n"])[0] == 200


NAMES = st.sampled_from([b"Server", b"Set-Cookie", b"Content-Type", b"X-Request-Id", b"ETag", b"date"])
VALUES = st.from_regex(rb"(?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]{0,20}[!-~\x80-\xff])?)?", fullmatch=True)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
BODIES = st.lists(st.binary(min_size=1, max_size=30), max_size=4)
STATUSES = st.sampled_from([200, 201, 204, 301, 304, 400, 429, 500, 599])


@st.composite
def answers(draw):
    """A good answer, as bytes, in one of the three framings."""
    status, fields, pieces = draw(STATUSES), list(draw(FIELDS)), draw(BODIES)
    framing = draw(st.sampled_from(["length", "chunks", "close"]))
    if status in {204, 304}:
        pieces, framing = [], "none"
    if framing == "length":
        fields.append((b"Content-Length", b"%d" % sum(map(len, pieces))))
    if framing == "chunks":
        fields.append((b"Transfer-Encoding", b"chunked"))
        pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    return b"HTTP/1.1 %d Why\r\n%b\r\n%b" % (status, lines, b"".join(pieces))


def h11_reads(raw):
    """Status, reason, fields and body by h11; None if it refuses, or finds no end."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw)
    head, body = None, b""
    ended = False
    while True:
        try:
            event = client.next_event()
        except h11.RemoteProtocolError:
            return None
        if event is h11.NEED_DATA and not ended:
            client.receive_data(b"")
            ended = True
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return head.status_code, bytes(head.reason), [(bytes(n), bytes(v)) for n, v in head.headers], body
        elif not isinstance(event, h11.InformationalResponse):
            return None


HOP = {b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"upgrade", b"te", b"trailer"}


def agrees(ours, raw):
    """True where h11 reads `raw` as we did; the fields that end here are left out of the comparison."""
    theirs = h11_reads(raw)
    status, reason, head, body, complete, *_ = ours
    if theirs is None or not complete:
        return False
    fields = [(name.lower(), value) for name, value in head[0] if name.lower() not in HOP]
    return (status, reason, fields, body) == (
        *theirs[:2],
        [field for field in theirs[2] if field[0] not in HOP],
        theirs[3],
    )


@given(answers())
def test_a_good_answer_reads_as_h11_reads_it(raw):
    assert agrees(read([raw]), raw)


def is_laxer(raw):
    """True where we are laxer than h11 and say so: bare LF, folds, odd statuses, reasons and trailers."""
    line = raw.split(b"\n", 1)[0]
    return (
        re.search(rb"(?<!\r)\n|\n[ \t]", raw) is not None
        or re.fullmatch(rb"HTTP/1\.[01] [1-5]\d\d [\t -~\x80-\xff]*\r", line) is None
    )


@given(answers(), st.data())
@example(b"HTTP/1.1 200 Why\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", None)
@example(b"HTTP/1.1 200 Why\r\nContent-Length: 1_0\r\n\r\n0123456789", None)
def test_what_we_accept_of_a_spoiled_answer_h11_accepts_and_reads_alike(raw, data):
    spoiled = bytearray(raw)
    if data is not None:
        for at in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=max(1, len(raw) // 10))):
            spoiled[at] = data.draw(st.sampled_from(b"\x00\t\n\r :,;-0129azAZ\x7f\x80\xff") | st.integers(0, 255))
    ours = read([bytes(spoiled)])
    if isinstance(ours, str) or not ours[4] or is_laxer(bytes(spoiled)):
        return
    assert agrees(ours, bytes(spoiled)), bytes(spoiled)
