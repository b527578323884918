"""Bodies as the debug log shows them."""

import gzip
import json
import zlib

import pytest

from proxy.edges.debug_records import DECODED, Record
from proxy.model import Headers
from proxy.rules.redaction import NO_MARKS, Redactor
from proxy.stages.capture import Exchange, Taken

SECRET = b"sk_live_0123456789"


def shown(body: bytes, headers: Headers = (), *, max_body: int = 100, room: int = 1 << 21) -> dict[str, object]:
    """The request of the one attempt, as it would be read again."""
    redactor = Redactor()
    redactor.learn("key", SECRET)
    sent = Taken(room)
    sent.add(body)
    exchange = Exchange(1, 0.0, "POST", b"/", headers, sent, Taken(0))
    record = Record(
        id="id", upstream="stripe", method="POST", target=b"/", status=200, code=None, attempts=1, started=0.0,
        seconds=0.0, provider_id=None, stopped=None, decisions=[], exchanges=[exchange], marks=NO_MARKS,
        max_body=max_body,
    )  # fmt: skip
    return json.loads(record.row(redactor)[-1])["exchanges"][0]["request"]


raw_deflate = zlib.compressobj(wbits=-15)
GZIP, DEFLATE, BROTLI = (((b"Content-Encoding", name),) for name in (b"GZip", b"deflate", b"br"))
BODIES = {
    "text": (b"caf\xc3\xa9", (), "café", False),
    "nothing": (b"", (), "", False),
    "bytes that are no text": (b"\xff\xfe", (), {"base64": "//4="}, False),
    "a longer text": (b"x" * 101, (), "x" * 100, True),
    "a text that is cut inside a letter": (b"x" * 99 + b"\xc3\xa9", (), "x" * 99, True),
    "a secret at the cut": (b"x" * 95 + SECRET + b"y" * 50, (), "x" * 95 + "[redacted key]", True),
    "gzip": (gzip.compress(b"inside " + SECRET), GZIP, "inside [redacted key]", False),
    "deflate": (zlib.compress(b"inside"), DEFLATE, "inside", False),
    "deflate without its head": (raw_deflate.compress(b"inside") + raw_deflate.flush(), DEFLATE, "inside", False),
    "nothing, called gzip": (b"", GZIP, "", False),
    "no gzip at all": (b"inside", GZIP, None, True),
    "a coding nobody here reads": (b"inside", BROTLI, None, True),
    "two codings": (gzip.compress(gzip.compress(b"x")), ((b"content-encoding", b"gzip"), *GZIP), None, True),
}


@pytest.mark.parametrize(("body", "headers", "text", "truncated"), BODIES.values(), ids=BODIES)
def test_body(body, headers, text, truncated):
    seen = shown(body, headers)
    assert (seen["body"], seen["truncated"]) == (text, truncated)


def test_a_bomb_is_opened_no_further_than_a_mebibyte():
    bomb = gzip.compress(bytes(50 << 20))
    seen = shown(bomb, GZIP, max_body=DECODED * 2)
    assert (len(seen["body"]), seen["truncated"]) == (DECODED, True)


def test_half_a_gzip_shows_what_is_in_it_and_says_that_there_was_more():
    packed = gzip.compress(bytes(range(256)) * 40 + b"end", 0)
    seen = shown(packed, GZIP, max_body=1 << 20, room=len(packed) // 2)
    assert seen["truncated"]


def test_headers_keep_their_order_and_repeats():
    seen = shown(b"", ((b"B", b"1"), (b"A", b"\xff"), (b"B", b"2"), (b"Cookie", b"c")))
    assert seen["headers"] == [["B", "1"], ["A", "ÿ"], ["B", "2"], ["Cookie", "[redacted cookie]"]]
