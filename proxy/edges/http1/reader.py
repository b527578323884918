"""Bytes of an upstream's answers into heads and bodies; no socket, no waiting.

The parser says what bytes mean; what is refused, where a message ends and whether anything followed it is said here and
in `rules/upstream_heads.py`. The one thing a reader would get wrong: the parser swallows CR and LF behind an answer
without a word, and names no position, so a head whose end must be known exactly is fed to it line by line.
"""

from __future__ import annotations

import re

import httptools

from proxy.rules.upstream_heads import MOST_HEAD, MOST_LINE, Head, Heads, broken, check_size, too_large

HEAD, LENGTH, CHUNKS, UNTIL_CLOSE, DONE = range(5)  # `http1.md` §3
_START, _FIRST_FIELD, _FIELDS, _WHOLE = range(4)  # how a head is fed: by line, and which is next; or as it comes

_NEW, _OLD = b"HTTP/1.1 ", b"HTTP/1.0 "
_PLAIN = re.compile(rb"HTTP/1\.[01] (?!204|304)[2-9]\d\d[^\n]*\n[^ \t]")  # an answer that may have a body
_LF = 10
_OVERHEAD = 16_384  # bytes that extensions and trailers may add to a chunked body, beside these for each chunk:
_OVERHEAD_EACH = 32
_NO_HEAD = Head((), 0, chunked=False)


class AnswerReader:
    """The answers on one connection, one after the other.

    `state`: HEAD until a final head is here, DONE when the answer is complete. `pieces`: what came of the body; whoever
    takes them leaves an empty list. `keep`: the connection may be used for another request once the answer is complete.
    """

    __slots__ = (
        "_chunks",
        "_fed",
        "_feeding",
        "_fields",
        "_for_head",
        "_heads",
        "_held",
        "_interims",
        "_last",
        "_old",
        "_out",
        "_parser",
        "_spent",
        "_tail",
        "head",
        "keep",
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
        self.head = _NO_HEAD
        self.pieces: list[bytes] = []
        self.keep = False
        self._for_head = for_head
        self._old = False
        self._fields: list[tuple[bytes, bytes]] = []
        self._feeding = _START
        self._held = b""  # of a first line that is not complete
        self._tail = b""  # the last bytes of earlier feeds
        self._last = b""  # the last piece of a body with a length
        self._fed = self._out = 0  # bytes that came; those of them that were the body in chunks
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
        if self._feeding == _START and not self._held and not self._for_head and _PLAIN.match(data):
            self._feeding = _WHOLE
            self._old = data.startswith(_OLD)
        if self._feeding == _WHOLE:
            self._parse(data)
        else:
            self._feed_lines(self._held + data)
        if self.state == HEAD and self._fed > MOST_HEAD:
            raise too_large()

    def _feed_lines(self, data: bytes) -> None:
        self._held = b""
        at = 0
        while self.state == HEAD and at < len(data):
            end = data.find(b"\n", at) + 1
            if self._feeding == _START:
                self._check_start(data[at : at + len(_OLD)])
                if not end:
                    self._hold(data[at:])
                    return
            elif self._feeding == _FIRST_FIELD and data[at] in b" \t":
                raise broken("The first field of the upstream's answer begins with a blank.")
            self._feeding = _FIRST_FIELD if self._feeding == _START else _FIELDS
            self._parse(data[at : end or len(data)])
            at = end or len(data)
        if at < len(data):
            self._feed_rest(data[at:])

    def _check_start(self, start: bytes) -> None:
        if not _OLD.startswith(start) and not _NEW.startswith(start):
            raise broken("The upstream's answer is not HTTP/1.0 or HTTP/1.1.")
        self._old = start == _OLD
        if self._spent:
            self._renew_parser()

    def _hold(self, line: bytes) -> None:
        if len(line) > MOST_LINE:
            raise too_large()
        self._held = line

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
        if self.state != DONE:
            self._tail = data[-6:] if len(data) >= 6 else (self._tail + data)[-6:]
        elif self.keep and self._is_followed(data):
            self.keep = False

    def _blame(self, cause: BaseException | None) -> None:
        if self.state == DONE:  # something followed the answer; the answer itself stands
            self.keep = False
        else:
            raise cause or broken() from None

    def _is_followed(self, data: bytes) -> bool:
        """True if CR or LF came behind the answer: the parser calls for any other byte, and is silent about these."""
        if self._last:
            return not data.endswith(self._last)
        return data[-1] != _LF or (self._tail + data[-6:])[-6:].replace(b"\r", b"").endswith(b"\n\n\n")

    def _check_overhead(self) -> None:
        overhead = self._fed - self._out
        if overhead <= _OVERHEAD:
            return
        if overhead - check_size(self.reason, self._fields) > _OVERHEAD + _OVERHEAD_EACH * self._chunks:
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
        if self.state == HEAD:  # those behind a body are trailers: counted and dropped
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        parser, fields = self._parser, self._fields
        status = parser.get_status_code()
        if status < 200:
            self._drop_interim(status)
            return
        if self._fed > MOST_LINE:
            check_size(self.reason, fields)
        head = self._heads.read(status, self.reason, fields, for_head=self._for_head, old=self._old)
        self.status, self.head = status, head
        self.keep = parser.should_keep_alive()
        if self._for_head or status in {204, 304}:
            self.state = DONE
            self._spent = True  # httptools cannot be told that no body follows; a test fails when it can
        elif head.chunked:
            self.state = CHUNKS
        else:
            self.state = UNTIL_CLOSE if head.length is None else LENGTH

    def on_body(self, piece: bytes) -> None:
        self.pieces.append(piece)
        if self.state == LENGTH:
            self._last = piece
        else:
            self._out += len(piece)
            self._chunks += 1

    def on_message_complete(self) -> None:
        if self.state == CHUNKS:
            self._check_overhead()
        if self.state != HEAD:
            self.state = DONE
        else:  # of an interim answer: the parser would take its `Connection: close` at its word
            self._feeding = _START
            self._spent = True

    def _drop_interim(self, status: int) -> None:
        self._interims += 1
        self._heads.check_interim(status, self._interims, self._fields)
        self._fields = []
        self.reason = b""
