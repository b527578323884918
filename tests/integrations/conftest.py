"""Where the SDKs of these tests send their calls: one address, in front of the names of all integrations."""

from collections.abc import Iterator

import pytest
import yaml

from proxy import integrations
from tests.support.provider import EPOCH
from tests.support.serving import served

NAMES = {name: "inventory" if name == "soap" else name for name in ("stripe", "twilio", "slack", "soap")}


@pytest.fixture
def address() -> Iterator[str]:
    fakes = {upstream: integrations.fake(name, wall=lambda: EPOCH) for name, upstream in NAMES.items()}
    with served(fakes) as found:
        yield found


@pytest.fixture
def snippet(address: str):
    """Runs the Python lines that a manifest gives its users, and returns what they make."""

    def run(name: str, **imported: object) -> object:
        manifest = yaml.safe_load((integrations.folder(name) / "manifest.yaml").read_text())
        lines = manifest["snippets"]["python"].replace("{base}", f"{address}/{NAMES[name]}")
        exec(lines, imported)  # noqa: S102 - our own lines, and the point of the test
        return imported["client"]

    return run
