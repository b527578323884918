"""What the process asks of the operating system at start, before any file or socket is made; and what it is."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import sys

from proxy import __version__

FEW_DESCRIPTORS = 1_024


def harden() -> list[str]:
    """Private files, no core dumps, all the descriptors that are to be had. Returns what an operator should be told."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    told = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # a hard limit above what this kernel takes
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    if 0 <= soft < FEW_DESCRIPTORS:
        told.append(f"only {soft} file descriptors are allowed; {FEW_DESCRIPTORS} or more are better")
    return told


def refuse_debugging() -> str | None:
    """Why this interpreter must not serve, None if it may: asyncio's debug mode prints callback arguments."""
    if sys.flags.dev_mode or os.environ.get("PYTHONASYNCIODEBUG"):
        return "asyncio's debug mode (-X dev, PYTHONASYNCIODEBUG) prints what it handles; start without it"
    return None


def settle() -> None:
    """Takes all that start-up made out of the garbage collector's rounds, and makes those rounds rarer.

    Start-up itself runs without it: next to nothing of what an import makes is garbage. So nothing is collected here
    either, which would hold up the first answer by a tenth of the whole start.
    """
    gc.enable()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def released() -> str:
    """The version that runs, of an installed package, a plain checkout or the image alike."""
    return __version__
