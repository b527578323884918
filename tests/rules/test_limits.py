"""What an answer's own limit headers say of the next request."""

import pytest

from proxy.rules.limits import Limits, LimitSettings, Standing

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
    limits = Limits([HOURLY, TOKENS, FRACTION])
    assert limits.spent(limits.found(fields, WALL), WALL).seconds == seconds


def test_a_preset_without_limits_has_nothing_to_look_at():
    assert not Limits([])
    assert Limits([FRACTION])


def shown(settings, later=0.0, **headers):
    """What operators see `later` seconds after an answer with these headers, and one that said nothing of limits."""
    standing = Standing()
    limits = Limits(settings, standing)
    limits.found(tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()), WALL)
    limits.found(((b"Date", b"Mon, 21 Sep 2026 14:13:10 GMT"),), WALL + 1)
    rows = standing.rows(settings, WALL + later)
    return [(one["limit"], one["remaining"], one["resets_in_seconds"], one["seconds_ago"]) for one in rows]


def test_what_is_left_of_each_limit_is_shown_until_another_answer_says_more():
    found = shown([HOURLY, TOKENS], 10.0, X_Limit="60", X_Remaining="7", X_Reset="1790000040")
    assert found == [(60, 7, 30.0, 10.0)]


SHARES = {
    "most of it is used": ("32/40", (40, 8, None, 0.0)),
    "more than all is used": ("41/40", (40, 0, None, 0.0)),
    "it is no share": ("many", (None, None, None, 0.0)),
    "it is longer than any number": ("9" * 5000 + "/40", (40, None, None, 0.0)),
}


@pytest.mark.parametrize(("value", "row"), SHARES.values(), ids=SHARES)
def test_a_share_in_one_header(value, row):
    assert shown([FRACTION], X_Call_Limit=value) == [row]
