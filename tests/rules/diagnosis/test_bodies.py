"""What happened to a body between its signing and us is found by what it was."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.support.diagnosing import BODY, asked, found, request
from tests.support.judging import PLAIN


def test_a_cut_body_is_hinted_by_its_length() -> None:
    sent = request(PLAIN, headers=((b"Content-Length", b"%d" % len(BODY)),))._replace(body=BODY[:-9])
    result = found(asked(PLAIN), sent)
    assert (result.finding, result.proof) == ("body_cut", False)
    assert f"{len(BODY) - 9} bytes came where Content-Length says {len(BODY)}" in result.what


@pytest.mark.parametrize(
    ("signed", "came", "declared"), [(b"", BODY, len(BODY)), (BODY, BODY + b"--boundary", len(BODY))]
)
def test_a_body_that_was_read_twice_or_added_to_is_proven(signed: bytes, came: bytes, declared: int) -> None:
    sent = request(PLAIN, signed, headers=((b"Content-Length", b"%d" % declared),))._replace(body=came)
    result = found(asked(PLAIN), sent)
    assert (result.finding, result.proof) == ("body_cut", True)


def test_a_wrong_length_does_not_hide_what_can_be_proven() -> None:
    sent = request(replace(PLAIN, algorithm="sha1"), headers=((b"Content-Length", b"9999"),))
    assert found(asked(PLAIN), sent).finding == "wrong_scheme"


TIGHT = '{"a":"Grüße/😀","b":[1.0,{}],"c":"\\\\u00e4<"}'
BODIES: Mapping[str, tuple[bytes, bytes]] = {  # signed; came
    "a line end lost": (b"{}\n", b"{}"),
    "a line end added": (b"{}", b"{}\n"),
    "a CRLF lost": (b"{}\r\n", b"{}"),
    "a CRLF added": (b"{}", b"{}\r\n"),
    "LF became CRLF": (b"a\nb\n", b"a\r\nb\r\n"),
    "CRLF became LF": (b"a\r\nb\r\n", b"a\nb\n"),
    "a byte order mark lost": (b"\xef\xbb\xbf{}", b"{}"),
    "a byte order mark added": (b"{}", b"\xef\xbb\xbf{}"),
    "packed": (b"hello" * 9, gzip.compress(b"hello" * 9)),
    "latin-1 became UTF-8": ("Grüße".encode("latin-1"), "Grüße".encode()),
    "read as latin-1": ("Grüße".encode(), "Grüße".encode().decode("latin-1").encode()),
    "JSON was spaced": (TIGHT.encode(), TIGHT.replace(",", ", ").replace(":", ": ").encode()),
    "JSON was compacted": (b'{"a": [1, 2.50]}', b'{"a":[1,2.50]}'),
    "JSON was indented": (json.dumps(json.loads(TIGHT), indent=2, ensure_ascii=False).encode(), TIGHT.encode()),
    "escapes became characters": (
        json.dumps({"a": "Grüße 😀"}).encode(),
        json.dumps({"a": "Grüße 😀"}, ensure_ascii=False).encode(),
    ),
    "characters became escapes": (
        TIGHT.encode(),
        TIGHT.replace("ü", "\\u00fc").replace("ß", "\\u00DF").replace("😀", "\\ud83d\\ude00").encode(),
    ),
    "escapes lost their capitals": (b'{"a":"\\u00FC"}', '{"a":"ü"}'.encode()),
    "slashes were escaped": (b'{"a":"x/y"}', b'{"a":"x\\/y"}'),
    "slashes lost their escape": (b'{"a":"x\\/y"}', b'{"a":"x/y"}'),
    "< lost its escape": (b'{"a":"\\u003cb\\u003e"}', b'{"a":"<b>"}'),
    "all of it as PHP writes it": (b'{"a":"\\u00fc\\/"}', '{ "a": "ü/" }'.encode()),
}


@pytest.mark.parametrize(("signed", "came"), BODIES.values(), ids=BODIES)
def test_a_changed_body(signed: bytes, came: bytes) -> None:
    assert signed != came
    result = found(asked(PLAIN), request(PLAIN, signed)._replace(body=came))
    assert (result.finding, result.proof, result.matched_secret) == ("body_changed", True, "key")


def test_a_line_end_behind_the_declared_length_is_a_change_not_a_cut() -> None:
    sent = request(PLAIN, b"{}", headers=((b"Content-Length", b"2"),))._replace(body=b"{}\n")
    assert found(asked(PLAIN), sent).finding == "body_changed"
