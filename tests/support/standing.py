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
