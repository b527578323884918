"""Where the SDKs of these tests send their calls: one address, in front of the names of all integrations."""

from collections.abc import Iterator

import pytest

from proxy import integrations
from tests.support.provider import EPOCH
from tests.support.serving import served
from tests.support.snippets import client

NAMES = {name: "inventory" if name == "soap" else name for name in ("stripe", "twilio", "slack", "soap")}


@pytest.fixture
def address() -> Iterator[str]:
    fakes = {upstream: integrations.fake(name, wall=lambda: EPOCH) for name, upstream in NAMES.items()}
    with served(fakes) as found:
        yield found


@pytest.fixture
def snippet(address: str):
    """Runs the Python lines that a manifest gives its users, and returns what they make."""
    return lambda name, **imported: client(name, f"{address}/{NAMES[name]}", **imported)
