"""Answers in place of one that cannot be had: which, for whom, and how many are kept."""

import pytest

from proxy.errors import CODES
from proxy.rules.fallback import Answers, FallbackSettings, Kept, covers, may_keep, prepared, to_keep

HIDDEN = {"cooldown", "rate_limited", "connect_refused", "dns_error", "tls_error", "upstream_reset"}
HIDDEN |= {"upstream_protocol_error", "egress_denied", "circuit_open", "concurrency_full", "secret_unavailable"}
HIDDEN |= {"draining", "connect_timeout", "upstream_timeout", "deadline_exceeded"}


def test_only_what_the_application_did_not_do_itself_is_covered():
    assert {code for code in CODES if covers(code)} == HIDDEN


PREPARED = {
    "text": ({"status": 200, "body": "soon"}, ((b"Content-Type", b"text/plain; charset=utf-8"),), b"soon"),
    "a document": ({"status": 200, "body": {"items": []}}, ((b"Content-Type", b"application/json"),), b'{"items": []}'),
    "its own type": (
        {"status": 200, "headers": {"content-type": "text/csv"}, "body": "a,b"},
        ((b"content-type", b"text/csv"),),
        b"a,b",
    ),
    "nothing": ({"status": 204}, (), b""),
}


@pytest.mark.parametrize(("settings", "headers", "body"), PREPARED.values(), ids=PREPARED)
def test_the_prepared_answer(settings, headers, body):
    assert prepared(FallbackSettings(**settings)) == (headers, body)


KEEPABLE = {
    "a good answer": (200, (), True),
    "another good one": (203, ((b"Cache-Control", b"private, max-age=0"),), True),
    "a part": (206, (), False),
    "a redirect": (302, (), False),
    "an error": (500, (), False),
    "what must not be stored": (200, ((b"cache-control", b"private, No-Store"),), False),
    "what depends on everything": (200, ((b"Vary", b"Accept, *"),), False),
}


@pytest.mark.parametrize(("status", "headers", "kept"), KEEPABLE.values(), ids=KEEPABLE)
def test_what_is_kept(status, headers, kept):
    assert may_keep(status, headers) is kept


def test_no_cookie_is_kept_and_the_age_is_noted():
    headers = ((b"Set-Cookie", b"a=b"), (b"ETag", b'"1"'), (b"Age", b"30"))
    assert to_keep(headers) == (((b"ETag", b'"1"'),), 30.0)
    assert to_keep(((b"Age", b"-3"),)) == ((), 0.0)


PLACE = ("api", None, b"/x")


def kept(body: bytes = b"body", *headers: tuple[bytes, bytes]) -> Kept:
    return Kept(200, b"OK", headers, body, 0.0)


ASKED = {  # Vary of the answer; fields of the first and of the second request; does the second get the first's
    "the same": (b"", (), (), True),
    "a field that does not matter": (b"", ((b"Accept", b"a"),), ((b"Accept", b"b"),), True),
    "a field that matters": (b"Accept", ((b"Accept", b"a"),), ((b"Accept", b"b"),), False),
    "in another spelling": (b"ACCEPT", ((b"accept", b"a"),), ((b"Accept", b"a"),), True),
    "missing": (b"Accept", ((b"Accept", b"a"),), (), False),
    "somebody else": (b"", ((b"Authorization", b"a"),), ((b"Authorization", b"b"),), False),
    "nobody": (b"", ((b"Cookie", b"a"),), (), False),
}


@pytest.mark.parametrize(("vary", "first", "second", "same"), ASKED.values(), ids=ASKED)
def test_an_answer_is_for_those_who_ask_the_same(vary, first, second, same):
    answers = Answers()
    answers.keep(PLACE, first, kept(b"body", (b"Vary", vary)))
    assert (answers.find(PLACE, second) is not None) is same


def test_variants_stand_beside_each_other_and_the_last_of_each_is_kept():
    answers = Answers()
    fields = [((b"Accept", word),) for word in (b"a", b"b")]
    for body, asked in ((b"1", fields[0]), (b"2", fields[1]), (b"3", fields[0])):
        answers.keep(PLACE, asked, kept(body, (b"Vary", b"Accept")))
    assert [answers.find(PLACE, asked).body for asked in fields] == [b"3", b"2"]


def test_places_are_apart():
    answers = Answers()
    answers.keep(PLACE, (), kept())
    for place in (("other", None, b"/x"), ("api", "files", b"/x"), ("api", None, b"/x?")):
        assert answers.find(place, ()) is None


def test_of_too_many_those_go_that_were_not_renewed():
    answers = Answers(in_all=25)
    for name in (b"/a", b"/b", b"/a", b"/c"):
        answers.keep(("api", None, name), (), kept(b"x" * 10))
    assert [answers.find(("api", None, name), ()) is not None for name in (b"/a", b"/b", b"/c")] == [True, False, True]
    assert answers.size == 20


def test_an_answer_that_is_larger_than_all_room_is_let_go():
    answers = Answers(in_all=5)
    answers.keep(PLACE, (), kept(b"x" * 6))
    assert (answers.find(PLACE, ()), answers.size) == (None, 0)
