"""The tables of outcomes: what each end of an attempt means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import FINE, Evidence, Repeat
from proxy.rules.outcome import (
    attempt_outcome,
    evidence_of_failure,
    plain_verdicts,
    repeat_of_failure,
    verdict_for,
    verdict_of,
)
from proxy.rules.retry import RetrySettings

STATUSES = RetrySettings().statuses
SUCCESS, FAILURE, NEUTRAL = Evidence.SUCCESS, Evidence.FAILURE, Evidence.NEUTRAL
NEVER, SAFE, ALWAYS = Repeat.NEVER, Repeat.SAFE, Repeat.ALWAYS

ANSWERS = {  # status, seconds told; then evidence, worth repeating, starts a cooldown
    "200 is a success": (200, None, (SUCCESS, NEVER, False)),
    "302 is a success": (302, None, (SUCCESS, NEVER, False)),
    "404 is a success: the provider works and says no": (404, None, (SUCCESS, NEVER, False)),
    "401 without a credential of ours is a success": (401, None, (SUCCESS, NEVER, False)),
    "403 with a told wait is a success where no preset says otherwise": (403, 9.0, (SUCCESS, NEVER, False)),
    "408 is repeated when safe": (408, None, (NEUTRAL, SAFE, False)),
    "425 is repeated when safe": (425, None, (NEUTRAL, SAFE, False)),
    "429 was refused: any method is repeated after a cooldown": (429, None, (NEUTRAL, ALWAYS, True)),
    "429 with a told wait does the same": (429, 30.0, (NEUTRAL, ALWAYS, True)),
    "503 with a told wait cools and is no failure": (503, 30.0, (NEUTRAL, SAFE, True)),
    "503 told to wait no time at all cools too": (503, 0.0, (NEUTRAL, SAFE, True)),
    "503 without one is a failure": (503, None, (FAILURE, SAFE, False)),
    "500 is a failure": (500, None, (FAILURE, SAFE, False)),
    "500 with a told wait is a failure all the same": (500, 5.0, (FAILURE, SAFE, False)),
    "502 is a failure": (502, None, (FAILURE, SAFE, False)),
    "504 is a failure": (504, None, (FAILURE, SAFE, False)),
    "520 is a failure, not repeated by default": (520, None, (FAILURE, NEVER, False)),
    "527 is a failure, not repeated by default": (527, None, (FAILURE, NEVER, False)),
    "529 is a failure, not repeated by default": (529, None, (FAILURE, NEVER, False)),
    "599, which nobody knows, is read as 500 but for the repeat": (599, None, (FAILURE, NEVER, False)),
    "501 is alive and says no": (501, None, (SUCCESS, NEVER, False)),
    "505 is alive and says no": (505, None, (SUCCESS, NEVER, False)),
    "511 is alive and says no": (511, None, (SUCCESS, NEVER, False)),
}


@pytest.mark.parametrize(("status", "told", "row"), ANSWERS.values(), ids=ANSWERS)
def test_answer(status: int, told: float | None, row: tuple[Evidence, Repeat, bool]) -> None:
    verdict = verdict_for(status, told=told, statuses=STATUSES)
    assert (verdict.evidence, verdict.repeat, verdict.cools) == row
    assert verdict.told == told


def test_a_status_that_the_configuration_takes_off_the_list_is_not_worth_another_attempt():
    verdict = verdict_for(429, told=5.0, statuses=STATUSES - {429})
    assert verdict.repeat is NEVER
    assert verdict.cools


def test_a_status_that_the_configuration_puts_on_the_list_is_repeated_when_safe():
    verdict = verdict_for(423, statuses=STATUSES | {423})
    assert verdict.repeat is SAFE
    assert verdict.evidence is SUCCESS


def test_a_401_to_a_credential_of_ours_says_nothing_and_may_be_worth_a_fresh_secret():
    verdict = verdict_for(401, statuses=STATUSES, injects=True)
    assert (verdict.outcome, verdict.evidence, verdict.repeat, verdict.renewable) == (
        "auth_failed",
        NEUTRAL,
        NEVER,
        True,
    )
    assert not verdict_for(401, statuses=STATUSES).renewable


@given(st.integers(200, 999), st.sets(st.integers(200, 599)), st.booleans())
def test_the_prepared_verdicts_are_those_of_the_function(status, statuses, injects):
    listed = frozenset(statuses)
    prepared = plain_verdicts(listed, injects=injects)
    assert prepared[status] == verdict_for(status, statuses=listed, injects=injects)


def test_a_plain_success_is_the_one_that_a_response_has_from_the_start():
    assert plain_verdicts(STATUSES)[200] is FINE


OUTCOMES = {  # outcome, told, the rule's word; then evidence, worth repeating, cools, says no
    "ok": ("ok", None, None, (SUCCESS, NEVER, False, False)),
    "refused": ("refused", None, None, (SUCCESS, NEVER, False, False)),
    "auth_failed": ("auth_failed", None, None, (NEUTRAL, NEVER, False, False)),
    "conflict is repeated if safe": ("conflict", None, None, (NEUTRAL, SAFE, False, False)),
    "rate_limited is repeated whatever the method": ("rate_limited", None, None, (NEUTRAL, ALWAYS, True, False)),
    "quota is not waited for, and said to be a no": ("quota", 9.0, None, (NEUTRAL, ALWAYS, False, True)),
    "safe beats a quota's no": ("quota", None, "safe", (NEUTRAL, SAFE, False, False)),
    "server_error is a failure": ("server_error", None, None, (FAILURE, SAFE, False, False)),
    "server_error with a told wait is a cooldown": ("server_error", 9.0, None, (NEUTRAL, SAFE, True, False)),
    "always beats the outcome": ("server_error", None, "always", (FAILURE, ALWAYS, False, False)),
    "safe beats the outcome": ("rate_limited", None, "safe", (NEUTRAL, SAFE, True, False)),
    "never is the provider's no to what was worth it": ("server_error", None, "never", (FAILURE, SAFE, False, True)),
}


@pytest.mark.parametrize(("outcome", "told", "word", "row"), OUTCOMES.values(), ids=OUTCOMES)
def test_outcome(outcome, told, word, row):
    verdict = verdict_of(outcome, told=told, retry=word, code="x-1")
    assert (verdict.outcome, verdict.told, verdict.code) == (outcome, told, "x-1")
    assert (verdict.evidence, verdict.repeat, verdict.cools, verdict.says_no) == row


FAILED = {
    "connect_refused": (FAILURE, ALWAYS),
    "connect_timeout": (FAILURE, ALWAYS),
    "dns_error": (FAILURE, ALWAYS),
    "tls_error": (FAILURE, ALWAYS),
    "upstream_reset": (FAILURE, SAFE),
    "upstream_timeout": (FAILURE, SAFE),
    "upstream_protocol_error": (FAILURE, SAFE),
    "egress_denied": (NEUTRAL, NEVER),
    "secret_unavailable": (NEUTRAL, NEVER),
    "request_too_large": (NEUTRAL, NEVER),
    "request_timeout": (NEUTRAL, NEVER),
    "client_gone": (NEUTRAL, NEVER),
}


@pytest.mark.parametrize(("code", "row"), FAILED.items(), ids=FAILED)
def test_failure(code: str, row: tuple[Evidence, Repeat]) -> None:
    assert (evidence_of_failure(code), repeat_of_failure(code)) == row


@pytest.mark.parametrize(("status", "word"), [(204, "ok"), (304, "ok"), (404, "4xx"), (429, "429"), (503, "5xx")])
def test_an_attempt_is_counted_by_its_hundred_but_for_429(status, word):
    assert attempt_outcome(status) == word
