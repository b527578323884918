"""The command line as a user has it: a process, its output and its exit code."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

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
