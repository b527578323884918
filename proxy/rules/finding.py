"""What an integration's rules say of one answer.

Apart from `classify.py`, so that a program without such rules does not load what reads JSON and XML for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.rules.retry_after import NOTHING, Told

Again = Literal["never", "safe", "always"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rules say of an answer.

    `outcome` None: they leave it to the table of statuses. `told`: by `wait` alone. `code`: the provider's own.
    """

    outcome: str | None = None
    retry: Again | None = None
    told: Told = NOTHING
    code: str | None = None


SILENT = Finding()
