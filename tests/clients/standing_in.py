"""What the tests of all libraries share: a library, its provider's answers, and how long a refusal may take."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.scripted import Seen, plain

SECRETS = {
    "ANTHROPIC_API_KEY": "made-up-anthropic",
    "AWS_ACCESS_KEY_ID": "made-up-aws-id",
    "AWS_SECRET_ACCESS_KEY": "made-up-aws-secret",
    "GITHUB_TOKEN": "made-up-github",
    "HUBSPOT_ACCESS_TOKEN": "made-up-hubspot",
    "OPENAI_API_KEY": "made-up-openai",
    "SENDGRID_API_KEY": "made-up-sendgrid",
    "SLACK_BOT_TOKEN": "made-up-slack",
    "SOAP_PASSWORD": "made-up-soap",
    "SOAP_USERNAME": "made-up-soap-user",
    "STRIPE_SECRET_KEY": "sk_test_made_up",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "made-up-twilio",
}
QUICK = 3.0  # seconds in which a library has to raise its error once the breaker is open


@dataclass(frozen=True)
class Library:
    """`path`: of the provider's url; `more`: further keys of the upstream; `imported`: names that the snippet uses."""

    name: str
    preset: str
    imported: Mapping[str, object]
    path: str = ""
    more: str = ""


@dataclass
class Ended:
    """How long a block took, in seconds."""

    seconds: float = field(default=0.0)


@contextmanager
def timed() -> Iterator[Ended]:
    ended, began = Ended(), time.monotonic()
    yield ended
    ended.seconds = time.monotonic() - began


def said(body: object, status: int = 200, *headers: tuple[str, str]) -> bytes:
    """A JSON answer."""
    return plain(status, json.dumps(body).encode(), ("Content-Type", "application/json"), *headers)


def streamed(*pieces: bytes) -> list[bytes | float]:
    """Server-sent events, each a while after the one before."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts: list[bytes | float] = [head]
    for piece in pieces:
        parts += [b"%x\r\n%b\r\n" % (len(piece), piece), 0.05]
    return [*parts, b"0\r\n\r\n"]


def events(*data: object, named: bool = False) -> list[bytes]:
    """JSON as server-sent events; `named`: with the event's `type` as its name."""
    lines = []
    for one in data:
        name = f"event: {one['type']}\n" if named and isinstance(one, dict) else ""
        lines.append(f"{name}data: {one if isinstance(one, str) else json.dumps(one)}\n\n".encode())
    return lines


def paged(pages: Mapping[bytes, Callable[[Seen], bytes]]) -> Callable[[Seen], bytes]:
    """Answers by what the target contains; the first that fits, in order."""

    def answer(seen: Seen) -> bytes:
        for part, make in pages.items():
            if part in seen.target:
                return make(seen)
        return said({"error": {"message": f"no page for {seen.target!r}"}}, 404)

    return answer
