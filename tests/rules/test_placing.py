"""A value is put where a locator finds it again, and nowhere else."""

import pytest

from proxy.rules.locators import parse_locator
from proxy.rules.placing import CannotPlace, Outgoing, put, with_header

REQUEST = Outgoing(
    "POST",
    b"/in?x=1&sig=old",
    ((b"X-A", b"1"), (b"x-sig", b"old"), (b"X-Sig", b"older")),
    b'{"n":1,"t":"1","l":[{},{}]}',
)


@pytest.mark.parametrize(
    "where", ["header:X-Sig", "header:X-New", "query:sig", "query:n\u00e9w", "json:/t", "json:/a/b", "json:/l/1/k"]
)
def test_what_is_put_is_found_once(where: str) -> None:
    assert parse_locator(where).find(put(REQUEST, where, b"a +&=/").seen()) == [b"a +&=/"]


def test_a_form_field_is_put_into_the_body() -> None:
    request = put(REQUEST._replace(body=b"a=1&b=2"), "form:a", b"x y")
    assert request.body == b"b=2&a=x%20y"


def test_a_header_keeps_its_place_and_spelling() -> None:
    assert with_header(REQUEST.headers, b"X-SIG", b"new") == ((b"X-A", b"1"), (b"x-sig", b"new"))


def test_a_star_puts_the_value_into_every_element() -> None:
    request = put(REQUEST, "json:/l/*/state", b"s")
    assert parse_locator("json:/l/*/state").find(request.seen()) == [b"s", b"s"]


def test_a_number_stays_a_number_and_a_text_a_text() -> None:
    assert put(put(REQUEST, "json:/n", b"2"), "json:/t", b"3").body.startswith(b'{"n":2,"t":"3"')


@pytest.mark.parametrize(
    ("where", "body"),
    [("json:/a", b"no json"), ("json:/n/b", b'{"n":1}'), ("json:/l/*/k", b"{}"), ("param:t", b"{}")],
)
def test_a_place_that_is_not_there_is_said(where: str, body: bytes) -> None:
    with pytest.raises(CannotPlace):
        put(REQUEST._replace(body=body), where, b"x")
