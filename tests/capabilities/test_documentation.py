"""`docs/capabilities.md` says what there is: operations, codes, and a configuration that starts."""

import re
from pathlib import Path

from proxy.capabilities.errors import CODES, MESSAGES
from proxy.capabilities.front import OPERATIONS
from tests.support.configuration import settings

PAGE = (Path(__file__).parents[2] / "docs/capabilities.md").read_text()


def test_every_operation_has_a_row_with_its_fields():
    rows = dict(re.findall(r"^\| `(\w+/\w+)` \| (.*?) \|", PAGE, re.MULTILINE))
    needed = {name: tuple(re.findall(r"\*\*`(\w+)`\*\*", fields)) for name, fields in rows.items()}
    given = {name: set(re.findall(r"`(\w+)`", fields)) for name, fields in rows.items()}
    assert needed == {f"{one}/{two}": operation.needs for (one, two), operation in OPERATIONS.items()}
    assert given == {f"{one}/{two}": {*found.needs, *found.may} for (one, two), found in OPERATIONS.items()}


def test_every_code_has_a_row_with_its_status_and_exception():
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert rows == [(code, str(row.status), row.kind.__name__) for code, row in CODES.items()]


def test_every_reason_is_named():
    listed = PAGE.partition("`reason` is one of")[2].partition("Whoever")[0]
    assert re.findall(r"`(\w+)`", listed) == list(MESSAGES)


def test_the_configuration_that_the_page_shows_starts(tmp_path):
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    found = settings(tmp_path, shown).capabilities
    chosen = [one.provider for one in (found.payments, found.sms, found.chat, found.inventory) if one is not None]
    assert chosen == ["stripe", "twilio", "slack", "soap"]
    assert settings(tmp_path, shown, {"PAYMENT_PROVIDER": "mock"}).capabilities.payments.provider == "mock"
