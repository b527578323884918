"""Again or not, after how long, and the word for why not; backoff; budget."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.units import Ratio, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffSettings:
    base: Seconds = 0.2
    max: Seconds = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencySettings:
    """What makes a repeat safe: a header, or a field of a JSON body."""

    header: str | None = "Idempotency-Key"  # None ("none" in the file): no header does
    json: str | None = None  # a JSON pointer whose presence in the body does
    generate: bool = False  # add the header to a POST or PATCH that has none


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    ratio: Ratio = 0.2  # retries per call
    min_per_second: float = 1.0  # retries that flow in steadily


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    attempts: int = 3  # in all, the first among them
    statuses: frozenset[int] = frozenset({408, 425, 429, 500, 502, 503, 504})
    backoff: BackoffSettings = BackoffSettings()
    max_retry_after: Seconds = 60.0  # a longer told wait is not sat out
    idempotency: IdempotencySettings = IdempotencySettings()
    budget: BudgetSettings = BudgetSettings()
