"""What makes a repeat safe: the method, a key in a header or in the body, or somebody's word."""

import asyncio

import pytest

from proxy.body import Body, Whole
from proxy.model import Call, Headers, Request
from proxy.rules.retry import IdempotencySettings, idempotent, key_of

DEFAULT = IdempotencySettings()
POINTER = IdempotencySettings(header=None, json="/payment/idempotency_key")


def request(method: str = "POST", headers: Headers = (), body: Body | None = None, **call: bool) -> Request:
    return Request(method, b"/v1/charges", headers, body, Call("id", 0.0, **call))


def nobody(_: Request) -> bool:
    return False


METHODS = {"GET": True, "HEAD": True, "OPTIONS": True, "PUT": True, "DELETE": True, "POST": False, "PATCH": False}


@pytest.mark.parametrize(("method", "safe"), METHODS.items())
def test_the_method_alone(method, safe):
    assert idempotent(request(method), DEFAULT, nobody) is safe


HEADERS = {
    "the header in any case": (DEFAULT, ((b"iDEMPOTENCY-kEY", b"k-1"),), True),
    "an empty key is none": (DEFAULT, ((b"Idempotency-Key", b" "),), False),
    "another header": (DEFAULT, ((b"Idempotency", b"k-1"),), False),
    "a header of the preset's": (IdempotencySettings(header="X-Once"), ((b"x-once", b"1"),), True),
    "not the usual one then": (IdempotencySettings(header="X-Once"), ((b"Idempotency-Key", b"1"),), False),
    "no header counts where the preset has none": (
        IdempotencySettings(header=None),
        ((b"Idempotency-Key", b"1"),),
        False,
    ),
}


@pytest.mark.parametrize(("settings", "headers", "safe"), HEADERS.values(), ids=HEADERS)
def test_header(settings, headers, safe):
    assert idempotent(request(headers=headers), settings, nobody) is safe


BODIES = {
    "a key at the place": (b'{"payment": {"idempotency_key": "k-1"}}', 999, True),
    "a number will do": (b'{"payment": {"idempotency_key": 7}}', 999, True),
    "another place": (b'{"idempotency_key": "k-1"}', 999, False),
    "an empty key is none": (b'{"payment": {"idempotency_key": ""}}', 999, False),
    "null is none": (b'{"payment": {"idempotency_key": null}}', 999, False),
    "a list where an object should be": (b'{"payment": ["k-1"]}', 999, False),
    "a string where an object should be": (b'{"payment": "k-1"}', 999, False),
    "not JSON": (b"payment=1", 999, False),
    "not even text": (b"\xff\xfe\xfd", 999, False),
    "deeper than any parser likes": (b"[" * 100_000, 200_000, False),
    "too large to keep": (b'{"payment": {"idempotency_key": "k-1"}}', 10, False),
}


async def sent(content: bytes, keep: int) -> Body:
    body = Body(Whole(content), None, keep)
    stream = body.open()
    while await stream.read():
        pass
    return body


@pytest.mark.parametrize(("content", "keep", "safe"), BODIES.values(), ids=BODIES)
def test_body(content, keep, safe):
    body = asyncio.run(sent(content, keep))
    assert idempotent(request(body=body), POINTER, nobody) is safe


def test_a_body_that_was_not_read_to_its_end_shows_no_key():
    assert not idempotent(
        request(body=Body(Whole(b'{"payment": {"idempotency_key": "k"}}'), None, 99)), POINTER, nobody
    )


POINTERS = {
    "an item of a list": ("/items/1/key", b'{"items": [{}, {"key": "k"}]}', True),
    "beyond a list": ("/items/2/key", b'{"items": [{}, {"key": "k"}]}', False),
    "escaped slash and tilde": ("/a~1b/~0", b'{"a/b": {"~": "k"}}', True),
}


@pytest.mark.parametrize(("pointer", "content", "safe"), POINTERS.values(), ids=POINTERS)
def test_pointer(pointer, content, safe):
    body = asyncio.run(sent(content, 999))
    assert idempotent(request(body=body), IdempotencySettings(json=pointer), nobody) is safe


def test_the_applications_word_is_enough():
    assert idempotent(request(vouched=True), DEFAULT, nobody)


def test_the_integrations_word_is_enough():
    assert idempotent(request(), DEFAULT, lambda asked: asked.target == b"/v1/charges")


def test_a_key_is_read_without_its_blanks():
    assert key_of(((b"Idempotency-Key", b" k-1 "),), b"idempotency-key") == b"k-1"
