"""Durations, sizes, ratios and rates as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.units import duration, rate, ratio, rfc3339, size

DURATIONS = {
    "250ms": 0.25,
    "2s": 2.0,
    "1m": 60.0,
    "1h": 3600.0,
    "7d": 604800.0,
    "1.5s": 1.5,
    0: 0.0,
    2: 2.0,
    0.25: 0.25,
}
SIZES = {"64KiB": 65536, "1MiB": 1 << 20, "2GiB": 2 << 30, "10B": 10, "1.5KiB": 1536, 0: 0, 7: 7}
RATIOS = {"20%": 0.2, "0%": 0.0, "100%": 1.0, "12.5%": 0.125, 0: 0.0, 1: 1.0, 0.2: 0.2}
RATES = {"25/s": 25.0, "90/m": 1.5, "1800/h": 0.5, "0.5/s": 0.5}

NO_DURATIONS = [
    "",
    "2",
    "s",
    "2 s",
    "-1s",
    "2S",
    "1m30s",
    "5 minutes",
    "1e3s",
    "٢s",
    -1,
    -0.1,
    math.inf,
    math.nan,
    True,
    None,
    [],
]
NO_SIZES = ["", "64", "64KB", "64 KiB", "64kib", "-1KiB", "٦KiB", 1.5, -1, True, None, {}]
NO_RATIOS = ["", "20", "20 %", "-1%", "101%", -0.1, 1.1, math.nan, True, None]
NO_RATES = ["", "25", "25/d", "0/s", "-1/s", "25/ s", 25, 25.0, True, None]


@pytest.mark.parametrize(("read", "table"), [(duration, DURATIONS), (size, SIZES), (ratio, RATIOS), (rate, RATES)])
def test_what_people_write_becomes_a_plain_number(read, table):
    assert {text: read(text) for text in table} == table


@pytest.mark.parametrize(
    ("read", "values", "words"),
    [
        (duration, NO_DURATIONS, "250ms"),
        (size, NO_SIZES, "64KiB"),
        (ratio, NO_RATIOS, "20%"),
        (rate, NO_RATES, "25/s"),
    ],
)
def test_everything_else_is_refused_with_what_would_have_been_right(read, values, words):
    for value in values:
        with pytest.raises(ValueError, match=words):
            read(value)


@given(st.integers(0, 10**6))
def test_units_agree_with_each_other(count):
    assert duration(f"{count}s") == duration(count) == pytest.approx(duration(f"{count * 1000}ms"))
    assert size(f"{count}KiB") == size(count * 1024)
    assert rate(f"{count + 1}/s") == pytest.approx(rate(f"{(count + 1) * 60}/m"))


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none()))
def test_no_value_becomes_anything_but_a_finite_number_from_zero_or_an_error(value):
    for read in (duration, size, ratio, rate):
        try:
            found = read(value)
        except ValueError:
            continue
        assert 0 <= found < math.inf


def test_a_time_is_cut_off_at_its_precision_not_rounded():
    assert rfc3339(1_790_000_000.0) == "2026-09-21T14:13:20.000Z"
    assert rfc3339(1_790_000_000.9996) == "2026-09-21T14:13:20.999Z"
    assert rfc3339(1_790_000_000.9996, "seconds") == "2026-09-21T14:13:20Z"
