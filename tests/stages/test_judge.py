"""The verdict on each answer, read from its head."""

import asyncio

import pytest

from proxy.model import FINE, Call, Evidence, Headers, Repeat, Request, Verdict
from proxy.pipeline import onion
from proxy.rules.retry import RetrySettings
from proxy.stages.judge import JudgeStage
from tests.support.attempts import Heard
from tests.support.provider import EPOCH, Provider, answer, clock


class Judged:
    def __init__(self, status: int, *headers: tuple[bytes, bytes], injects: bool = False) -> None:
        self.heard = Heard()
        self.call = Call("id", 0.0, decisions=[])
        loop = asyncio.get_running_loop()
        stage = JudgeStage(
            "stripe",
            RetrySettings().statuses,
            injects=injects,
            clock=clock(loop),
            events=self.heard,
            secrets=["api_key"],
        )
        self._handler = onion([stage], Provider(loop, [answer(status, headers=headers)]))

    async def verdict(self) -> Verdict:
        return (await self._handler(Request("GET", b"/", (), None, self.call))).verdict


async def test_a_plain_success_is_judged_without_a_look_at_its_headers():
    judged = Judged(200, (b"Retry-After", b"soon"), (b"X-Should-Retry", b"true"))
    assert await judged.verdict() is FINE
    assert (judged.heard.all, judged.call.decisions) == ([], [])


async def test_an_answer_is_judged_by_the_table():
    verdict = await Judged(503).verdict()
    assert (verdict.outcome, verdict.evidence, verdict.repeat) == ("server_error", Evidence.FAILURE, Repeat.SAFE)


async def test_a_told_wait_is_part_of_the_verdict():
    verdict = await Judged(503, (b"Retry-After", b"30")).verdict()
    assert (verdict.told, verdict.cools, verdict.evidence) == (30.0, True, Evidence.NEUTRAL)


async def test_a_point_in_time_is_told_by_our_clock_where_the_answer_has_no_date():
    verdict = await Judged(503, (b"Retry-After", b"%d" % (EPOCH + 40))).verdict()
    assert verdict.told == pytest.approx(40.0)


async def test_limit_headers_count_on_a_429():
    assert (await Judged(429, (b"X-RateLimit-Reset", b"45")).verdict()).told == 45.0


async def test_a_wait_that_cannot_be_read_is_counted_and_ignored():
    judged = Judged(503, (b"Retry-After", b"soon"))
    verdict = await judged.verdict()
    assert (verdict.told, verdict.unreadable, verdict.evidence) == (None, 1, Evidence.FAILURE)
    assert judged.heard.of("unreadable") == [(1,)]


WORDS: dict[str, tuple[int, Headers, tuple[Repeat, bool]]] = {
    "x-should-retry: false": (503, ((b"X-Should-Retry", b"false"),), (Repeat.SAFE, True)),
    "stripe-should-retry: false": (503, ((b"stripe-should-retry", b" False "),), (Repeat.SAFE, True)),
    "x-should-retry: true": (409, ((b"x-should-retry", b"true"),), (Repeat.SAFE, False)),
    "true takes nothing from what is repeated anyway": (429, ((b"x-should-retry", b"true"),), (Repeat.ALWAYS, False)),
    "false beats true": (
        503,
        ((b"x-should-retry", b"true"), (b"stripe-should-retry", b"false")),
        (Repeat.SAFE, True),
    ),
    "another word says nothing": (404, ((b"x-should-retry", b"perhaps"),), (Repeat.NEVER, False)),
}


@pytest.mark.parametrize(("status", "headers", "row"), WORDS.values(), ids=WORDS)
async def test_the_providers_word(status, headers, row):
    verdict = await Judged(status, *headers).verdict()
    assert (verdict.repeat, verdict.says_no) == row


async def test_a_401_to_an_injected_credential_is_ours_to_renew():
    judged = Judged(401, injects=True)
    verdict = await judged.verdict()
    assert (verdict.outcome, verdict.renewable, verdict.evidence) == ("auth_failed", True, Evidence.NEUTRAL)
    assert judged.heard.of("credential") == [("api_key",)]


async def test_a_401_to_the_applications_own_credential_is_its_own_matter():
    judged = Judged(401)
    verdict = await judged.verdict()
    assert (verdict.outcome, verdict.renewable, verdict.evidence) == ("refused", False, Evidence.SUCCESS)
    assert judged.heard.all == []


async def test_the_debug_log_is_told_what_an_answer_was_taken_for():
    judged = Judged(429, (b"Retry-After", b"2.5"))
    await judged.verdict()
    assert judged.call.decisions == [(0.0, "judge", "429 is rate_limited, told to wait 2.5 s")]
