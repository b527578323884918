"""What an attempt's end means to breaker, cooldown and retry: two tables, by outcome and by error code.

The one thing a reader would get wrong: `repeat` says what is worth another attempt, not what may have one. A verdict
with `says_no` keeps its `repeat`, so that whoever stops knows that the provider's word was the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from proxy.model import FINE, Evidence, Repeat, Verdict

SUCCESS, FAILURE, NEUTRAL = Evidence.SUCCESS, Evidence.FAILURE, Evidence.NEUTRAL
NEVER, SAFE, ALWAYS = Repeat.NEVER, Repeat.SAFE, Repeat.ALWAYS

VERDICTS: dict[str, Verdict] = {
    "ok": FINE,
    "refused": Verdict(outcome="refused", evidence=SUCCESS),
    "auth_failed": Verdict(outcome="auth_failed", evidence=NEUTRAL, renewable=True),
    "conflict": Verdict(outcome="conflict", evidence=NEUTRAL, repeat=SAFE),
    "rate_limited": Verdict(outcome="rate_limited", evidence=NEUTRAL, repeat=ALWAYS, cools=True),
    "quota": Verdict(outcome="quota", evidence=NEUTRAL, repeat=ALWAYS, says_no=True),  # or SDKs go on asking
    "server_error": Verdict(outcome="server_error", evidence=FAILURE, repeat=SAFE),
}
PAUSE = Verdict(outcome="server_error", evidence=NEUTRAL, repeat=SAFE, cools=True)  # a server error that said how long

SPECIAL = {  # the statuses whose row is not that of their hundred
    408: "conflict",  # it did not wait for us
    425: "conflict",  # too early
    429: "rate_limited",
    501: "refused",  # 501, 505 and 511: it is alive, and says no
    505: "refused",
    511: "refused",
}
HUNDREDS = {2: "ok", 3: "ok", 4: "refused"}  # the others: server_error, as RFC 9110, 15 reads a status nobody knows


class _Row(NamedTuple):
    evidence: Evidence
    repeat: Repeat


FAILURES: dict[str, _Row] = {  # a code that is not here is our own side's, and means nothing to anyone
    "connect_refused": _Row(FAILURE, ALWAYS),
    "connect_timeout": _Row(FAILURE, ALWAYS),
    "dns_error": _Row(FAILURE, ALWAYS),
    "tls_error": _Row(FAILURE, ALWAYS),
    "upstream_reset": _Row(FAILURE, SAFE),
    "upstream_timeout": _Row(FAILURE, SAFE),
    "upstream_protocol_error": _Row(FAILURE, SAFE),
}


def verdict_for(
    status: int, *, told: float | None = None, statuses: frozenset[int], injects: bool = False, unreadable: int = 0
) -> Verdict:
    """What a final status means where no rule of the integration says otherwise.

    `told`: seconds that the answer asked to wait. `statuses`: worth another attempt by the configuration. `injects`:
    the request carried a credential of ours. `unreadable`: wait headers that could not be read.
    """
    if status == 401 and injects:
        verdict = VERDICTS["auth_failed"]
    elif status == 503 and told is not None:
        verdict = PAUSE
    else:
        verdict = VERDICTS[SPECIAL.get(status) or HUNDREDS.get(status // 100, "server_error")]
    worth = SAFE if verdict.repeat is NEVER else verdict.repeat
    repeat = worth if status in statuses else NEVER
    if repeat is verdict.repeat and told is None and not unreadable:
        return verdict
    return replace(verdict, repeat=repeat, told=told, unreadable=unreadable)


def plain_verdicts(statuses: frozenset[int], *, injects: bool = False) -> Mapping[int, Verdict]:
    """The verdict of every final status that came without a told wait: made once, then a lookup per answer."""
    return {status: verdict_for(status, statuses=statuses, injects=injects) for status in range(200, 1000)}


def verdict_of(
    outcome: str,
    *,
    told: float | None = None,
    retry: Literal["never", "safe", "always"] | None = None,
    code: str | None = None,
    unreadable: int = 0,
) -> Verdict:
    """What an outcome means that a rule of the integration chose, whatever the status.

    `retry`: the rule's own word, which beats that of the outcome; `never` is the provider's no. `code`: the provider's
    own. `told`, `unreadable`: as in `verdict_for`.
    """
    verdict = PAUSE if outcome == "server_error" and told is not None else VERDICTS[outcome]
    says_no = verdict.says_no if retry is None else retry == "never"
    repeat = verdict.repeat if retry is None or says_no else Repeat(retry)
    return replace(verdict, repeat=repeat, told=told, says_no=says_no, code=code, unreadable=unreadable)


def evidence_of_failure(code: str) -> Evidence:
    """What an attempt without an answer, or with a broken body, says to the breaker."""
    row = FAILURES.get(code)
    return NEUTRAL if row is None else row.evidence


def repeat_of_failure(code: str) -> Repeat:
    """Whether an attempt without an answer is worth another one."""
    row = FAILURES.get(code)
    return NEVER if row is None else row.repeat


def attempt_outcome(status: int) -> str:
    """An answered attempt's label in the metrics: `ok`, `429`, `4xx` or `5xx`."""
    if status < 400:
        return "ok"
    if status == 429:
        return "429"
    return "4xx" if status < 500 else "5xx"
