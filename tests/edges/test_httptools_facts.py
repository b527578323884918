"""What httptools makes of requests: the facts that our reader is built on, so that an upgrade says what moved."""

import httptools
import pytest

HOST = b"Host: x\r\n"


class Watched:
    """A strict request parser, and everything that it called."""

    def __init__(self, data: bytes = b"") -> None:
        self.events: list[object] = []
        self.fields: list[tuple[bytes, bytes]] = []
        self.target = b""
        self.body = b""
        self.keep: bool | None = None
        self.parser = httptools.HttpRequestParser(self)
        self.error = self.feed(data) if data else None

    def feed(self, data: bytes) -> type[Exception] | None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.events.append(("upgrade at", upgrade.args[0]))
            return httptools.HttpParserUpgrade
        except httptools.HttpParserError as error:
            return type(error)
        return None

    def on_message_begin(self) -> None:
        self.events.append("begin")

    def on_url(self, url: bytes) -> None:
        self.target += url
        self.events.append("url")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.keep = self.parser.should_keep_alive()
        self.events.append("head")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.events.append("end")


def get(fields: bytes = HOST, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return line + b"\r\n" + fields + b"\r\n"


REFUSED = {
    "both lengths": get(HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    "both lengths, the other way round": get(HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    "two Content-Length": get(HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    "two equal Content-Length": get(HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    "a list of lengths": get(HOST + b"Content-Length: 5, 5\r\n"),
    "a length with a sign": get(HOST + b"Content-Length: +5\r\n"),
    "a length in hex": get(HOST + b"Content-Length: 0x5\r\n"),
    "a length with a fraction": get(HOST + b"Content-Length: 5.0\r\n"),
    "an empty length": get(HOST + b"Content-Length:\r\n"),
    "a length over 2^64": get(HOST + b"Content-Length: 18446744073709551616\r\n"),
    "a last coding that is not chunked": get(HOST + b"Transfer-Encoding: chunked, gzip\r\n"),
    "chunked twice": get(HOST + b"Transfer-Encoding: chunked, chunked\r\n"),
    "chunked in two fields": get(HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    "a byte over 0x7f in the target": get(line=b"GET /\xc3\xa4 HTTP/1.1"),
    "a control byte in the target": get(line=b"GET /\x01 HTTP/1.1"),
    "DEL in the target": get(line=b"GET /\x7f HTTP/1.1"),
    "a tab in the target": get(line=b"GET /\ta HTTP/1.1"),
    "a space in the target": get(line=b"GET /a b HTTP/1.1"),
    "a method in lower case": get(line=b"get / HTTP/1.1"),
    "an unknown method": get(line=b"BREW / HTTP/1.1"),
    "a bare LF after the request line": b"GET / HTTP/1.1\nHost: x\r\n\r\n",
    "a bare LF after a field": b"GET / HTTP/1.1\r\nHost: x\n\r\n",
    "a bare CR after a field": b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
    "obs-fold": get(HOST + b"A: b\r\n c\r\n"),
    "a control byte in a value": get(HOST + b"A: b\x01c\r\n"),
    "NUL in a value": get(HOST + b"A: b\x00c\r\n"),
    "DEL in a value": get(HOST + b"A: b\x7fc\r\n"),
    "a blank before the colon": get(HOST + b"A : b\r\n"),
    "an empty name": get(HOST + b": b\r\n"),
    "a name with a bracket": get(HOST + b"A[0]: b\r\n"),
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a blank before the end of the line": get(line=b"GET / HTTP/1.1 "),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_the_parser_refuses(raw: bytes) -> None:
    error = Watched(raw).error
    assert error is not None
    assert error is not httptools.HttpParserUpgrade


ACCEPTED = {  # and refused by `rules/framing.py`
    "gzip before chunked": get(HOST + b"Transfer-Encoding: gzip, chunked\r\n"),
    "an empty coding before chunked": get(HOST + b"Transfer-Encoding: , chunked\r\n"),
    "gzip and chunked in two fields": get(HOST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
    "a transfer coding with HTTP/1.0": get(HOST + b"Transfer-Encoding: chunked\r\n", b"GET / HTTP/1.0"),
    "HTTP/2.0": get(line=b"GET / HTTP/2.0"),
    "HTTP/0.9": get(line=b"GET / HTTP/0.9"),
    "no version": get(line=b"GET /"),
    "RTSP": get(line=b"GET / RTSP/1.0"),
    "ICE": get(line=b"SOURCE / ICE/1.0"),
    "two blanks after the method": get(line=b"GET  / HTTP/1.1"),
    "no Host": get(b""),
    "two Hosts": get(HOST + HOST),
    "a fragment": get(line=b"GET /a#b HTTP/1.1"),
    "an asterisk": get(line=b"GET * HTTP/1.1"),
    "another scheme": get(line=b"GET ftp://x/ HTTP/1.1"),
    "quotes, brackets and braces in the target": get(line=b'GET /"<>\\^{} HTTP/1.1'),
    "TRACE": get(line=b"TRACE / HTTP/1.1"),
}


@pytest.mark.parametrize("raw", ACCEPTED.values(), ids=ACCEPTED)
def test_the_parser_passes_so_that_we_have_to_look(raw: bytes) -> None:
    watched = Watched(raw)
    assert watched.error is None
    assert "head" in watched.events


def test_rtsp_is_reported_as_version_1_0():
    assert Watched(get(line=b"GET / RTSP/1.0")).parser.get_http_version() == "1.0"


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        get(HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n", b"POST / HTTP/1.1"),
        get(HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n", b"POST / HTTP/1.1"),
    ],
    ids=["CONNECT", "with a length", "chunked"],
)
def test_an_upgrade_ends_the_message_at_its_head_so_that_a_body_would_be_the_next_request(head):
    watched = Watched(head + b"abc")
    assert watched.events[-2:] == ["end", ("upgrade at", len(head))]
    assert watched.body == b""


@pytest.mark.parametrize("fields", [b"Upgrade: h2c\r\n", b"Connection: Upgrade\r\n"])
def test_half_an_upgrade_is_none(fields):
    assert Watched(get(HOST + fields)).error is None


def test_blanks_before_a_value_are_cut_and_those_behind_it_are_kept():
    assert Watched(get(HOST + b"A: \t b\t \r\n")).fields[1] == (b"A", b"b\t ")


@pytest.mark.parametrize("value", [b"0005", b"5\t"])
def test_a_length_may_have_leading_zeros_and_a_trailing_tab(value):
    watched = Watched(get(HOST + b"Content-Length: " + value + b"\r\n", b"POST / HTTP/1.1") + b"hello")
    assert (watched.body, watched.events[-1]) == (b"hello", "end")


def test_nothing_limits_the_number_or_the_size_of_fields():
    watched = Watched(get(HOST + b"A: b\r\n" * 5_000 + b"B: " + b"c" * 1_000_000 + b"\r\n"))
    assert watched.error is None
    assert len(watched.fields) == 5_002


CHUNKED = get(HOST + b"Transfer-Encoding: chunked\r\n", b"POST / HTTP/1.1")


def test_nothing_limits_a_chunk_extension():
    assert Watched(CHUNKED + b"1;" + b"e" * 200_000 + b"\r\na\r\n0\r\n\r\n").events[-1] == "end"


def test_trailers_come_through_the_same_call_as_fields():
    watched = Watched(CHUNKED + b"1\r\na\r\n0\r\nHost: evil\r\n\r\n")
    assert watched.fields[-1] == (b"Host", b"evil")
    assert watched.events[-1] == "end"


def test_a_bad_trailer_is_an_error():
    assert Watched(CHUNKED + b"0\r\nA b\r\n\r\n").error is not None


def test_a_request_behind_connection_close_is_an_error_after_the_calls_of_the_first():
    watched = Watched(get(HOST + b"Connection: close\r\n") + get())
    assert watched.events == ["begin", "url", "head", "end"]
    assert watched.error is httptools.HttpParserError


def test_a_second_request_in_the_same_feed_is_begun_at_once():
    watched = Watched(CHUNKED + b"0\r\n\r\n" + get())
    assert watched.events.count("begin") == 2


def test_a_target_in_two_feeds_comes_in_two_pieces_and_a_field_is_joined():
    watched = Watched(b"GET /a")
    watched.feed(b"b HTTP/1.1\r\nHo")
    watched.feed(b"st: x\r\n\r\n")
    assert watched.events.count("url") == 2
    assert (watched.target, watched.fields) == (b"/ab", [(b"Host", b"x")])


def test_keep_alive_is_right_inside_the_head_and_wrong_behind_the_message():
    watched = Watched(get(HOST + b"Connection: close\r\n"))
    assert watched.keep is False
    assert watched.parser.should_keep_alive() is True  # a reason to keep its first word


def test_a_parser_is_dead_after_an_error_until_it_is_initialised_again():
    watched = Watched(b"BREW / HTTP/1.1\r\n\r\n")
    assert watched.feed(get()) is not None
    watched.parser.__init__(watched)
    assert watched.feed(get()) is None


def test_a_parser_starts_afresh_in_the_middle_of_a_message():
    watched = Watched(get(HOST + b"Content-Length: 5\r\n", b"POST / HTTP/1.1"))
    watched.parser.__init__(watched)
    assert watched.feed(get()) is None
    assert watched.body == b""


def test_an_exception_of_ours_comes_out_as_the_context_of_theirs():
    class Refusing(Watched):
        def on_message_begin(self) -> None:
            raise ValueError("ours")

    with pytest.raises(httptools.HttpParserCallbackError) as told:
        Refusing().parser.feed_data(get())
    assert isinstance(told.value.__context__, ValueError)
    assert issubclass(httptools.HttpParserCallbackError, httptools.HttpParserError)


def test_no_error_text_quotes_what_was_sent():
    for raw in REFUSED.values():
        with pytest.raises(httptools.HttpParserError) as told:
            Watched().parser.feed_data(raw.replace(b"b", b"secret"))
        assert "secret" not in str(told.value)


def test_it_is_the_version_that_these_facts_were_found_on():
    assert httptools.__version__ == "0.9.0"
