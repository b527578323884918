"""The verdict on answers that an integration's rules speak of, and what is held back to find it."""

import asyncio
import gzip
import json

import pytest

from proxy.errors import Refusal, UpstreamFailure
from proxy.model import Evidence, Headers, Repeat, Request, Response
from proxy.rules.classify import Classifier
from proxy.rules.cooldown import CooldownSettings
from tests.support.attempts import Attempts, Pieces, streamed
from tests.support.chain import Chain
from tests.support.provider import answer

JSON: Headers = ((b"Content-Type", b"application/json"),)
GZIP: Headers = (*JSON, (b"Content-Encoding", b"gzip"))
LIMITED = {"when": {"json": {"/ok": False}}, "as": "rate_limited"}
RULES = {
    "rules": [
        {"when": {"header": {"X-Never": "present"}}, "retry": "never"},
        {"when": {"status": 403, "header": {"X-Left": "0"}}, "as": "rate_limited"},
        {"when": {"status": 408}, "as": "refused", "retry": "safe"},
        {"when": {"status": 409}, "as": "conflict"},
        {"when": {"status": 424}, "as": "server_error"},
        {"when": {"status": 429, "json": {"/code": ["day"]}}, "as": "quota"},
        {"when": {"status": 429}, "as": "rate_limited", "wait": {"json": "/wait", "format": "seconds"}},
        {"when": {"status": 200, "json": {"/error": "busy"}}, "as": "rate_limited", "code": {"json": "/error"}},
        {"when": {"status": 200, "json": {"/error": "auth"}}, "as": "auth_failed"},
        {"when": {"status": 200, "json": {"/error": "ours"}}, "as": "server_error"},
        {"when": {"status": 200, "json": {"/ok": False}}, "as": "refused"},
    ]
}
BY_PATH = CooldownSettings(scope="path")
OK, FAILED, NEUTRAL = Evidence.SUCCESS, Evidence.FAILURE, Evidence.NEUTRAL


def doc(**values: object) -> bytes:
    return json.dumps(values).encode()


async def judged(response: Response, classify: dict[str, object] | None = None, headers: Headers = ()) -> Response:
    """The answer as the stage gives it, and only that stage."""
    attempts = Attempts(response, classifier=Classifier(classify or RULES))
    return await attempts.judge(Request("GET", b"/", headers, None, attempts.call))


ROWS = {  # status, body, more headers; outcome, evidence, worth a repeat, cools, told
    "a refusal in a 200": (200, doc(ok=False), (), ("refused", OK, Repeat.NEVER, False, None)),
    "a limit in a 200": (200, doc(error="busy"), (), ("rate_limited", NEUTRAL, Repeat.ALWAYS, True, None)),
    "a limit in a 200 with a wait": (
        200,
        doc(error="busy"),
        ((b"Retry-After", b"7"),),
        ("rate_limited", NEUTRAL, Repeat.ALWAYS, True, 7.0),
    ),
    "an error of theirs in a 200": (200, doc(error="ours"), (), ("server_error", FAILED, Repeat.SAFE, False, None)),
    "the same with a wait": (
        200,
        doc(error="ours"),
        ((b"Retry-After", b"7"),),
        ("server_error", NEUTRAL, Repeat.SAFE, True, 7.0),
    ),
    "a status that only the rules repeat": (424, b"", (), ("server_error", FAILED, Repeat.SAFE, False, None)),
    "a lock": (409, b"", (), ("conflict", NEUTRAL, Repeat.SAFE, False, None)),
    "a day's quota": (429, doc(code="day"), (), ("quota", NEUTRAL, Repeat.ALWAYS, False, None)),
    "a wait in the body": (429, doc(wait=2.5), (), ("rate_limited", NEUTRAL, Repeat.ALWAYS, True, 2.5)),
    "the longer of two waits": (
        429,
        doc(wait=2.5),
        ((b"Retry-After", b"4"),),
        ("rate_limited", NEUTRAL, Repeat.ALWAYS, True, 4.0),
    ),
    "limit headers of a 403 that a rule calls a limit": (
        403,
        b"",
        ((b"X-Left", b"0"), (b"X-RateLimit-Reset", b"9")),
        ("rate_limited", NEUTRAL, Repeat.ALWAYS, True, 9.0),
    ),
    "a rule's own word on repeats": (408, b"", (), ("refused", OK, Repeat.SAFE, False, None)),
    "no rule: the table": (500, doc(ok=False), (), ("server_error", FAILED, Repeat.SAFE, False, None)),
}


@pytest.mark.parametrize(("status", "body", "headers", "row"), ROWS.values(), ids=ROWS)
async def test_a_rule_moves_an_answer_to_another_row(status, body, headers, row):
    verdict = (await judged(answer(status, body, JSON + headers))).verdict
    assert (verdict.outcome, verdict.evidence, verdict.repeat, verdict.cools, verdict.told) == row


async def test_a_rule_without_an_outcome_only_forbids_the_repeat():
    verdict = (await judged(answer(503, b"", ((b"X-Never", b"1"),)))).verdict
    assert (verdict.outcome, verdict.evidence, verdict.repeat, verdict.says_no) == (
        "server_error",
        FAILED,
        Repeat.SAFE,
        True,
    )


async def test_the_provider_s_code_is_part_of_the_verdict():
    assert (await judged(answer(200, doc(error="busy"), JSON))).verdict.code == "busy"


async def test_a_refused_credential_in_a_200_is_heard_of_with_its_secrets():
    attempts = Attempts(answer(200, doc(error="auth"), JSON), classifier=Classifier(RULES))
    response = await attempts()
    assert (response.verdict.outcome, response.verdict.renewable) == ("auth_failed", True)
    assert attempts.heard.of("credential") == [("api_key",)]


PASSED = {  # answers whose bodies nobody looks at: status, headers, the request's headers
    "another content type": (200, ((b"Content-Type", b"text/plain"),), ()),
    "an event stream": (200, ((b"Content-Type", b"text/event-stream"),), ()),
    "a part": (206, JSON, ()),
    "the answer to a request for a part": (200, JSON, ((b"Range", b"bytes=0-1"),)),
    "a status without a rule for it": (201, JSON, ()),
}


@pytest.mark.parametrize(("status", "headers", "asked"), PASSED.values(), ids=PASSED)
async def test_the_head_is_not_held_back_for_a_body_that_decides_nothing(status, headers, asked):
    body = Pieces(UpstreamFailure("upstream_reset", sent=True))  # reading it would raise
    rules = {"rules": [{**LIMITED, "when": {"status": [200, 206], "json": {"/ok": False}}}]}
    response = await judged(Response(status, b"", headers, body, None), rules, asked)
    assert (response.body, response.verdict.outcome) == (body, "ok")


async def test_a_body_that_says_it_is_too_long_is_not_waited_for():
    body = Pieces(UpstreamFailure("upstream_reset", sent=True))
    response = await judged(Response(200, b"", JSON, body, 11), {"peek": 10, "rules": [LIMITED]})
    assert (response.body, response.verdict.outcome) == (body, "ok")


async def test_what_was_held_goes_on_byte_for_byte():
    pieces = [b'{"ok": fal', b'se, "x": "', b"y" * 90, b'"}']
    looked = await judged(streamed(200, *pieces, headers=JSON), {"peek": 1000, "rules": [LIMITED]})
    passed = await judged(streamed(200, *pieces, headers=JSON), {"peek": 15, "rules": [LIMITED]})
    assert (looked.verdict.outcome, passed.verdict.outcome) == ("rate_limited", "ok")
    for response in (looked, passed):
        assert response.body.ready
        came = []
        while piece := await response.body.read():
            came.append(piece)
        assert b"".join(came) == b"".join(pieces)


async def test_a_body_of_exactly_peek_bytes_is_judged():
    content = b'{"ok": false}'
    response = await judged(streamed(200, content, headers=JSON), {"peek": len(content), "rules": [LIMITED]})
    assert response.verdict.outcome == "rate_limited"


async def test_a_compressed_body_is_judged_and_stays_compressed():
    packed = gzip.compress(doc(ok=False))
    response = await judged(streamed(200, packed, headers=GZIP), {"rules": [LIMITED]})
    assert response.verdict.outcome == "rate_limited"
    assert await response.body.read() == packed


async def test_a_compressed_body_that_swells_beyond_eight_times_peek_is_judged_by_status_alone():
    packed = gzip.compress(b" " * 8001 + doc(ok=False))
    assert len(packed) < 1000
    response = await judged(streamed(200, packed, headers=GZIP), {"peek": 1000, "rules": [LIMITED]})
    assert response.verdict.outcome == "ok"
    assert await response.body.read() == packed


async def test_a_break_while_the_head_is_held_is_a_failed_attempt_and_closes_the_answer():
    broken = streamed(200, b'{"ok"', UpstreamFailure("upstream_reset", sent=True), headers=JSON)
    closed: list[object] = []
    broken.on_close(closed.append)
    with pytest.raises(UpstreamFailure) as caught:
        await judged(broken)
    assert caught.value.code == "upstream_reset"
    assert closed == [caught.value]


async def test_a_break_while_the_head_is_held_is_repeated_when_that_is_safe():
    broken = streamed(200, b'{"ok"', UpstreamFailure("upstream_reset", sent=True), headers=JSON)
    attempts = Attempts(broken, answer(200, doc(ok=True), JSON), classifier=Classifier(RULES))
    response = await attempts()
    assert (response.verdict.outcome, attempts.call.attempts) == ("ok", 2)


async def test_a_call_that_is_given_up_while_the_head_is_held_closes_the_answer():
    held = streamed(200, b'{"ok"', 60.0, headers=JSON)
    closed: list[object] = []
    held.on_close(closed.append)
    task = asyncio.ensure_future(judged(held))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == [None]


async def test_first_byte_does_not_cut_a_body_whose_head_is_here():
    slow = streamed(200, b'{"ok":', 20.0, b" true", 20.0, b"}", headers=JSON)
    attempts = Attempts(slow, classifier=Classifier(RULES), first_byte=5.0)
    assert (await attempts()).verdict.outcome == "ok"
    assert attempts.loop.time() == 40.0


async def test_the_deadline_ends_a_wait_for_the_body():
    attempts = Attempts(streamed(200, b"{", 100.0, headers=JSON), classifier=Classifier(RULES), total=30.0)
    with pytest.raises(Refusal, match="deadline_exceeded"):
        await attempts()


async def test_a_body_that_drips_is_held_back_for_idle_and_no_longer():
    drips: list[bytes | float] = [b"{"]
    for _ in range(50):
        drips += [4.0, b" "]
    attempts = Attempts(streamed(200, *drips, headers=JSON), classifier=Classifier(RULES), idle=10.0)
    response = await attempts()
    assert (response.verdict.outcome, attempts.loop.time()) == ("ok", 12.0)
    assert await response.body.read() == b"{   "


async def test_slack_s_limit_holds_the_calls_of_its_method_and_no_others():
    busy = answer(200, doc(error="busy"), (*JSON, (b"Retry-After", b"5")))
    chain = Chain(
        busy, answer(200, b"{}", JSON), classify=RULES, cooldown=CooldownSettings(scope="path"), used=("POST /chat.**",)
    )
    first = chain.start("POST", b"/chat.postMessage")
    await asyncio.sleep(1)
    same, other = chain.start("POST", b"/chat.postMessage"), chain.start("POST", b"/users.list")
    await asyncio.gather(first, same, other)
    assert [request.target for request in chain.provider.requests] == [
        b"/chat.postMessage",
        b"/users.list",
        b"/chat.postMessage",
        b"/chat.postMessage",
    ]
    assert chain.provider.times[1] == 1.0
    assert min(chain.provider.times[2:]) >= 5.0
