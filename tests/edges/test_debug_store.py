"""The debug log keeps what was sampled, finds it again, and hides what must not be seen."""

import asyncio

import pytest

from proxy.edges.debug_reader import Wanted
from proxy.errors import ClientGone
from proxy.model import Call
from proxy.rules.redaction import DebugSettings
from tests.support.debug_log import NOON, Place, exchange

pytestmark = pytest.mark.usefixtures("loops")


async def test_a_call_is_shown_with_its_attempts_in_the_shape_of_the_api(tmp_path):
    async with Place(tmp_path) as place:
        started = asyncio.get_running_loop().time() - 2
        place.end(
            status=503,
            outcome="upstream_error",
            body=b"text",
            stopped="budget",
            provider_id="req_9",
            decisions=[(started + 1.5, "retry", "no budget")],
        )
        shown = await place.store.request("call-1")
        page = await place.store.requests(Wanted())
    call = {
        "id": "call-1",
        "upstream": "stripe",
        "method": "GET",
        "target": "/v1?a=b",
        "status": 503,
        "code": None,
        "attempts": 1,
        "started": pytest.approx(NOON - 2, abs=0.5),
        "duration_ms": 2000.0,
        "upstream_request_id": "req_9",
        "stopped": "budget",
    }
    assert page == {"requests": [call], "next": None}
    request = {
        "method": "POST",
        "target": "/v1?a=b",
        "headers": [["X-A", "1"]],
        "body": "text",
        "truncated": False,
    }
    response = {"status": 503, "headers": [["X-B", "2"]], "body": "text", "truncated": False}
    attempt = {"attempt": 1, "started_ms": 500.0, "duration_ms": 250.0, "outcome": "ok"}
    assert shown == {
        **call,
        "decisions": [{"at_ms": pytest.approx(1500.0, abs=500), "stage": "retry", "text": "no budget"}],
        "exchanges": [{**attempt, "request": request, "response": response}],
    }


async def test_a_call_that_is_not_sampled_leaves_nothing(tmp_path):
    async with Place(tmp_path) as place:
        place.end(sampled=False)
        assert await place.ids() == []


async def test_an_id_nobody_has_is_none(tmp_path):
    async with Place(tmp_path) as place:
        assert await place.store.request("call-1") is None


async def test_of_two_calls_with_one_id_the_newest_is_shown(tmp_path):
    async with Place(tmp_path) as place:
        place.end(method="GET")
        place.end(method="PUT")
        assert (await place.store.request("call-1"))["method"] == "PUT"


async def test_calls_come_newest_first_and_page_by_page(tmp_path):
    async with Place(tmp_path) as place:
        for number in range(5):
            place.end(f"c{number}")
        first = await place.store.requests(Wanted(limit=2))
        second = await place.store.requests(Wanted(limit=2, after=int(first["next"])))
        third = await place.store.requests(Wanted(limit=2, after=int(second["next"])))
    pages = [[one["id"] for one in page["requests"]] for page in (first, second, third)]
    assert pages == [["c4", "c3"], ["c2", "c1"], ["c0"]]
    assert third["next"] is None


FILTERS = {
    "by upstream": ({"upstream": "twilio"}, ["d"]),
    "by status": ({"status": 503}, ["c"]),
    "by the status's hundred": ({"status": 5, "hundred": True}, ["c", "b"]),
    "by code": ({"code": "upstream_timeout"}, ["b"]),
    "by two things": ({"status": 503, "code": "upstream_timeout"}, []),
    "by what no SQL should see": ({"upstream": "' OR 1 --"}, []),
}


@pytest.mark.parametrize(("wanted", "found"), FILTERS.values(), ids=FILTERS)
async def test_filter(tmp_path, wanted, found):
    async with Place(tmp_path) as place:
        place.end("a")
        place.end("b", 504, "upstream_timeout")
        place.end("c", 503, "upstream_error")
        place.end("d", upstream="twilio")
        assert await place.ids(**wanted) == found


WHEN = {
    "all": ["plain", "retried", "failed", "answered 500"],
    "error": ["failed", "answered 500"],
    "retry": ["retried"],
}


@pytest.mark.parametrize(("when", "kept"), WHEN.items(), ids=WHEN)
async def test_when_says_which_calls_are_kept(tmp_path, when, kept):
    async with Place(tmp_path) as place:
        place.store.adopt("stripe", DebugSettings(raw=True, when=when))
        place.end("plain")
        place.end("retried", attempts=2)
        place.end("failed", 503, "circuit_open", attempts=0)
        place.end("answered 500", 500, "upstream_error")
        assert list(reversed(await place.ids())) == kept


async def test_secrets_are_hidden_in_every_part_and_in_the_file_itself(tmp_path):
    secret = b"sk_live_0123456789"
    async with Place(tmp_path) as place:
        place.redactor.learn("stripe_key", secret)
        place.store.adopt("stripe", DebugSettings(raw=True, redact=("/inner", "X-A")), ("X-B",))
        started = asyncio.get_running_loop().time()
        place.end(
            target=b"/v1?a=" + secret,
            provider_id=secret.decode(),
            body=b'{"a":"' + secret + b'","inner":1}',
            decisions=[(started, "retry", f"because of {secret.decode()}")],
        )
        shown = await place.store.request("call-1")
        on_disk = b"".join(file.read_bytes() for file in place.path.parent.iterdir())
    assert secret not in on_disk
    assert (shown["target"], shown["upstream_request_id"]) == ("/v1?a=[redacted stripe_key]", "[redacted stripe_key]")
    assert shown["decisions"][0]["text"] == "because of [redacted stripe_key]"
    (attempt,) = shown["exchanges"]
    assert attempt["request"]["body"] == '{"a":"[redacted stripe_key]","inner":"[redacted inner]"}'
    assert attempt["request"]["headers"] == [["X-A", "[redacted x-a]"]]
    assert attempt["response"]["headers"] == [["X-B", "[redacted x-b]"]]


ENDS = {
    "the application left": ("client_gone", ["upstream_timeout", "client_gone"]),
    "the call's time was up": ("deadline_exceeded", ["upstream_timeout", "deadline_exceeded"]),
    "the attempt's time was up": ("upstream_timeout", ["upstream_timeout", "upstream_timeout"]),
}


@pytest.mark.parametrize(("code", "outcomes"), ENDS.values(), ids=ENDS)
async def test_an_attempt_that_was_cancelled_is_told_apart_by_the_calls_end(tmp_path, code, outcomes):
    async with Place(tmp_path) as place:
        call = Call("call-1", 0.0, upstream="stripe", sampled=True, attempts=2)
        place.store.attempts_of(call).extend(exchange(number, status=0, outcome="cancelled") for number in (1, 2))
        place.store.call_ended(call, 0 if code == ClientGone().code else 504, code, 1.0)
        shown = await place.store.request("call-1")
    assert [one["outcome"] for one in shown["exchanges"]] == outcomes
    assert [one["response"] for one in shown["exchanges"]] == [None, None]


async def test_what_an_attempt_notes_while_the_answer_closes_is_still_kept(tmp_path):
    async with Place(tmp_path) as place:
        call = Call("call-1", 0.0, upstream="stripe", sampled=True)
        attempt = exchange()
        place.store.attempts_of(call).append(attempt)
        place.store.call_ended(call, 200, "upstream_reset", 1.0)
        attempt.outcome = "upstream_reset"  # its closer comes after the call's
        shown = await place.store.request("call-1")
    assert shown["exchanges"][0]["outcome"] == "upstream_reset"
