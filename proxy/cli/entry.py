"""Where `outrigger` and `python -m proxy` begin: `run` in its plain form is read here, all else by the library.

The one thing a reader would get wrong: this is no second command line. The library that reads the others takes a
seventh of a cold start to import, and the one command that must start fast has a single option.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence


def main() -> None:
    """Does what the arguments say, and exits."""
    os.environ.pop("SSLKEYLOGFILE", None)  # a library makes TLS contexts as it is imported: they would open that file
    arguments = sys.argv[1:]
    if not is_plain_run(arguments):
        from proxy.cli import main as commands

        commands.main()
        return
    gc.disable()  # until all is loaded
    from proxy.cli.serve import serve
    from proxy.config.load import find

    sys.exit(serve(find(arguments[2] if len(arguments) > 1 else None, os.environ)))


def is_plain_run(arguments: Sequence[str]) -> bool:
    """True for `run`, `run -c FILE` and `run --config FILE`, and for nothing that could mean anything else."""
    if arguments[:1] != ["run"]:
        return False
    named = len(arguments) == 3 and arguments[1] in ("-c", "--config") and not arguments[2].startswith("-")
    return len(arguments) == 1 or named
