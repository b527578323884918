"""One program for all tests of a file, where what they ask of it does not change it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent

from tests.support.program import Program
from tests.support.scripted import Line, ScriptedUpstream

LISTEN = "version: 1\nlisten: {proxy: 127.0.0.1:0, webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}\n"
Pair = tuple[Program, ScriptedUpstream]


@contextmanager
def standing(
    folder: Path, script: Sequence[Line] = (), keys: str = "", more: str = "", *, path: str = "", **environ: str
) -> Iterator[Pair]:
    """The program with one upstream `api`, which the script plays. `keys`: more of `api`; `path`: behind its url."""
    with ScriptedUpstream(*script) as upstream:
        api = indent(f"url: {upstream.url}{path}\n{keys}", "    ")
        config = folder / "config.yaml"
        config.write_text(f"{LISTEN}upstreams:\n  api:\n{api}\n{more}")
        program = Program(config, environ)
        try:
            yield program, upstream
        finally:
            program.stop()


class Stage:
    """One program, to whose file each test adds an upstream."""

    def __init__(self, config: Path) -> None:
        config.write_text(f"{LISTEN}upstreams:\n")
        self.program = Program(config)
        self._upstreams: list[ScriptedUpstream] = []

    def __call__(self, script: Sequence[Line] = (), keys: str = "") -> tuple[str, ScriptedUpstream]:
        """The upstream, and its address behind the proxy."""
        upstream = ScriptedUpstream(*script)
        self._upstreams.append(upstream)
        name = f"api{len(self._upstreams)}"
        line = f"  {name}: {{url: {upstream.url}{keys and ', '}{keys}}}\n"
        assert '"taken":true' in self.program.reload(self.program.config.read_text() + line)
        return f"{self.program.proxy}/{name}", upstream

    def close(self) -> None:
        self.program.stop()
        for one in self._upstreams:
            one.close()
