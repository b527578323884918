"""docs/webhook-providers.md says what the presets do."""

from tests.support.presets import names
from tests.support.provider_page import PAGE, page


def test_the_page_is_made_from_the_presets_as_they_are() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tests.support.provider_page"


def test_every_provider_has_its_line_with_a_source() -> None:
    lines = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(lines) == len(names())
    assert all("http" in line or "README" in line for line in lines)
