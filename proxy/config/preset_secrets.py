"""The secrets that presets bring: their variables, their names beside each other, and keys in the wrong mode.

The one thing a reader would get wrong: `mode: sandbox` keeps a secret's name and changes its variable. Only where the
live one is needed too (a webhook is always live) the test one is called `…_sandbox`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from proxy.config.manifest import Manifest, PresetSecret
from proxy.config.schema import SecretSource
from proxy.upstream import UpstreamSettings


class Use(NamedTuple):
    """Somebody who needs secrets of a preset."""

    manifest: Manifest
    mode: str
    secrets: Collection[str]


def test_names(uses: Iterable[Use], own: Collection[str]) -> dict[str, str]:
    """What secrets are called in `mode: sandbox`, those whose live variable is wanted as well. `own`: the file's."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for use in uses:
        for name in use.secrets:
            if name in use.manifest.secrets:
                wanted[name].add(variable(use.manifest, name, use.mode))
    return {name: f"{name}_sandbox" for name, variables in wanted.items() if len(variables) > 1 and name not in own}


def variable(manifest: Manifest, name: str, mode: str) -> str:
    """The environment variable that a preset's secret comes from."""
    test = manifest.sandbox.env if manifest.sandbox is not None and mode == "sandbox" else {}
    return test.get(name) or manifest.secrets[name].env


def brought(manifest: Manifest, mode: str, needed: Iterable[str], tested: Mapping[str, str]) -> dict[str, SecretSource]:
    """The sources that a preset brings for what an upstream needs."""
    return {
        name: SecretSource(env=variable(manifest, origin, mode))
        for name, origin in _preset_names(manifest, needed, tested)
    }


class Findings(NamedTuple):
    """`errors`: secrets with a live key in `mode: sandbox`, and how test keys begin. `warnings`: lines for people."""

    errors: dict[str, str]
    warnings: list[str]


def keys_in_place(
    settings: UpstreamSettings, manifest: Manifest, values: Mapping[str, bytes], tested: Mapping[str, str]
) -> Findings:
    """Whether the keys are those of the mode, as far as the preset knows how they begin."""
    errors: dict[str, str] = {}
    warnings = []
    for name, origin in _preset_names(manifest, values, tested):
        hint = manifest.secrets[origin]
        value = values[name].decode()
        if settings.mode == "sandbox" and value.startswith(hint.live):
            errors[name] = ", ".join(hint.test)
        elif settings.mode == "live" and value.startswith(hint.test):
            warnings.append(f"upstreams.{settings.name} is live and {name} holds a test key")
        elif settings.mode != "mock" and not _looks_right(hint, value):
            warnings.append(f"secret {name} does not look like what {settings.integration} gives out")
    return Findings(errors, warnings)


def _preset_names(manifest: Manifest, needed: Iterable[str], tested: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(name here, name in the preset) of those secrets that the preset knows."""
    origins = {test: name for name, test in tested.items()}
    for name in needed:
        origin = origins.get(name, name)
        if origin in manifest.secrets:
            yield name, origin


def _looks_right(hint: PresetSecret, value: str) -> bool:
    return hint.looks is None or re.search(hint.looks, value) is not None
