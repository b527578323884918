"""Ids against the standard library's reading of them."""

from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.request_id import uuid7


@given(st.floats(0, 4e9), st.binary(min_size=10, max_size=10))
def test_it_is_a_uuid_of_version_7_that_holds_its_time(wall, noise):
    read = UUID(uuid7(wall, noise))
    assert (read.version, read.variant) == (7, RFC_4122)
    assert read.int >> 80 == int(wall * 1000)


@given(st.floats(0, 4e9), st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_a_later_one_sorts_behind_an_earlier_one(wall, one, other):
    assert uuid7(wall, one) < uuid7(wall + 0.002, other)


def test_the_noise_decides_within_a_millisecond():
    assert uuid7(1.0, bytes(10)) != uuid7(1.0, bytes(9) + b"\1")
