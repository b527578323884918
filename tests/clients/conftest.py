"""The providers' own libraries, unmodified but for their base address, through the running program.

One program serves a module: `<name>` leads to a scripted provider, `<name>-down` to a port where nobody listens, with a
breaker that opens at the first failure.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.standing_in import SECRETS, Library
from tests.support.program import Program
from tests.support.scripted import ScriptedUpstream
from tests.support.snippets import client

DEAD = "http://127.0.0.1:9"  # discard: nobody listens there
LISTEN = "listen: {proxy: 127.0.0.1:0, webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}"


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedUpstream]:
    """What stands where the module's provider is; each test gives it a script."""
    with ScriptedUpstream() as one:
        yield one


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest, provider: ScriptedUpstream, tmp_path_factory) -> Iterator[Program]:
    library: Library = request.module.LIBRARY
    down = "breaker: {failure_threshold: 1, recovery_timeout: 10m}"
    lines = [
        "version: 1",
        LISTEN,
        "upstreams:",
        f"  {library.name}: {{integration: {library.preset}, url: '{provider.url}{library.path}'{library.more}}}",
        f"  {library.name}-down: {{integration: {library.preset}, url: '{DEAD}{library.path}', {down}{library.more}}}",
    ]
    config: Path = tmp_path_factory.mktemp("clients") / "config.yaml"
    config.write_text("\n".join(lines))
    started = Program(config, SECRETS)
    yield started
    started.stop()


@pytest.fixture
def through(request: pytest.FixtureRequest, program: Program) -> Callable[[str], object]:
    """The library's client at the upstream of that name, made by the manifest's own lines."""
    library: Library = request.module.LIBRARY
    return lambda upstream: client(library.preset, f"{program.proxy}/{upstream}", **library.imported)


@pytest.fixture
def calls(program: Program) -> Callable[[str], int]:
    """How many requests the proxy has had for an upstream."""

    def count(upstream: str) -> int:
        rows = program.metrics().items()
        named = f'upstream="{upstream}"'
        return int(sum(value for row, value in rows if row.startswith("outrigger_requests_total{") and named in row))

    return count
