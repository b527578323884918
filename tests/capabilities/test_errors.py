"""The codes of the normalised side, held to the table of the design page."""

import re
from pathlib import Path

import pytest

from proxy.capabilities.errors import CODES, MESSAGES, IntegrationError, PaymentDeclined, failure

PAGE = (Path(__file__).parents[2] / "docs/design/integrations.md").read_text()
TABLE = PAGE.partition("| code, status | exception |")[2].partition("\n\n")[0]
ROWS = [line.split("|")[1:3] for line in TABLE.splitlines()[1:] if line.startswith("|")]
PROMISED = {
    code: (int(status), (re.findall(r"`(\w+)`", kind) or ["IntegrationError"])[0])
    for codes, kind in ROWS
    for code, status in re.findall(r"`(\w+)` (\d{3})", codes)
}


def test_every_code_of_the_page_is_in_the_table_with_its_status_and_exception():
    assert {code: (row.status, row.kind.__name__) for code, row in CODES.items()} == PROMISED


@pytest.mark.parametrize("code", CODES)
def test_a_failure_is_of_the_exception_of_its_code(code):
    error = failure(code)
    assert type(error) is CODES[code].kind
    assert isinstance(error, IntegrationError)
    assert (error.code, error.status, error.detail) == (code, CODES[code].status, CODES[code].detail)


def test_a_code_that_nobody_knows_is_an_integration_error():
    assert type(failure("misdirected", "words")) is IntegrationError


def test_every_reason_of_the_page_has_something_to_tell_the_buyer():
    listed = re.search(r"^`reason`: (.*?); from", PAGE, re.MULTILINE)
    assert listed is not None
    assert set(re.findall(r"`(\w+)`", listed[1])) == set(MESSAGES)


@pytest.mark.parametrize("reason", ["lost_card", "stolen_card", "fraudulent", "something_new"])
def test_who_holds_a_stolen_card_is_told_what_everybody_is_told(reason):
    error = PaymentDeclined("payment_declined", reason=reason)
    assert error.customer_message == MESSAGES["generic_decline"]


def test_an_error_that_is_no_decline_has_nothing_for_the_buyer():
    assert failure("unavailable").customer_message is None
