"""An application's bytes as request heads and chunked bodies: httptools, and what it leaves to us.

The one thing a reader would get wrong: the parser is given whole heads only, so what it says about the end of a message
is never needed; bodies with a length do not pass it at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httptools

from proxy.edges.http1.wire import FieldCodes, Inbox
from proxy.errors import Refusal
from proxy.model import Headers
from proxy.rules.framing import Framing, SoundHosts, framing_of
from proxy.rules.malformed import broken_rule
from proxy.rules.recent import Recent

if TYPE_CHECKING:
    from proxy.edges.http1.listener import Limits

EMPTY_LINES = 4  # skipped before a request line
BETWEEN_CHUNKS = 16_384  # bytes of chunk extensions and trailers in one body
PER_CHUNK = 32  # bytes around a chunk that are not counted: its size, two line ends

_NOT_YET: bool | None = None  # the head has not ended, for the parser
_BARE_LF = re.compile(rb"(?<!\r)\n")
_MAY_END = re.compile(rb"\A\r?\n|\r\n\r\n")  # where a chunked body can have ended at the earliest
# httptools takes `Upgrade` as the end of a message, so no body is read behind an application's own head.
_CHUNKED_HEAD = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


# A request's head that may be served: method, target, headers, how its body is framed, and whether the connection may
# stay (neither HTTP/1.0 nor `Connection: close`). A plain tuple, taken apart where it arrives: a named one costs as
# much to make as all the checks on a head without a body.
Head = tuple[str, bytes, Headers, Framing, bool]


class Heads:
    """Reads the request heads of all connections of a listener, one whole head at a time.

    An application repeats its heads: the same SDK, the same few paths. What was read is a matter of a head's bytes
    alone, so a head that came before, byte for byte, is not read again. That is a tenth of what a small call costs.
    `known`: those heads. Whoever has a whole head may look there first.
    """

    __slots__ = ("_codes", "_fields", "_fresh", "_hosts", "_keep", "_limits", "_parser", "_target", "known")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.known: Recent[Head] = Recent()
        self._codes = FieldCodes()
        self._hosts = SoundHosts()
        self._parser = httptools.HttpRequestParser(self)
        self._fresh = True  # the parser is where a next message begins
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._keep = _NOT_YET

    def read(self, raw: bytes) -> Head:
        """The head in `raw`, which ends with its empty line. Raises `Refusal`."""
        head = self.known.get(raw)
        if head is None:
            head = self._read(raw)
            self.known.keep(raw, head)
        return head

    def _read(self, raw: bytes) -> Head:
        parser = self._parser
        if not self._fresh:
            parser.__init__(self)  # type: ignore[misc]  # httptools' own way to start afresh
        self._fresh, self._keep, self._fields = False, _NOT_YET, []
        try:
            parser.feed_data(raw)
            upgrade = False
        except httptools.HttpParserUpgrade:
            upgrade = True  # the end of a message is ours to say
        except httptools.HttpParserError:
            raise _malformed(raw) from None
        keep = self._keep
        if keep is None:
            raise _malformed(raw)
        headers = tuple(self._fields)
        limits = self._limits
        if len(headers) > limits.fields:
            raise _too_large(f"more than {limits.fields} fields")
        if len(raw) > limits.field and any(len(name) + len(value) > limits.field for name, value in headers):
            raise _too_large(f"a field of more than {limits.field} bytes")
        method = parser.get_method()
        framing = framing_of(raw, method, self._target, headers, self._codes, self._hosts)
        self._fresh = keep and not upgrade and framing.length == 0  # then the message ended with its head
        return method.decode("ascii"), self._target, headers, framing, keep and framing.current

    def on_url(self, url: bytes) -> None:
        self._target = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value.rstrip(b" \t")))  # httptools cuts the blanks before a value only

    def on_headers_complete(self) -> None:
        self._keep = self._parser.should_keep_alive()  # right only here


def find_head(raw: bytes, seen: int, limits: Limits) -> tuple[int, int] | None:
    """Where the head in `raw` begins and ends, None while it is not whole. Raises `Refusal` once it cannot be one.

    `seen`: how many bytes were looked at before. Whatever the pieces in which a head arrives, the answer is the same.
    """
    end = raw.find(b"\r\n\r\n", max(0, seen - 3), limits.head)
    if 0 <= end < limits.line and 65 <= raw[0] <= 90:
        return 0, end + 4  # as nearly all are: whole, and too small to be over any limit
    return _search_head(raw, seen, limits)


def _search_head(raw: bytes, seen: int, limits: Limits) -> tuple[int, int] | None:
    start = 0
    while start < EMPTY_LINES * 2 and raw.startswith(b"\r\n", start):
        start += 2
    if start == len(raw) or raw[start:] == b"\r":
        return None
    if not 65 <= raw[start] <= 90:  # no method begins otherwise, a fifth empty line neither
        raise _malformed(raw[start:])
    if raw.find(b"\n", start, start + limits.line + 2) < 0 and len(raw) - start >= limits.line + 2:
        raise _too_large(f"a request line of more than {limits.line} bytes")
    end = raw.find(b"\r\n\r\n", max(start, seen - 3), limits.head)
    if end >= 0:
        return start, end + 4
    if _BARE_LF.search(raw, max(start, seen), limits.head) is not None:
        raise _malformed(raw[start:])
    if len(raw) >= limits.head:
        raise _too_large(f"a request head of more than {limits.head} bytes")
    return None


class Chunks:
    """Reads one chunked body into an inbox.

    `over`: the body has ended, well or not. `clean`: well, and nothing came behind it: what did is dropped, since
    httptools cannot say where it began.
    """

    __slots__ = ("_between", "_inbox", "_parser", "clean", "over")

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._between = -len(_CHUNKED_HEAD)
        self.over = False
        self.clean = True
        self._parser = httptools.HttpRequestParser(self)
        self.feed(_CHUNKED_HEAD)

    def feed(self, data: bytes) -> None:
        """Takes in what arrived. A body that breaks its framing fails with `bad_request`."""
        self._between += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.clean = False
            if not self.over:
                return self._break("the chunks are malformed")
            end = _MAY_END.search(data)
            self._between -= len(data) - end.end() if end is not None else 0
        if self._between > BETWEEN_CHUNKS:
            return self._break("too many bytes between the chunks")
        if self.over:
            self._inbox.end()
        return None

    def _break(self, rule: str) -> None:
        self.over = True
        self.clean = False
        self._inbox.fail(Refusal("bad_request", f"Ambiguous request: {rule}."))

    def on_message_begin(self) -> None:
        if self.over:
            raise ValueError("a message behind the body")

    def on_chunk_header(self) -> None:
        self._between -= PER_CHUNK

    def on_body(self, piece: bytes) -> None:
        self._between -= len(piece)
        self._inbox.put(piece)

    def on_message_complete(self) -> None:
        self.over = True


def _malformed(head: bytes) -> Refusal:
    return Refusal("bad_request", f"Malformed request: {broken_rule(head)}.")


def _too_large(rule: str) -> Refusal:
    return Refusal("head_too_large", f"The request head is too large: {rule}.")
