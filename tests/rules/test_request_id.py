"""Ids against the standard library's reading of them."""

import itertools
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.request_id import Ids, uuid7


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


@given(st.lists(st.floats(0, 4e9), min_size=1, max_size=50))
def test_a_maker_of_ids_reads_the_clock_for_each(walls):
    make = Ids(iter(walls).__next__, bytes)
    assert [UUID(make()).int >> 80 for _ in walls] == [int(wall * 1000) for wall in walls]


def test_a_maker_of_ids_uses_no_noise_twice():
    noises = itertools.count()
    make = Ids(lambda: 1.0, lambda size: b"".join(next(noises).to_bytes(10, "little") for _ in range(size // 10)))
    made = [make() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all((UUID(one).version, UUID(one).variant) == (7, RFC_4122) for one in made)
