"""What httptools makes of responses under our two flags: the facts that the upstream client is built on."""

import httptools
import pytest

FLAGS = {"lenient_headers": True, "lenient_optional_cr_before_lf": True}


class Watched:
    """A response parser with our two leniencies, and everything that it called."""

    def __init__(self, data: bytes = b"", flags: dict[str, bool] | None = None) -> None:
        self.events: list[str] = []
        self.fields: list[tuple[bytes, bytes]] = []
        self.statuses: list[int] = []
        self.reason = b""
        self.body = b""
        self.keep: bool | None = None
        self.parser = httptools.HttpResponseParser(self)
        self.parser.set_dangerous_leniencies(**(FLAGS if flags is None else flags))
        self.error = self.feed(data) if data else None

    def feed(self, data: bytes) -> type[Exception] | None:
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            return type(error)
        return None

    def on_message_begin(self) -> None:
        self.events.append("begin")

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.keep = self.parser.should_keep_alive()
        self.statuses.append(self.parser.get_status_code())
        self.events.append("head")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.events.append("end")


def head(fields: bytes = b"", line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return line + b"\r\n" + fields + b"\r\n"


REFUSED = {
    "both lengths": head(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    "two lengths": head(b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    "a bare CR": head(b"A: b\rC: d\r\n"),
    "a blank before the colon": head(b"A : b\r\n"),
    "an empty name": head(b": b\r\n"),
    "no three digits": head(line=b"HTTP/1.1 20 OK"),
    "no HTTP": b"SSH-2.0-x\r\n",
    "a chunk size that is no number": head(b"Transfer-Encoding: chunked\r\n") + b"xyz\r\n",
    "101 without Upgrade": head(line=b"HTTP/1.1 101 Switching") + b"abc",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_the_parser_refuses(raw: bytes) -> None:
    assert Watched(raw).error is not None


ACCEPTED = {
    "a control byte in a value": head(b"A: b\x01c\r\n"),
    "NUL in a value": head(b"A: b\x00c\r\n"),
    "DEL in a value": head(b"A: b\x7fc\r\n"),
    "ESC in a value": head(b"A: b\x1bc\r\n"),
    "a control byte in the reason": head(line=b"HTTP/1.1 200 O\x01K"),
    "a status below 100": head(line=b"HTTP/1.1 099 X"),
    "a status of 600": head(line=b"HTTP/1.1 600 X"),
    "a status of 999": head(line=b"HTTP/1.1 999 X"),
    "HTTP/2.0": head(line=b"HTTP/2.0 200 OK"),
    "HTTP/0.9": head(line=b"HTTP/0.9 200 OK"),
    "RTSP": head(line=b"RTSP/1.0 200 OK"),
    "gzip as transfer coding": head(b"Transfer-Encoding: gzip\r\n"),
    "identity as transfer coding": head(b"Transfer-Encoding: identity\r\n"),
    "chunked before gzip": head(b"Transfer-Encoding: chunked, gzip\r\n"),
    "chunked with HTTP/1.0": head(b"Transfer-Encoding: chunked\r\n", b"HTTP/1.0 200 OK"),
    "a blank behind the name of a length": head(b"Content-Length : 5\r\n"),
    "a blank behind the name of a coding": head(b"Transfer-Encoding : chunked\r\n"),
    "a blank behind Connection": head(b"Connection : close\r\n"),
    "bare LF line ends": b"HTTP/1.1 200 OK\nA: b\n\n",
}


@pytest.mark.parametrize("raw", ACCEPTED.values(), ids=ACCEPTED)
def test_the_parser_passes_so_that_we_have_to_look(raw: bytes) -> None:
    watched = Watched(raw)
    assert watched.error is None
    assert "head" in watched.events


def test_a_control_byte_in_the_reason_passes_even_without_flags():
    assert Watched(head(line=b"HTTP/1.1 200 O\x01K"), {}).error is None


@pytest.mark.parametrize("coding", [b"gzip", b"identity", b"chunked, gzip"])
def test_an_unknown_transfer_coding_reads_until_the_close(coding):
    watched = Watched(head(b"Transfer-Encoding: " + coding + b"\r\n") + b"anything")
    assert (watched.body, watched.events[-1]) == (b"anything", "head")


def test_a_folded_value_is_joined_without_its_line_break():
    watched = Watched(head(b"A: b\r\n c\r\n"))
    assert watched.fields == [(b"A", b"b c")]


def test_chunked_with_a_folded_blank_looks_chunked_and_is_read_until_the_close():
    watched = Watched(head(b"Transfer-Encoding: chunked\r\n \r\n") + b"1\r\na\r\n0\r\n\r\n")
    assert watched.fields[0][1].rstrip() == b"chunked"
    assert watched.fields[0][1] != b"chunked"
    assert watched.body == b"1\r\na\r\n0\r\n\r\n"


def test_an_interim_answer_is_a_message_of_its_own():
    watched = Watched(head(line=b"HTTP/1.1 103 Early") + head(b"Content-Length: 1\r\n") + b"a")
    assert (watched.statuses, watched.body) == ([103, 200], b"a")


def test_an_interim_answer_with_a_length_has_a_body():
    assert Watched(head(b"Content-Length: 3\r\n", b"HTTP/1.1 199 X") + b"abc").body == b"abc"


def test_101_with_upgrade_fields_is_an_upgrade():
    raw = head(b"Upgrade: x\r\nConnection: Upgrade\r\n", b"HTTP/1.1 101 Switching")
    assert Watched(raw).error is httptools.HttpParserUpgrade
    assert not issubclass(httptools.HttpParserUpgrade, httptools.HttpParserError)  # to be caught by its own name


@pytest.mark.parametrize("status", [b"204", b"304"])
def test_204_and_304_have_no_body_and_bytes_behind_them_begin_a_message(status):
    watched = Watched(head(b"Content-Length: 3\r\n", b"HTTP/1.1 " + status + b" X"))
    assert watched.events == ["begin", "head", "end"]
    watched.feed(b"HTTP/1.1 200 OK\r\n")
    assert watched.events[-1] == "begin"


def test_the_answer_to_head_waits_for_the_body_that_its_length_speaks_of():
    watched = Watched(head(b"Content-Length: 3\r\n"))
    assert watched.events[-1] == "head"
    watched.feed(b"HTT")
    assert (watched.body, watched.events[-1]) == (b"HTT", "end")


def test_a_second_answer_in_the_same_feed_is_called_out_too():
    raw = head(b"Content-Length: 0\r\n")
    assert Watched(raw + raw).statuses == [200, 200]


def test_the_end_by_close_has_no_call():
    watched = Watched(head() + b"abc")
    assert watched.events[-1] == "head"
    assert not hasattr(watched.parser, "finish")


def test_the_calls_of_a_good_head_come_before_the_error_behind_it():
    watched = Watched(head(b"Transfer-Encoding: chunked\r\n") + b"zz\r\n")
    assert watched.events == ["begin", "head"]
    assert watched.error is not None


def test_a_trailer_comes_as_a_field_and_may_hold_nul():
    watched = Watched(head(b"Transfer-Encoding: chunked\r\n") + b"0\r\nX: \0\r\n\r\n")
    assert watched.fields[-1] == (b"X", b"\0")


def test_keep_alive_is_right_inside_the_head_and_false_behind_the_message():
    watched = Watched(head(b"Content-Length: 0\r\n"))
    assert watched.keep is True
    assert watched.parser.should_keep_alive() is False


def test_a_fresh_start_clears_the_leniencies():
    watched = Watched()
    watched.parser.__init__(watched)
    assert watched.feed(b"HTTP/1.1 200 OK\nA: b\n\n") is not None


def test_of_all_leniencies_only_some_let_both_lengths_through():
    raw = head(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
    assert Watched(raw, {"lenient_chunked_length": True}).error is None
    assert Watched(raw, FLAGS).error is not None
