"""The command line as a user has it: a process, its output and its exit code."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from proxy.cli.main import app

ROOT = Path(__file__).parents[2]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def outrigger(folder: Path, *arguments: str, **environ: str) -> Ended:
    """What `outrigger` with these arguments prints in `folder`, with no variables but PATH and those given."""
    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "proxy", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def typed(folder: Path, *arguments: str, **environ: str) -> Ended:
    """The same without a process of its own, which costs more than most commands do."""
    with contextlib.chdir(folder):
        result = CliRunner(env={"OUTRIGGER_CONFIG": None, **environ}).invoke(app, arguments, prog_name="outrigger")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)
