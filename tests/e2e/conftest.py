"""The whole program in a process of its own, on free ports, with a provider on a real socket behind it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent

import pytest

from tests.support.by_hand import ByHand, Peer
from tests.support.program import LISTEN, Program
from tests.support.scripted import Line, ScriptedUpstream
from tests.support.standing import Stage

Run = Callable[..., Program]


@pytest.fixture
def provider() -> Iterator[Callable[..., ScriptedUpstream]]:
    """Makes scripted upstreams and ends them with the test."""
    made: list[ScriptedUpstream] = []

    def make(*script: Line) -> ScriptedUpstream:
        made.append(ScriptedUpstream(*script))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """`stage(script, keys)`: an upstream of its own in a program that all tests of the file share."""
    made = Stage(tmp_path_factory.mktemp("stage") / "config.yaml")
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """`run("upstreams: …")` starts the program on a file of that text; it is stopped with the test."""
    started: list[Program] = []

    def start(text: str, **environ: str) -> Program:
        config = tmp_path / "config.yaml"
        config.write_text(f"version: 1\n{LISTEN if 'listen:' not in text.splitlines()[0] else ''}{text}")
        started.append(Program(config, environ))
        return started[-1]

    yield start
    for program in started:
        program.stop()


@pytest.fixture
def through(run: Run, provider: Callable[..., ScriptedUpstream]) -> Callable[..., tuple[Program, ScriptedUpstream]]:
    """`through([script], "more keys")`: the program with one upstream `api` that is the script's provider."""

    def start(
        script: list[Line] | None = None, keys: str = "", more: str = "", **environ: str
    ) -> tuple[Program, ScriptedUpstream]:
        upstream = provider(*(script or []))
        lines = f"url: {upstream.url}\n{keys}"
        return run(f"upstreams:\n  api:\n{indent(lines, '    ')}\n{more}", **environ), upstream

    return start


@pytest.fixture
def by_hand(run: Run) -> Iterator[Callable[..., tuple[Program, ByHand]]]:
    """`by_hand(serve, "more keys")`: the program with one upstream `api`, whose connections `serve` drives."""
    made: list[ByHand] = []

    def start(serve: Callable[[Peer], None], keys: str = "", head: str = "") -> tuple[Program, ByHand]:
        upstream = ByHand(serve)
        made.append(upstream)
        lines = f"url: {upstream.url}\n{keys}"
        return run(f"{head}upstreams:\n  api:\n{indent(lines, '    ')}\n"), upstream

    yield start
    for one in made:
        one.close()
