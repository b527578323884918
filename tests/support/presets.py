"""Every provider's webhook as a file that only names it would get it, and the page's table of the same."""

import functools
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from proxy.config.complaints import Complaints
from proxy.config.manifest import Presets
from proxy.config.schema import Settings, WebhookSettings
from tests.support.configuration import settings

PAGE = Path(__file__).parents[2] / "docs" / "design" / "webhooks.md"
PUBLIC = "https://hooks.example/in"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:orders"
OPTIONS = {
    "paypal": "webhook_id: 8PT597110X687430LKGECATA",
    "aws_sns": f"topic_arns: ['{TOPIC}']",
}  # nobody can know them


@functools.cache
def names() -> tuple[str, ...]:
    return tuple(Presets(Complaints()).webhook_names())


@functools.cache
def presets() -> dict[str, WebhookSettings]:
    """Each provider's webhook, with what only the user can say filled in."""
    return dict(_loaded().webhooks)


@functools.cache
def _loaded() -> Settings:
    lines = [
        f"  {name}: {{integration: {name}, public_url: {PUBLIC}, deliver: {{url: 'http://127.0.0.1:9/', mode: sync}}"
        + (f", verify: {{options: {{{OPTIONS[name]}}}}}}}" if name in OPTIONS else "}")
        for name in names()
    ]
    with tempfile.TemporaryDirectory() as folder:
        return settings(Path(folder), "\n".join(["webhooks:", *lines]))


class Row(NamedTuple):
    """A line of the page's table, by its columns."""

    provider: str
    signature: str
    how: str
    time: str
    naming: str
    replay: str
    answer: str
    source: str


def page_rows() -> dict[str, Row]:
    """By provider; a line for several stands under each."""
    section = PAGE.read_text().partition("### 1.4")[2].partition("### 1.5")[0]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)][1:-1]
        if len(cells) == len(Row._fields) and cells[0] not in ("provider", "---"):
            for name in re.sub(r" \(.*\)", "", cells[0]).split(", "):
                found[name] = Row(*cells)._replace(provider=name)
    return found
