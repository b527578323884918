"""What a webhook answers, in which order it checks, and what the application sees of a proven request."""

import asyncio

import pytest

from proxy.errors import ClientGone, Refusal, UpstreamFailure
from proxy.rules.rate_limit import RateLimitSettings
from proxy.rules.signatures import KeySettings
from tests.support.provider import answer
from tests.support.webhooks import SECRET, Drip, Listening, read, settings, signed, verify

BODY = b'{"id": "evt_1"}'
GOOD = signed(BODY)
FORGED = signed(BODY, secret=b"guessed")
TWICE = (*FORGED, (b"x-sig", b"other"))
LARGE = b"x" * 2000


async def test_a_proven_request_gets_the_answer_of_the_application() -> None:
    listening = Listening(settings(), [answer(202, b"thanks", ((b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2")))])
    found = await listening.ask(BODY, GOOD)
    assert (found.status, found.body) == (202, b"thanks")
    assert found.headers == ((b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"))
    assert listening.ears.ended == [("accepted", "old")]
    assert listening.ears.deliveries == ["delivered"]


# the request has two faults, and the one that is told is the earlier one
ORDER = {
    "the method before the secret": ({"line": "PUT /in/plain"}, {"secrets": {}}, 405, "method_not_allowed"),
    "the secret before the places": ({}, {"secrets": {"new": SECRET}, "places": 0}, 503, "secret_unavailable"),
    "an empty secret is none": ({}, {"secrets": {"new": b"", "old": SECRET}, "places": 0}, 503, "secret_unavailable"),
    "the places before the size": ({"body": LARGE}, {"places": 0}, 503, "overloaded"),
    "the size before a doubled header": ({"body": LARGE, "headers": TWICE}, {}, 413, "too_large"),
    "a doubled header before a missing one": (
        {"headers": ((b"X-Sig", b""), (b"X-Sig", b""))},
        {},
        400,
        "ambiguous_signature",
    ),
    "a missing time before a bad shape": ({"headers": ((b"X-Sig", b"zz"),)}, {}, 401, "missing_timestamp"),
    "the shape of a signature before that of a time": (
        {"headers": ((b"X-Sig", b"zz"), (b"X-Time", b"zz"))},
        {},
        401,
        "malformed_signature",
    ),
    "the shape of a time before the signature": (
        {"headers": ((b"X-Sig", b"0" * 64), (b"X-Time", b"zz"))},
        {},
        401,
        "malformed_timestamp",
    ),
    "the signature before the time": ({"headers": signed(b"other", age=900)}, {}, 401, "bad_signature"),
    "the time last": ({"headers": signed(BODY, age=900)}, {}, 401, "expired"),
}


@pytest.mark.parametrize(("sent", "world", "status", "outcome"), ORDER.values(), ids=ORDER)
async def test_the_first_check_that_fails_decides(sent: dict, world: dict, status: int, outcome: str) -> None:
    listening = Listening(settings(max_body=1000), **world)
    found = await listening.ask(**{"body": BODY, "headers": GOOD} | sent)
    assert found.status == status
    assert listening.ears.ended == [(outcome, None)]
    assert listening.application.requests == []


async def test_every_refusal_for_want_of_proof_looks_the_same() -> None:
    listening = Listening(settings())
    refused = [
        await listening.ask(BODY, headers)
        for headers in ((), FORGED, signed(BODY, age=900), signed(BODY, age=-900), ((b"X-Sig", b"zz"), *GOOD[:1]))
    ]
    assert [outcome for outcome, _ in listening.ears.ended] == [
        "missing_signature",
        "bad_signature",
        "expired",
        "future",
        "malformed_signature",
    ]
    assert {(one.status, one.headers, one.body) for one in refused} == {(401, (), b"")}
    assert listening.application.requests == []


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    listening = Listening(settings(verify(methods=("POST", "PUT"))))
    found = await listening.ask(line="GET /in/plain")
    assert (found.status, found.headers) == (405, ((b"Allow", b"POST, PUT"),))


@pytest.mark.parametrize(
    "target", ["/", "/in", "/in/plain/", "/in/Plain", "/in//plain", "/in/%70lain", "/in/plain;a", "http://a/in/plain"]
)
async def test_a_path_that_is_not_the_same_in_every_byte_is_unknown_and_not_counted(target: str) -> None:
    listening = Listening(settings())
    found = await listening.ask(BODY, GOOD, line=f"POST {target}")
    assert (found.status, found.body) == (404, b"")
    assert listening.ears.ended == []


async def test_a_query_does_not_change_the_path() -> None:
    listening = Listening(settings())
    assert (await listening.ask(BODY, GOOD, line="POST /in/plain?a=b")).status == 200


async def test_over_the_rate_a_sender_is_told_to_come_back_in_five_seconds() -> None:
    listening = Listening(settings(rate_limit=RateLimitSettings(rate=1.0, burst=2)))
    found = [await listening.ask(BODY, GOOD) for _ in range(3)]
    assert [one.status for one in found] == [200, 200, 429]
    assert found[2].headers == ((b"Retry-After", b"5"),)
    assert listening.ears.ended[2] == ("rate_limited", None)
    await asyncio.sleep(1)
    assert (await listening.ask(BODY, GOOD)).status == 200


async def test_a_body_over_the_limit_is_refused_unread_when_its_length_says_so() -> None:
    listening = Listening(settings(max_body=10))
    body = Drip([(0.0, b"x" * 11)])
    assert (await listening.ask(body, GOOD, length=11)).status == 413
    assert len(body.pieces) == 1


async def test_a_chunked_body_over_the_limit_is_refused_when_it_passes() -> None:
    listening = Listening(settings(max_body=10))
    body = Drip([(0.0, b"x" * 6), (0.0, b"x" * 6), (0.0, b"x" * 6)])
    assert (await listening.ask(body, GOOD)).status == 413
    assert len(body.pieces) == 1
    assert listening.ears.ended == [("too_large", None)]


async def test_a_chunked_body_is_joined_before_it_is_checked() -> None:
    listening = Listening(settings())
    assert (await listening.ask(Drip([(0.0, BODY[:5]), (1.0, BODY[5:])]), GOOD)).status == 200
    assert listening.application.bodies == [BODY]


class Breaks:
    """A body that ends with an error."""

    ready = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def read(self) -> bytes:
        raise self._error


async def test_a_body_with_broken_framing_is_a_bad_request() -> None:
    listening = Listening(settings())
    found = await listening.ask(Breaks(Refusal("bad_request", "chunk size")), GOOD)
    assert (found.status, found.body) == (400, b"")
    assert listening.ears.ended == [("bad_request", None)]


async def test_a_sender_that_went_away_is_no_refusal() -> None:
    listening = Listening(settings())
    await listening.ask(Breaks(ClientGone()), GOOD)
    assert listening.ears.ended == []
    assert listening.ears.bugs == []


async def test_a_bug_is_never_a_success() -> None:
    error = ValueError("a bug")
    listening = Listening(settings())
    found = await listening.ask(Breaks(error), GOOD)
    assert (found.status, found.body) == (500, b"")
    assert listening.ears.bugs == [error]


async def test_a_place_is_free_again_however_its_request_ended() -> None:
    listening = Listening(settings(), places=1)
    other = b'{"id": "evt_2"}'
    for body, headers in ((BODY, FORGED), (BODY, GOOD), (BODY, ()), (other, signed(other))):
        await listening.ask(body, headers)
    assert [outcome for outcome, _ in listening.ears.ended] == [
        "bad_signature",
        "accepted",
        "missing_signature",
        "accepted",
    ]


async def test_a_place_is_taken_while_the_application_thinks() -> None:
    listening = Listening(settings(), [10.0, answer(200)], places=1)
    first = asyncio.get_running_loop().create_task(listening.send(BODY, GOOD))
    await asyncio.sleep(1)
    second = await listening.ask(BODY, GOOD)
    assert (second.status, second.headers) == (503, ((b"Retry-After", b"5"),))
    assert (await read(await first)).status == 200


async def test_an_application_that_cannot_be_reached_is_no_answer() -> None:
    listening = Listening(settings(), [UpstreamFailure("connect_refused", sent=False)])
    found = await listening.ask(BODY, GOOD)
    assert (found.status, found.headers, found.body) == (503, ((b"Retry-After", b"5"),), b"")
    assert listening.ears.ended == [("app_unavailable", "old")]
    assert listening.ears.deliveries == ["failed"]


async def test_a_secret_s_new_value_counts_at_once() -> None:
    listening = Listening(settings())
    assert (await listening.ask(BODY, FORGED)).status == 401
    listening.secrets["new"] = b"guessed"
    assert (await listening.ask(BODY, FORGED)).status == 200
    assert listening.ears.ended[1] == ("accepted", "new")


async def test_a_secret_that_does_not_fit_its_encoding_is_unavailable_and_not_shown() -> None:
    listening = Listening(settings(verify(key=KeySettings(encoding="hex"))), secrets={"new": b"ab", "old": b"no-hex"})
    assert (await listening.ask(BODY, GOOD)).status == 503
    assert listening.ears.ended == [("secret_unavailable", None)]
    assert listening.ears.details == ["secret old is not hex"]
