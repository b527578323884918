"""The command line in this very process: as `support.command`, without the second that a process takes to start."""

from pathlib import Path

from typer.testing import CliRunner

from proxy.cli.main import app
from tests.support.command import Ended


def command(config: Path, *arguments: str, stdin: bytes | None = None, **environ: str) -> Ended:
    """What `outrigger` with these arguments and `-c config` prints; variables are added to those of this process."""
    ended = CliRunner().invoke(app, [*arguments, "-c", str(config)], input=stdin, env=environ)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return Ended(ended.exit_code, ended.stdout, ended.stderr)
