"""Finds and reads a configuration: file -> tree -> settings, or everything that is wrong with it.

The one thing a reader would get wrong: an error anywhere means no settings at all, however much could be read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from proxy.config import yaml12
from proxy.config.complaints import Complaints, ConfigurationError
from proxy.config.document import FIELDS, Document
from proxy.config.schema import Settings
from proxy.config.tree import Node, Source
from proxy.config.variables import filled

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def find(given: str | None, environ: Mapping[str, str]) -> Path:
    """Which file: `-c FILE`, else `$OUTRIGGER_CONFIG`, else `./config.yaml`."""
    return Path(given or environ.get("OUTRIGGER_CONFIG") or "config.yaml")


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings that the file says. Raises `ConfigurationError` with everything that is wrong."""
    complaints = Complaints()
    root = _read(path, environ, complaints)
    settings = None if root is None else Document(root, complaints, environ).settings(path)
    if settings is None or complaints:
        raise ConfigurationError(complaints.listed())
    return settings


def _read(path: Path, environ: Mapping[str, str], complaints: Complaints) -> Node | None:
    source = Source(str(path), path.name)
    try:
        with path.open("rb") as file:
            data = file.read(yaml12.MAX_FILE + 1)
            status = os.fstat(file.fileno())
    except OSError as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else "a file that cannot be read"
        complaints.add(
            Node({}, "", source, 1), "a configuration (-c FILE, $OUTRIGGER_CONFIG, ./config.yaml)", given=why
        )
        return None
    if status.st_uid not in (0, os.geteuid()) and status.st_mode & _OTHERS_WRITE:
        owner = "a file of another user, which others can write"
        complaints.add(Node({}, "", source, 1), "a file that only root or this user can change", given=owner)
    root = yaml12.read(data, source, complaints)
    if not isinstance(root.content, dict) and not root.empty:
        complaints.add(root, f"a map of {', '.join(sorted(FIELDS))}", given="no map")
        return None
    return filled(root, environ, complaints)
