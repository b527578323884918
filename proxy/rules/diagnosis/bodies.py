"""Hypotheses about the body: only a part of it came, or it was written anew on the way."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.rules.diagnosis.case import Asked, Finding, fits, hinted, proven, shortened, signed_text, with_body
from proxy.rules.diagnosis.rewrites import rewrites
from proxy.rules.incoming import Incoming
from proxy.rules.signatures import Rejected

_RAW = "verify before anything parses the body: pass the raw bytes on"


def body_cut(asked: Asked, incoming: Incoming, _found: Rejected) -> Iterator[Finding]:
    """Read twice, or not to its end. A surplus that is only a line's end is a change of the body, not a cut."""
    declared = _declared(incoming)
    size = len(incoming.body)
    if incoming.body:
        secret = fits(asked, with_body(incoming, b""))
        if secret is not None:
            what = f"the signature is over an empty body; {size} bytes came"
            fix = "the body was taken away before it was signed or sent on: find what reads it first"
            yield proven("body_cut", what, fix, secret)
    if declared is None or declared == size:
        return
    what = f"{size} bytes came where Content-Length says {declared}"
    if size > declared:
        if not incoming.body[declared:].strip(b"\r\n"):
            return
        secret = fits(asked, with_body(incoming, incoming.body[:declared]))
        if secret is not None:
            yield proven("body_cut", what, "drop what was added behind the body", secret)
    fix = "find what reads the body before it is verified (a middleware, a tee, a limit) and pass all of it on"
    yield hinted("body_cut", what, fix)


def body_changed(asked: Asked, incoming: Incoming, _found: Rejected) -> Iterator[Finding]:
    """Re-encoded on the way; what came is rewritten until it is what was signed."""
    for what, body in rewrites(incoming.body):
        original = with_body(incoming, body)
        secret = fits(asked, original)
        if secret is not None:
            said = f"fits with the body {what}; signed was {shortened(body)}"
            text = signed_text(asked, original)
            fix = f"something between the sender and here writes the body anew: {_RAW}"
            yield proven("body_changed", said, fix, secret, text)


def _declared(incoming: Incoming) -> int | None:
    lines = incoming.lines(b"content-length")
    return (
        int(lines[0]) if len(lines) == 1 and lines[0].isascii() and lines[0].isdigit() and len(lines[0]) < 16 else None
    )
