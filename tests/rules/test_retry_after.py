"""What counts as "wait": every row of the table by name, and what holds for any answer at all."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Headers
from proxy.rules.retry_after import YEAR, told_wait

WALL = 1_767_225_000.0  # Wed, 31 Dec 2025 23:50:00 GMT
NOON_1994 = "Date: Sun, 06 Nov 1994 08:49:00 GMT"
AT_WALL = "Date: Wed, 31 Dec 2025 23:50:00 GMT"


def headers(*lines: str) -> Headers:
    """Fields as an upstream may write them, in UTF-8."""
    pairs = (line.encode().partition(b":") for line in lines)
    return tuple((name, value) for name, _, value in pairs)


RETRY_AFTER = {  # value of Retry-After -> seconds, on an answer from 08:49:00 on the 6th of November 1994
    "seconds": ("30", 30.0),
    "zero is a valid told wait": ("0", 0.0),
    "blanks around it": (" 30 ", 30.0),
    "a tab around it": ("\t30", 30.0),
    "leading zeros": ("030", 30.0),
    "a fraction, seen in the wild": ("1.5", 1.5),
    "with its unit, seen in the wild": ("30s", 30.0),
    "a list: the longest": ("30, 60", 60.0),
    "a list with an empty item": ("30,", 30.0),
    "a list with a word in it": ("soon, 30", 30.0),
    "negative": ("-5", None),
    "with a plus": ("+5", None),
    "an exponent": ("1e3", None),
    "hexadecimal": ("0x10", None),
    "the sign for infinity": ("∞", None),
    "digits of another script": ("३०", None),
    "superscript digits": ("³⁰", None),
    "empty": ("", None),
    "a word": ("soon", None),
    "infinity as Python writes it": ("inf", None),
    "not a number as Python writes it": ("nan", None),
    "with an underscore": ("1_0", None),
    "more digits than anyone needs": ("9" * 5000, None),
    "too long: treated as one year": ("99999999999999999999", YEAR),
    "IMF-fixdate": ("Sun, 06 Nov 1994 08:49:37 GMT", 37.0),
    "RFC 850": ("Sunday, 06-Nov-94 08:49:37 GMT", 37.0),
    "asctime": ("Sun Nov  6 08:49:37 1994", 37.0),
    "a date in the past": ("Sun, 06 Nov 1994 08:48:00 GMT", 0.0),
    "a wrong weekday is ignored": ("Tue, 06 Nov 1994 08:49:37 GMT", 37.0),
    "an offset, seen in the wild": ("Sun, 06 Nov 1994 09:49:37 +0100", 37.0),
    "an offset to the west": ("Sun, 06 Nov 1994 03:19:37 -0530", 37.0),
    "RFC 3339, seen in the wild": ("1994-11-06T08:49:37Z", 37.0),
    "RFC 3339 with a fraction and an offset": ("1994-11-06T09:49:37.250+01:00", 37.25),
    "a leap second": ("Sun, 06 Nov 1994 08:49:60 GMT", 60.0),
    "a date and a number: the longest": ("Sun, 06 Nov 1994 08:49:37 GMT, 60", 60.0),
    "two dates: the longest": ("Sun, 06 Nov 1994 08:49:37 GMT, Sunday, 06-Nov-94 08:50:00 GMT", 60.0),
    "a day that does not exist": ("Sun, 31 Feb 2025 00:00:00 GMT", None),
    "a month that does not exist": ("Sun, 06 Nob 1994 08:49:37 GMT", None),
    "the year 0": ("Sun, 06 Nov 0000 08:49:37 GMT", None),
    "an hour that does not exist": ("Sun, 06 Nov 1994 24:49:37 GMT", None),
    "an unknown zone": ("Sun, 06 Nov 1994 08:49:37 CET", None),
    "no zone": ("1994-11-06T08:49:37", None),
}


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER.values(), ids=RETRY_AFTER)
def test_retry_after(value, seconds):
    told = told_wait(503, headers(NOON_1994, f"Retry-After:{value}"), WALL)
    assert told.seconds == seconds


ANSWERS = {  # fields of a 429 that came at WALL -> seconds
    "no field at all": ((), None),
    "two lines: the longest": (("Retry-After: 30", "Retry-After: 60"), 60.0),
    "any case of the name": (("rEtRy-aFtEr: 30",), 30.0),
    "Unix time, relative to Date": ((AT_WALL, "Retry-After: 1767225600"), 600.0),
    "Unix time without a Date, relative to our clock": (("Retry-After: 1767225600",), 600.0),
    "Unix time with a Date that is none": (("Date: today", "Retry-After: 1767225600"), 600.0),
    "a year ahead with Date a year ahead is the difference": (
        ("Date: Fri, 01 Jan 2027 00:00:00 GMT", "Retry-After: Fri, 01 Jan 2027 00:00:09 GMT"),
        9.0,
    ),
    "a date without a Date, relative to our clock": (("Retry-After: Thu, 01 Jan 2026 00:00:00 GMT",), 600.0),
    "Unix time in the past": (("Retry-After: 1767224000",), 0.0),
    "a two-digit year 50 years ahead is ahead": (("Retry-After: Monday, 30-Dec-75 00:00:00 GMT",), YEAR),
    "a two-digit year more than 50 years ahead is past": (("Retry-After: Friday, 02-Jan-76 00:00:00 GMT",), 0.0),
    "milliseconds": (("Retry-After-Ms: 1500",), 1.5),
    "Unix time in milliseconds": (("Retry-After-Ms: 1767225600000",), 600.0),
    "X-Retry-After": (("X-Retry-After: 7",), 7.0),
    "of all that ask, the longest": (("Retry-After-Ms: 1500", "Retry-After: 1", "X-Retry-After: 1.2"), 1.5),
    "RateLimit of the draft": (('RateLimit: "default";r=0;t=20',), 20.0),
    "RateLimit: only spent limits count": (('RateLimit: "a";r=5;t=20, "b";r=0;t=3',), 3.0),
    "RateLimit: a limit that does not say what remains counts": (('RateLimit: "a";t=8',), 8.0),
    "RateLimit: a name may hold what separates": (('RateLimit: "a,b;r=5\\";t=99";r=0;t=3',), 3.0),
    "RateLimit: an item without a time": (('RateLimit: "a";r=0',), None),
    "RateLimit of the older drafts": (("RateLimit: limit=100, remaining=0, reset=20",), 20.0),
    "RateLimit of the older drafts, not spent": (("RateLimit: limit=100, remaining=1, reset=20",), None),
    "RateLimit-Reset is a delta": (("RateLimit-Reset: 20",), 20.0),
    "RateLimit-Reset with Unix time": ((AT_WALL, "RateLimit-Reset: 1767225600"), 600.0),
    "RateLimit-Reset of a limit that is not spent": (("RateLimit-Remaining: 3", "RateLimit-Reset: 20"), None),
    "X-RateLimit-Reset with Unix time": ((AT_WALL, "X-RateLimit-Reset: 1767225600"), 600.0),
    "X-RateLimit-Reset with Unix time in milliseconds": (("X-RateLimit-Reset: 1767225600000",), 600.0),
    "X-RateLimit-Reset as a delta": (("X-RateLimit-Reset: 45",), 45.0),
    "X-RateLimit-Reset as a delta with a fraction": (("X-RateLimit-Reset: 45.25",), 45.25),
    "X-RateLimit-Reset with something remaining": (("X-RateLimit-Remaining: 1", "X-RateLimit-Reset: 45"), None),
    "X-RateLimit-Reset with nothing remaining": (("X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 45"), 45.0),
    "X-RateLimit-Reset in the past": (("X-RateLimit-Reset: 1767220000",), 0.0),
    "X-RateLimit-Reset-Requests in minutes": (("X-RateLimit-Reset-Requests: 6m0s",), 360.0),
    "X-RateLimit-Reset-Tokens in all units": (("X-RateLimit-Reset-Tokens: 1h2m3.5s",), 3723.5),
    "X-RateLimit-Reset-Tokens in milliseconds": (("X-RateLimit-Reset-Tokens: 120ms",), 0.12),
    "each of them asks its own remaining": (
        (
            "X-RateLimit-Remaining-Requests: 9",
            "X-RateLimit-Reset-Requests: 6m0s",
            "X-RateLimit-Remaining-Tokens: 0",
            "X-RateLimit-Reset-Tokens: 2s",
        ),
        2.0,
    ),
    "X-RateLimit-Reset-After asks the remaining of its limit": (
        ("X-RateLimit-Remaining: 1", "X-RateLimit-Reset-After: 5"),
        None,
    ),
    "X-Rate-Limit-Reset": ((AT_WALL, "X-Rate-Limit-Reset: 1767225600"), 600.0),
    "X-Rate-Limit-Reset with something remaining": (("X-Rate-Limit-Remaining: 1", "X-Rate-Limit-Reset: 45"), None),
    "a usable Retry-After silences the limits": (("Retry-After: 1", "X-RateLimit-Reset: 6"), 1.0),
    "an unusable one does not": (("Retry-After: soon", "X-RateLimit-Reset: 6"), 6.0),
}


@pytest.mark.parametrize(("lines", "seconds"), ANSWERS.values(), ids=ANSWERS)
def test_answer(lines, seconds):
    told = told_wait(429, headers(*lines), WALL)
    assert told.seconds == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


def test_the_limit_headers_speak_on_429_or_where_the_preset_says_so():
    fields = headers("X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 45")
    assert told_wait(403, fields, WALL).seconds is None
    assert told_wait(403, fields, WALL, limits_speak=True).seconds == 45.0


UNREADABLE = {
    "what can be read is not counted": (("Retry-After: 30",), 0),
    "what cannot be read is": (("Retry-After: soon",), 1),
    "each value on its own": (("Retry-After: soon, later", "Retry-After-Ms: never", "X-RateLimit-Reset: x"), 4),
    "the comma inside a date makes no list of it": (("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT",), 0),
    "nor the one of RFC 850": (("Retry-After: Sunday, 06-Nov-94 08:49:37 GMT",), 0),
    "in any case": (("Retry-After: SUN, 06 NOV 1994 08:49:37 GMT",), 0),
    "an empty value too": (("Retry-After: ",), 1),
    "a limit header that does not speak is not read": (("Retry-After: 1", "X-RateLimit-Reset: x"), 0),
    "a Date is no wait": (("Date: today",), 0),
}


@pytest.mark.parametrize(("lines", "count"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable(lines, count):
    assert told_wait(429, headers(*lines), WALL).unreadable == count


NAMES = st.sampled_from(
    b"Retry-After Retry-After-Ms X-Retry-After RateLimit RateLimit-Reset X-RateLimit-Reset Date "
    b"X-RateLimit-Remaining X-RateLimit-Reset-Tokens X-Rate-Limit-Reset".split()
)
VALUES = (
    st.binary(max_size=40)
    | st.from_regex(rb"[0-9 .,:;=\"a-zA-Z+-]{0,30}", fullmatch=True)
    | st.from_regex(
        rb"(Sun, |Sunday, )?\d\d?[ -](Jan|Feb|Mar)[ -](\d\d|\d{4}) \d\d:\d\d:\d\d (GMT|\+\d{4})", fullmatch=True
    )
    | st.from_regex(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", fullmatch=True)
    | st.integers(0, 10**30).map(lambda number: b"%d" % number)
)


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=6), st.sampled_from([200, 429, 503]), st.floats(0, 1e11), st.booleans()
)
def test_any_answer_gives_a_finite_wait_of_at_most_a_year_or_none(fields, status, wall, limits):
    told = told_wait(status, tuple(fields), wall, limits_speak=limits)
    assert told.unreadable >= 0
    assert told.seconds is None or (math.isfinite(told.seconds) and 0 <= told.seconds <= YEAR)


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=5))
def test_of_many_numbers_the_largest_decides(numbers):
    value = ", ".join(map(str, numbers))
    assert told_wait(503, headers(f"Retry-After: {value}"), WALL).seconds == min(max(numbers), YEAR)
