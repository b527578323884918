"""The pages list the findings that there are, in the order in which they are looked for."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
FINDINGS = [
    "duplicate_header", "other_provider", "missing_signature", "expired", "future", "time_unit", "other_secret",
    "secret_format", "body_cut", "body_changed", "public_url", "wrong_encoding", "wrong_scheme", "unknown",
]  # fmt: skip


@pytest.mark.parametrize(
    ("page", "begins"), [("webhook-debugging.md", "## What it finds"), ("design/webhooks.md", "## 4.")]
)
def test_a_page_lists_every_finding_in_order(page: str, begins: str) -> None:
    table = (DOCS / page).read_text().partition(begins)[2]
    table = table[table.index("| `finding`") :].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    found = [word for cell in cells for word in re.findall(r"`(\w+)`", cell) if word != "finding"]
    assert found == FINDINGS


def test_every_finding_is_made_somewhere() -> None:
    folder = Path(__file__).parents[3] / "proxy" / "rules" / "diagnosis"
    code = "\n".join(path.read_text() for path in folder.glob("*.py"))
    assert [word for word in FINDINGS if f'"{word}"' not in code] == []
