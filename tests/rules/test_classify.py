"""Rules over answers: what each part asks for, and what comes of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Headers
from proxy.rules.classify import SILENT, Classifier, Finding
from proxy.rules.retry_after import Told
from tests.support.provider import EPOCH

JSON: Headers = ((b"Content-Type", b"application/json"),)
XML: Headers = ((b"Content-Type", b"text/xml; charset=utf-8"),)
GZIP: Headers = (*JSON, (b"Content-Encoding", b"gzip"))
FAULT = (
    b"<e:Envelope xmlns:e='e'><e:Body><e:Fault><faultcode>e:Client.Stock</faultcode></e:Fault></e:Body></e:Envelope>"
)


def rules(*written: dict[str, object]) -> Classifier:
    return Classifier({"rules": written})


def test_the_first_rule_that_matches_decides():
    found = rules(
        {"when": {"status": 429, "json": {"/code": "day"}}, "as": "quota"},
        {"when": {"status": 429}, "as": "rate_limited"},
        {"when": {"status": [429]}, "as": "refused"},
    )
    assert found.find(429, JSON, b'{"code": "day"}', EPOCH).outcome == "quota"
    assert found.find(429, JSON, b'{"code": "minute"}', EPOCH).outcome == "rate_limited"
    assert found.find(430, JSON, b"{}", EPOCH) is SILENT


def test_of_two_codes_the_first_stays():
    found = rules(
        {"when": {"status": 400}, "code": {"header": "X-First"}},
        {"when": {"status": 400}, "as": "refused", "code": {"header": "X-Second"}},
    )
    both = ((b"X-Second", b"b"), (b"X-First", b"a"))
    assert [found.find(400, headers, None, EPOCH).code for headers in (both, both[:1])] == ["a", "b"]


def test_a_rule_without_an_outcome_adds_to_the_rule_that_has_one():
    found = rules(
        {"when": {"header": {"X-No": "present"}}, "retry": "never"},
        {"when": {"status": 409}, "as": "conflict", "retry": "always", "code": {"header": "X-Code"}},
    )
    assert found.find(409, ((b"X-No", b"1"), (b"X-Code", b"c")), None, EPOCH) == Finding("conflict", "never", code="c")
    assert found.find(409, (), None, EPOCH) == Finding("conflict", "always")
    assert found.find(500, ((b"X-No", b"1"),), None, EPOCH) == Finding(None, "never")


CODES = {  # document -> code
    "a word": ({"code": "card_declined"}, "card_declined"),
    "a number": ({"code": 21211}, "21211"),
    "64 characters": ({"code": "x" * 64}, "x" * 64),
    "too long": ({"code": "x" * 65}, "other"),
    "with other characters": ({"code": "no such thing"}, "other"),
    "a switch": ({"code": True}, "other"),
    "null": ({"code": None}, "other"),
    "a map": ({"code": {}}, "other"),
    "nothing": ({}, "other"),
}


@pytest.mark.parametrize(("document", "code"), CODES.values(), ids=CODES)
def test_the_provider_s_code_is_told_or_the_next_place_is_looked_at(document, code):
    found = rules({"when": {"status": 400}, "as": "refused", "code": {"json": "/code", "else": {"header": "X-Err"}}})
    headers = (*JSON, (b"X-Err", b"other"))
    assert found.find(400, headers, json.dumps(document).encode(), EPOCH).code == code


def test_a_code_from_xml_loses_its_prefix_and_keeps_its_tail():
    found = rules({"when": {"status": 500}, "as": "refused", "code": {"xml": "Fault/faultcode"}})
    assert found.find(500, XML, FAULT, EPOCH).code == "Client.Stock"


WAITS = {  # wait, value in the body -> seconds, unreadable
    "seconds": ("seconds", 12, (12.0, 0)),
    "a fraction of them": ("seconds", 0.25, (0.25, 0)),
    "as a word": ("seconds", "30", (30.0, 0)),
    "milliseconds": ("ms", 1500, (1.5, 0)),
    "a point in time": ("epoch", int(EPOCH) + 40, (40.0, 0)),
    "in milliseconds": ("epoch_ms", int(EPOCH + 40) * 1000, (40.0, 0)),
    "a point that is past": ("epoch", int(EPOCH) - 40, (0.0, 0)),
    "an RFC 3339 date": ("rfc3339", "2026-09-21T14:13:50Z", (30.0, 0)),
    "an HTTP date": ("http_date", "Mon, 21 Sep 2026 14:13:50 GMT", (30.0, 0)),
    "a duration": ("duration", "1m30s", (90.0, 0)),
    "a word that is none": ("seconds", "soon", (None, 1)),
    "a switch": ("seconds", True, (None, 1)),
}


@pytest.mark.parametrize(("form", "value", "told"), WAITS.values(), ids=WAITS)
def test_a_wait_is_read_from_the_body(form, value, told):
    found = rules({"when": {"status": 429}, "as": "rate_limited", "wait": {"json": "/wait", "format": form}})
    assert found.find(429, JSON, json.dumps({"wait": value}).encode(), EPOCH).told == Told(*told)


def test_a_wait_is_read_from_a_header_by_the_provider_s_own_clock():
    found = rules({"when": {"status": 403}, "as": "rate_limited", "wait": {"header": "X-Reset", "format": "epoch"}})
    date = (b"Date", b"Mon, 21 Sep 2026 14:13:50 GMT")  # 30 s after ours
    reset = (b"X-Reset", b"%d" % (EPOCH + 40))
    assert found.find(403, (reset,), None, EPOCH).told.seconds == 40.0
    assert found.find(403, (reset, date), None, EPOCH).told.seconds == 10.0
    assert found.find(403, (), None, EPOCH).told == Told(None, 0)


WANTS = {  # rules, status, headers -> wants the body
    "no rule for the status": ([{"when": {"status": 429, "json": {"/a": 1}}, "as": "quota"}], 200, JSON, False),
    "a rule over JSON": ([{"when": {"json": {"/a": 1}}, "as": "quota"}], 200, JSON, True),
    "and no JSON": ([{"when": {"json": {"/a": 1}}, "as": "quota"}], 200, XML, False),
    "a rule over XML": ([{"when": {"xml": {"a": 1}}, "as": "quota"}], 200, XML, True),
    "a header that does not fit": (
        [{"when": {"header": {"X": "present"}, "json": {"/a": 1}}, "as": "quota"}],
        200,
        JSON,
        False,
    ),
    "a rule before it that decides": (
        [{"when": {"status": 200}, "as": "ok"}, {"when": {"json": {"/a": 1}}, "as": "quota"}],
        200,
        JSON,
        False,
    ),
    "a rule before it that does not": (
        [{"when": {"status": 200}, "retry": "never"}, {"when": {"json": {"/a": 1}}, "as": "quota"}],
        200,
        JSON,
        True,
    ),
    "a code in the body": ([{"when": {"status": 402}, "as": "refused", "code": {"json": "/a"}}], 402, JSON, True),
    "a wait in the body": (
        [{"when": {"status": 429}, "as": "quota", "wait": {"json": "/a", "format": "ms"}}],
        429,
        JSON,
        True,
    ),
    "a part of a document": ([{"when": {"json": {"/a": 1}}, "as": "quota"}], 206, JSON, False),
}


@pytest.mark.parametrize(("written", "status", "headers", "expected"), WANTS.values(), ids=WANTS)
def test_a_body_is_wanted_only_where_it_could_matter(written, status, headers, expected):
    assert rules(*written).wants_body(status, headers) is expected


WRONG = {  # classify -> what is said
    "an unknown key": ({"rule": []}, "unknown key 'rule'; allowed: peek, rules"),
    "a peek over 1 MiB": ({"peek": "2MiB"}, "at most 1MiB"),
    "a peek that is no size": ({"peek": "much"}, "a size such as"),
    "rules that are no list": ({"rules": {}}, "rules is a list"),
    "a rule that is no map": ({"rules": ["x"]}, r"rules\[0\]: a map is wanted"),
    "a rule that asks for nothing": ({"rules": [{"when": {}, "as": "ok"}]}, "asks for nothing"),
    "an unknown part": ({"rules": [{"when": {"body": 1}}]}, "unknown key 'body'"),
    "an outcome that is none": ({"rules": [{"when": {"status": 200}, "as": "fine"}]}, "as: 'fine' is none of ok"),
    "a retry that is none": ({"rules": [{"when": {"status": 200}, "retry": "maybe"}]}, "retry: 'maybe' is none of"),
    "a range backwards": ({"rules": [{"when": {"status": "599-500"}}]}, "neither a status"),
    "a pointer without a slash": ({"rules": [{"when": {"json": {"a": 1}}}]}, "begins with /"),
    "a path with a prefix": ({"rules": [{"when": {"xml": {"s:Fault": 1}}}]}, "no path of local names"),
    "a map to compare with": ({"rules": [{"when": {"json": {"/a": {}}}}]}, "a word, number, true, false or null"),
    "a wait without a format": (
        {"rules": [{"when": {"status": 429}, "wait": {"json": "/a"}}]},
        "wait needs a format",
    ),
    "a code from two places": (
        {"rules": [{"when": {"status": 429}, "code": {"json": "/a", "header": "b"}}]},
        "one of json, header and xml",
    ),
    "the second rule": ({"rules": [{"when": {"status": 429}}, {"when": {"status": 42}}]}, r"rules\[1\]"),
}


@pytest.mark.parametrize(("written", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(written, words):
    with pytest.raises(ValueError, match=words):
        Classifier(written)


EVERYTHING = rules(
    {"when": {"json": {"/a/*/b": ["x"], "/c": "present"}}, "as": "quota", "wait": {"json": "/w", "format": "seconds"}},
    {"when": {"xml": {"a/b": ["x"]}}, "as": "refused", "code": {"xml": "a/c"}},
    {"when": {"status": "400-599"}, "code": {"json": "/code"}},
)


@given(st.integers(100, 999), st.sampled_from([JSON, XML, GZIP, ()]), st.binary(max_size=300))
def test_no_answer_makes_it_fail_or_depend_on_a_body_that_it_did_not_want(status, headers, body):
    finding = EVERYTHING.find(status, headers, body, EPOCH)
    if not EVERYTHING.wants_body(status, headers):
        assert finding == EVERYTHING.find(status, headers, None, EPOCH)
