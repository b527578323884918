"""What identifies an event: the same for its repeats, another for every other event."""

import pytest

from proxy.rules.event_keys import dedupe_key, event_id, event_type, order_key
from proxy.rules.incoming import Incoming
from proxy.rules.locators import parse_locator
from proxy.rules.signatures import Naming

IDS = {
    "an id as it came": (b"evt 1-~", "evt 1-~"),
    "200 characters are an id": (b"x" * 200, "x" * 200),
    "201 are replaced by their digest": (
        b"x" * 201,
        "sha256:84a0678c90937f5dcf9994d5866668da6b995109c8ad845410559b48a4ecafed",
    ),
    "so is what is no ASCII": (
        "é".encode(),
        "sha256:4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c",
    ),
    "so is a control character": (
        b"a\n",
        "sha256:87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7",
    ),
    "without one it is the digest of method, query and body": (
        None,
        "sha256:9bceefd3ed60ecc9b2c4ff49427db133a37cbbda40671b51e8b6e47e463ed4dd",
    ),
}


@pytest.mark.parametrize(("given", "expected"), IDS.values(), ids=IDS)
def test_event_id(given: bytes | None, expected: str) -> None:
    incoming = Incoming("POST", b"/in?a=b", (), b"body")
    assert event_id(incoming, Naming(given, None)) == expected


@pytest.mark.parametrize(
    "other",
    [
        Incoming("PUT", b"/in?a=b", (), b"body"),
        Incoming("POST", b"/in?a=c", (), b"body"),
        Incoming("POST", b"/in?a=b", (), b"bodY"),
    ],
)
def test_two_requests_without_ids_are_two_events_unless_they_are_the_same(other: Incoming) -> None:
    nameless = Naming(None, None)
    one = event_id(Incoming("POST", b"/in?a=b", (), b"body"), nameless)
    assert one == event_id(Incoming("POST", b"/other?a=b", ((b"X", b"y"),), b"body"), nameless)
    assert one != event_id(other, nameless)


@pytest.mark.parametrize(
    ("type", "expected"),
    [(b"thing.made", "thing.made"), (None, None), (b"", None), (b"two\tparts", None), (b"gr\xfc\xdfe", None)],
)
def test_event_type(type: bytes | None, expected: str | None) -> None:
    assert event_type(Naming(None, type)) == expected


FIRST = Incoming("POST", b"/in", (), b"body")
REPEATS = {  # dedupe; another request, its id; whether it is a repeat of the first, whose id is `a`
    "the same id is a repeat, whatever the body": ("id", Incoming("POST", b"/in", (), b"other"), "a", True),
    "another id is none, whatever the body": ("id", FIRST, "b", False),
    "by the body the id counts for nothing": ("body", FIRST, "b", True),
    "nor does the query, which nobody signed": ("body", Incoming("POST", b"/in?x", (), b"body"), "b", True),
    "by the body another body is another event": ("body", Incoming("POST", b"/in", (), b"other"), "a", False),
    "by both the same of both is a repeat": ("id_and_body", FIRST, "a", True),
    "by both another id is another event": ("id_and_body", FIRST, "b", False),
    "by both another body is too": ("id_and_body", Incoming("POST", b"/in", (), b"other"), "a", False),
}


@pytest.mark.parametrize(("dedupe", "other", "id", "repeat"), REPEATS.values(), ids=REPEATS)
def test_dedupe_key(dedupe: str, other: Incoming, id: str, repeat: object) -> None:
    assert (dedupe_key(dedupe, other, id) == dedupe_key(dedupe, FIRST, "a")) == repeat


def test_without_dedupe_nothing_is_a_repeat() -> None:
    assert dedupe_key("off", FIRST, "a") is None


def test_requests_without_bodies_are_told_apart_by_their_queries() -> None:
    one, other = (Incoming("GET", target, (), b"") for target in (b"/in?a", b"/in?b"))
    assert dedupe_key("body", one, "") != dedupe_key("body", other, "")


ORDERS = {
    "a value in the body": ("json:/object/id", "sub_1"),
    "a header": ("header:X-Key", "k"),
    "a value that cannot be shown is its digest": (
        "header:X-Odd",
        "sha256:a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89",
    ),
    "nothing there, no order": ("json:/nothing", None),
    "a header that comes twice is no key": ("header:X-Two", None),
}
ORDERED = Incoming(
    "POST",
    b"/in",
    ((b"X-Key", b"k"), (b"X-Odd", b"\xff"), (b"X-Two", b"1"), (b"X-Two", b"2")),
    b'{"object": {"id": "sub_1"}}',
)


@pytest.mark.parametrize(("locator", "expected"), ORDERS.values(), ids=ORDERS)
def test_order_key(locator: str, expected: str | None) -> None:
    assert order_key(parse_locator(locator), ORDERED) == expected


def test_without_order_by_no_event_waits_for_another() -> None:
    assert order_key(None, ORDERED) is None
