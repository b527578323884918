"""`snippet` and `env`: the lines that point an SDK at the proxy, from the manifests and this configuration.

The one thing a reader would get wrong: an upstream with a listener of its own is reached there, where its paths start
at `/`; only that serves SDKs that take no path in their base URL.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from proxy.config.addresses import address
from proxy.config.complaints import Complaints, ConfigurationError, near
from proxy.config.load import load
from proxy.config.manifest import Manifest, Presets
from proxy.config.schema import Settings
from proxy.upstream import UpstreamSettings

DONE, WRONG = 0, 2  # exit codes
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what to say in its place
_OWN = "127.0.0.1:8610"  # said where an upstream needs a listener of its own and has none
_GENERIC = {"curl": "curl {base}/"}


class Base(NamedTuple):
    """Where an application reaches an upstream. `own`: at a listener of the upstream's own."""

    url: str
    host: str
    port: str
    own: bool

    def fill(self, text: str) -> str:
        """The text of a manifest with the address in place."""
        return text.replace("{base}", self.url).replace("{host}", self.host).replace("{port}", self.port)


def snippet(path: Path, upstream: str, language: str | None, *, json_output: bool = False) -> int:
    """Prints an upstream's lines for one language, or for all. Returns an exit code."""
    try:
        settings = load(path, os.environ)
        one = _upstream(settings, upstream)
        found = _snippets(one)
        base = base_of(settings, one)
    except (ConfigurationError, LookupError, ValueError) as error:
        return _wrong(error)
    if language is not None and _key(language) not in found:
        meant = near(language, found)
        hint = f"; did you mean {meant}?" if meant else ""
        return _wrong(f"{upstream} has no lines for {language}; there are {', '.join(found)}{hint}")
    chosen = found if language is None else {_key(language): found[_key(language)]}
    filled = {name: _filled(base, text) for name, text in chosen.items()}
    if json_output:
        print(json.dumps({"upstream": upstream, "base": base.url, "snippets": filled}, indent=2))
    else:
        print("\n".join(_listed(filled) if language is None else filled.values()))
    return DONE


def env(path: Path, *, json_output: bool = False) -> int:
    """Prints the variables that point SDKs at the proxy without a line of code. Returns an exit code."""
    try:
        settings = load(path, os.environ)
        lines = {one.name: _variables(settings, one) for one in settings.upstreams.values()}
    except (ConfigurationError, ValueError) as error:
        return _wrong(error)
    if json_output:
        print(json.dumps({name: value for found in lines.values() for name, value in found.items()}, indent=2))
        return DONE
    own = sorted(_read_here(settings) & {name for found in lines.values() for name in found})
    if own:
        print(f"# for the application alone: Outrigger itself reads its secrets from {', '.join(own)}")
    for upstream, found in lines.items():
        for name, value in found.items():
            print(f"export {name}={shlex.quote(value)}")
        if not found:
            print(f"# {upstream}: {_shown(settings, settings.upstreams[upstream])}")
    return DONE


def base_of(settings: Settings, upstream: UpstreamSettings) -> Base:
    """The address of an upstream at the proxy. Raises `ValueError` where the configuration does not say it."""
    said = upstream.listen or settings.listen.proxy
    where = address(said)
    if where.path:
        raise ValueError(f"{said} is a Unix socket, which no base URL can name")
    host = _ANYWHERE.get(where.host, where.host)
    shown = f"[{host}]" if ":" in host else host
    port = str(where.port) if where.port else "PORT"  # only the running program knows
    url = f"http://{shown}:{port}"
    return Base(url if upstream.listen else f"{url}/{upstream.name}", shown, port, upstream.listen is not None)


def _shown(settings: Settings, upstream: UpstreamSettings) -> str:
    try:
        return f"{base_of(settings, upstream).url} (no variable does it; see: outrigger snippet {upstream.name})"
    except ValueError as why:
        return str(why)


def _filled(base: Base, text: str) -> str:
    if base.own or "{port}" not in text:
        return base.fill(text)
    host, _, port = _OWN.rpartition(":")
    return text.replace("{base}", base.url).replace("{host}", host).replace("{port}", port)


def _upstream(settings: Settings, name: str) -> UpstreamSettings:
    if name not in settings.upstreams:
        meant = near(name, settings.upstreams)
        hint = f"; did you mean {meant}?" if meant else ""
        raise LookupError(f"no upstream is called {name}; there are {', '.join(settings.upstreams)}{hint}")
    return settings.upstreams[name]


def _manifest(upstream: UpstreamSettings) -> Manifest | None:
    return Presets(Complaints()).manifest(upstream.integration or "")


def _snippets(upstream: UpstreamSettings) -> Mapping[str, str]:
    manifest = _manifest(upstream)
    return manifest.snippets if manifest is not None and manifest.snippets else _GENERIC


def _variables(settings: Settings, upstream: UpstreamSettings) -> dict[str, str]:
    """What the manifest's snippet called `env` says, `NAME=value` a line."""
    lines = _snippets(upstream).get("env", "").splitlines()
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {name: _filled(base_of(settings, upstream), value) for name, _, value in pairs}


def _read_here(settings: Settings) -> set[str]:
    """The variables that this configuration takes secrets from."""
    return {source.env for source in settings.secrets.values() if source.env is not None}


def _key(language: str) -> str:
    """What people call a language -> what manifests do."""
    said = language.lower()
    return {".net": "dotnet", "c#": "dotnet", "javascript": "node", "js": "node", "typescript": "node"}.get(said, said)


def _listed(filled: Mapping[str, str]) -> Iterator[str]:
    for name, text in filled.items():
        yield f"{name}:"
        yield from (f"  {line}" for line in text.splitlines())


def _wrong(why: object) -> int:
    print(why, file=sys.stderr)
    return WRONG
