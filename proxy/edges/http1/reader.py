"""Bytes of an upstream's answers into heads and bodies; no socket, no waiting.

The parser says what bytes mean; what is refused, where a message ends and whether anything followed it is said here and
in `rules/upstream_heads.py`. The one thing a reader would get wrong: the parser names no position, swallows CR and LF
behind an answer without a word, and takes a bare CR for the end of an empty value. So it is fed heads that are whole
and clean, or line by line.
"""

from __future__ import annotations

import re

import httptools

from proxy.model import Headers
from proxy.rules.upstream_heads import MOST_HEAD, MOST_LINE, Heads, broken, check_size, is_clean, too_large

HEAD, LENGTH, CHUNKS, UNTIL_CLOSE, DONE = range(5)  # `http1.md` §3
_START, _FIRST_FIELD, _FIELDS = range(3)  # which line of a head comes next

_NEW, _OLD = b"HTTP/1.1 ", b"HTTP/1.0 "
_PLAIN = re.compile(rb"HTTP/1\.[01] [2-9]\d\d[^\n]*\n[^ \t]")  # a final answer
_OVERHEAD = 16_384  # bytes that extensions and trailers may add to a chunked body, beside these for each chunk:
_OVERHEAD_EACH = 32


class AnswerReader:
    """The answers on one connection, one after the other.

    `state`: HEAD until a final head is here, DONE when the answer is complete. `length`, `chunked`: of its body, as in
    `rules/upstream_heads.py`. `pieces`: what came of it; whoever takes them leaves an empty list. `keep`: the
    connection may be used for another request once the answer is complete.
    """

    __slots__ = (
        "_chunks",
        "_fed",
        "_fields",
        "_for_head",
        "_head_size",
        "_heads",
        "_held",
        "_interims",
        "_line",
        "_old",
        "_out",
        "_parser",
        "_spent",
        "_tail",
        "chunked",
        "headers",
        "keep",
        "length",
        "pieces",
        "reason",
        "state",
        "status",
    )

    def __init__(self, heads: Heads) -> None:
        self._heads = heads
        self._spent = True
        self.begin(for_head=False)

    def begin(self, *, for_head: bool) -> None:
        """A request was sent. `for_head`: with the method HEAD, whose answers have no body whatever they say."""
        self.state = HEAD
        self.status = 0
        self.reason = b""
        self.headers: Headers = ()
        self.length: int | None = 0
        self.chunked = False
        self.pieces: list[bytes] = []
        self.keep = False
        self._for_head = for_head
        self._old = False
        self._fields: list[tuple[bytes, bytes]] = []
        self._line = _START
        self._held: list[bytes] = []  # of a line that is not complete
        self._tail = b""  # the last bytes of earlier feeds, in chunks
        self._fed = self._head_size = 0  # bytes that came; those of them that were heads
        self._out = 0  # bytes that were a body in chunks
        self._chunks = 1
        self._interims = 0
        if self._spent:
            self._renew_parser()

    @property
    def heard(self) -> bool:
        """True once a byte of an answer has come."""
        return self._fed > 0

    def feed(self, data: bytes) -> None:
        """Reads what came. Raises `UpstreamFailure`; a head and pieces that came before the fault stand all the same.

        Any byte behind an answer only takes away `keep`.
        """
        self._fed += len(data)
        if self.state == HEAD:
            self._feed_head(data)
        elif self.state == UNTIL_CLOSE:
            self.pieces.append(data)
        elif self.state == DONE:
            self.keep = False
        else:
            self._parse(data)
        if self.state == CHUNKS:
            self._check_overhead()

    def end(self) -> bool:
        """The connection ended, and in order. True if the answer is complete thereby, or was before."""
        if self.state == UNTIL_CLOSE:
            self.state = DONE
        return self.state == DONE

    def close(self) -> None:
        """Nothing will be fed any more. Parser and callbacks are a circle that would wait for the garbage collector."""
        del self._parser

    def _feed_head(self, data: bytes) -> None:
        if self._fed == len(data) and not self._for_head:  # the first that comes of an answer, usually all of its head
            end = data.find(b"\r\n\r\n") + 4
            if end > 3 and (self._is_known(data, end) or self._is_plain(data, end)):
                return
        self._feed_lines(data)

    def _is_known(self, data: bytes, end: int) -> bool:
        """True if this is a head that came before, byte for byte, with its whole body: the parser has nothing to add.

        A provider that numbers or dates its answers finely never comes here; one that does not repeats its heads, if
        only within a second. Then it saves a seventh of what a small call costs.
        """
        known = self._heads.known.get(data[:end])
        if known is None or known[3] != len(data) - end:
            return False
        self.status, self.reason, self.headers, self.length = known
        self._head_size = end
        if end < len(data):
            self.pieces.append(data[end:])
        self.keep = True
        self.state = DONE
        return True

    def _is_plain(self, data: bytes, end: int) -> bool:
        """True if this is the whole head of a final answer in plain form: it was read in one go."""
        if not _PLAIN.match(data) or not is_clean(data[: end - 4].replace(b"\r\n", b"")):
            return False
        self._old = data.startswith(_OLD)
        self._head_size = end
        self._parse(data)
        if self.state == DONE and self.keep and not self.chunked:
            self._heads.known.keep(data[:end], (self.status, self.reason, self.headers, self.length))
        return True

    def _feed_lines(self, data: bytes) -> None:
        if self._held and b"\n" in data:
            self._held.append(data)
            data = b"".join(self._held)
            self._held = []
        at = 0
        while self.state == HEAD:
            end = data.find(b"\n", at) + 1
            if not end:
                self._hold(data[at:])
                return
            self._feed_line(data[at:end])
            at = end
        if at < len(data):
            self._feed_rest(data[at:])

    def _feed_line(self, line: bytes) -> None:
        self._head_size += len(line)
        if self._line == _START:
            self._check_start(line)
            self._renew_parser()
        elif self._line == _FIRST_FIELD and line.startswith((b" ", b"\t")):
            raise broken("The first field of the upstream's answer begins with a blank.")
        if not is_clean(line.removesuffix(b"\n").removesuffix(b"\r")):
            raise broken("The upstream's answer has a control byte in its head.")
        if self._head_size > MOST_HEAD:
            raise too_large()
        self._line = min(self._line + 1, _FIELDS)
        self._parse(line)

    def _check_start(self, line: bytes) -> None:
        start = line[: len(_OLD)]
        if not _OLD.startswith(start) and not _NEW.startswith(start):
            raise broken("The upstream's answer is not HTTP/1.0 or HTTP/1.1.")
        if len(line) > MOST_LINE:
            raise too_large()
        self._old = start == _OLD

    def _hold(self, piece: bytes) -> None:
        self._held.append(piece)
        if self._line == _START:
            self._check_start(b"".join(self._held))
        elif self._fed > MOST_HEAD:
            raise too_large()

    def _feed_rest(self, rest: bytes) -> None:
        if self.state == DONE:
            self.keep = False
        else:
            self._parse(rest)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._spent = True
            self._blame(error.__context__)
            return
        if self.state == DONE:
            followed = self._is_followed(data) if self.chunked else self._fed - self._head_size != self.length
            self.keep = self.keep and not followed
        elif self.state == CHUNKS:
            self._tail = (self._tail + data[-6:])[-6:]

    def _blame(self, cause: BaseException | None) -> None:
        if self.state == DONE:  # something followed the answer; the answer itself stands
            self.keep = False
        else:
            raise cause or broken() from None

    def _is_followed(self, data: bytes) -> bool:
        """True if CR or LF came behind the chunks: the parser calls for any other byte, and is silent about these."""
        end = (self._tail + data[-6:])[-6:]
        return not end.endswith(b"\n") or end.replace(b"\r", b"").endswith(b"\n\n\n")

    def _check_overhead(self) -> None:
        if self._fed - self._head_size - self._out > _OVERHEAD + _OVERHEAD_EACH * self._chunks:
            raise broken("Extensions or trailers of the upstream's chunks are too large.")

    def _renew_parser(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_headers=True, lenient_optional_cr_before_lf=True)
        self._spent = False

    # What the parser calls from within `feed_data`. What is raised here comes out of it as the context of its error.

    def on_message_begin(self) -> None:
        if self.state == DONE:
            raise broken()

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        parser, fields = self._parser, self._fields
        self._fields = []  # what comes after it are trailers: their bytes are counted, and nobody reads them
        status = parser.get_status_code()
        if status < 200:
            self._drop_interim(status, fields)
            return
        if self._head_size > MOST_LINE:
            check_size(self._head_size, self.reason, fields)
        read = self._heads.read(status, fields, for_head=self._for_head, old=self._old)
        self.status = status
        self.headers, self.length, self.chunked = read
        self.keep = parser.should_keep_alive()
        if self._for_head or status in {204, 304}:
            self.state = DONE
            self._spent = self._for_head  # httptools cannot be told that no body follows; a test fails when it can
        elif self.chunked:
            self.state = CHUNKS
            parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=False)  # else a CR makes up a lost byte
        else:
            self.state = UNTIL_CLOSE if self.length is None else LENGTH

    def on_body(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self._out += len(piece)
        self._chunks += 1

    def on_message_complete(self) -> None:
        if self.state == CHUNKS:
            self._check_overhead()
            self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
        if self.state != HEAD:
            self.state = DONE
        else:  # of an interim answer: the parser would take its `Connection: close` at its word
            self._line = _START
            self._spent = True

    def _drop_interim(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        self._interims += 1
        self._heads.check_interim(status, self._interims, fields)
        self.reason = b""
