"""What an answer's own limit headers say of the next request."""

import pytest

from proxy.rules.limits import Limits, LimitSettings

WALL = 1_790_000_000.0
HOURLY = LimitSettings(limit="X-Limit", remaining="X-Remaining", reset="X-Reset", format="epoch")
TOKENS = LimitSettings(remaining="x-remaining-tokens", reset="x-reset-tokens", format="duration")
FRACTION = LimitSettings(used="X-Call-Limit", format="fraction")

ANSWERS = {  # headers -> seconds until the next request may go, None: at once
    "nothing remains until a point in time": ({"X-Remaining": "0", "X-Reset": "1790000040"}, 40),
    "by the answer's own clock": (
        {"X-Remaining": "0", "X-Reset": "1790000040", "Date": "Mon, 21 Sep 2026 14:13:10 GMT"},
        50,
    ),
    "something remains": ({"X-Remaining": "1", "X-Reset": "1790000040"}, None),
    "ten remain": ({"X-Remaining": "10", "X-Reset": "1790000040"}, None),
    "nothing is said of what remains": ({"X-Reset": "1790000040"}, None),
    "nothing is said of a reset": ({"X-Remaining": "0"}, None),
    "a word remains": ({"X-Remaining": "none", "X-Reset": "1790000040"}, None),
    "a duration": ({"X-Remaining-Tokens": "0", "X-Reset-Tokens": "6m0s"}, 360),
    "the longer of two": (
        {"X-Remaining": "0", "X-Reset": "1790000040", "x-remaining-tokens": "0", "x-reset-tokens": "90s"},
        90,
    ),
    "a day": ({"x-remaining-tokens": "0", "x-reset-tokens": "2026-09-21T14:13:50Z"}, 30),
    "a share of calls tells no time": ({"X-Call-Limit": "40/40"}, None),
    "it is over": ({"X-Remaining": "0", "X-Reset": "1789999990"}, 0),
}


@pytest.mark.parametrize(("headers", "seconds"), ANSWERS.values(), ids=ANSWERS)
def test_answers(headers, seconds):
    fields = tuple((name.encode(), value.encode()) for name, value in headers.items())
    assert Limits([HOURLY, TOKENS, FRACTION]).spent(fields, WALL).seconds == seconds


def test_limits_without_a_reset_are_nothing_to_look_at():
    assert not Limits([FRACTION])
    assert Limits([HOURLY])
