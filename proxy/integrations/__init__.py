"""Integrations by name: every folder here with a manifest is one, and nothing is registered anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.pipeline import Handler

_HERE = Path(__file__).parent


def names() -> tuple[str, ...]:
    """The presets there are, in alphabetical order."""
    return tuple(sorted(manifest.parent.name for manifest in _HERE.glob("*/manifest.yaml")))


def folder(name: str) -> Path:
    """Where an integration's files are. Raises `LookupError` that lists the integrations there are."""
    if name not in names():
        raise LookupError(f"there is no integration {name!r}; there are {', '.join(names())}")
    return _HERE / name


def has_fake(name: str) -> bool:
    """True if `mode: mock` is possible. Raises `LookupError` for an integration that is not there."""
    return (folder(name) / "fake.py").is_file()


def fake(name: str, *, wall: Callable[[], float]) -> Handler:
    """A new fake of the provider, with a state of its own, to stand in a transport's place.

    `wall`: Unix seconds. Raises `LookupError` where there is no such integration, or it has no fake.
    """
    if not has_fake(name):
        able = ", ".join(other for other in names() if has_fake(other))
        raise LookupError(f"integration {name!r} has no fake for mode: mock; those that have one: {able}")
    made: Handler = import_module(f"{__name__}.{name}.fake").fake(wall=wall)
    return made
