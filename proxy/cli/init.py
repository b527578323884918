"""`init`: a commented `config.yaml` for chosen integrations, which starts as it is.

The one thing a reader would get wrong: nothing is asked where nobody sits; without a terminal the options decide, and
an existing file is never overwritten without `--force`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy import integrations
from proxy.cli.terminal import DONE, FAILED, WRONG
from proxy.config.complaints import Complaints, near
from proxy.config.manifest import Manifest, Presets
from proxy.config.tree import deep, text

MODES = ("mock", "sandbox", "live")
_LEFT_OPEN = {  # auth.type -> what a preset may not know
    "aws_sigv4": {"region": "us-east-1"},
    "oauth2": {"token_url": "https://login.example/oauth2/token"},
}
_HEAD = """\
# Outrigger's configuration. `outrigger check` says what is wrong with it, `outrigger explain KEY` where a value comes
# from. ${VAR:-default} is filled in from the environment; secrets never stand in this file.
version: 1

listen:
  proxy: 127.0.0.1:8600 # the application
  webhooks: 127.0.0.1:8601 # the providers, through an ingress
  admin: 127.0.0.1:8602 # /metrics, /healthz, /readyz, /api

upstreams:
"""
_FOOT = """
# Any of these for all upstreams; what an upstream, or its preset, says itself wins.
# defaults:
#   timeout: {connect: 2s, first_byte: 30s, idle: 30s, total: 60s}
#   retry: {attempts: 3}

# Where other secrets are.
# secrets:
#   admin_token: {file: /run/secrets/outrigger_admin}
# admin: {token: admin_token}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the file is for. `names`: integrations, none: to be asked, or all that can be mocked."""

    names: Sequence[str] = ()
    mode: str = "mock"
    webhooks: bool = False
    force: bool = False


def init(path: Path, wishes: Wishes) -> int:
    """Writes the file and says what comes next. Returns an exit code."""
    if path.exists() and not wishes.force:
        print(f"{path} is there already; --force overwrites it", file=sys.stderr)
        return FAILED
    known = integrations.names()
    names = list(wishes.names) or (_asked(known) if sys.stdin.isatty() else _mockable(known))
    strange = [name for name in names if name not in known]
    if strange:
        meant = near(strange[0], known)
        hint = f"; did you mean {meant}?" if meant else ""
        print(f"there is no integration {strange[0]}; there are {', '.join(known)}{hint}", file=sys.stderr)
        return WRONG
    try:
        path.write_text(configuration(dict.fromkeys(names), wishes), encoding="utf-8")
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror}", file=sys.stderr)
        return FAILED
    print(f"wrote {path}: {', '.join(dict.fromkeys(names))}")
    print("next: outrigger check; outrigger run; outrigger snippet " + names[0])
    return DONE


def configuration(names: Sequence[str] | dict[str, None], wishes: Wishes) -> str:
    """The text of the file."""
    presets = Presets(Complaints())
    found = {name: manifest for name in names if (manifest := presets.manifest(name)) is not None}
    upstreams = "\n".join(line for name, one in found.items() for line in _upstream(name, one, wishes.mode))
    hooked = {name: one for name, one in found.items() if one.webhook is not None}
    webhooks = "\n".join(_webhooks(hooked, commented=not wishes.webhooks)) if hooked else ""
    return _HEAD + upstreams + "\n" + (f"\n{webhooks}\n" if webhooks else "") + _FOOT


def _upstream(name: str, manifest: Manifest, mode: str) -> Iterator[str]:
    variable = name.upper()
    yield f"  {name}: # {manifest.title}" + (f", {manifest.docs}" if manifest.docs else "")
    yield f"    integration: {name}"
    yield f'    mode: "${{{variable}_MODE:-{_possible(name, manifest, mode)}}}"{_needs(manifest)}'
    if manifest.url is None:
        yield f'    url: "${{{variable}_URL:-https://{name.replace("_", "-")}.example}}" # where your own service is'
    missing = [f'{key}: "${{{variable}_{key.upper()}:-{value}}}"' for key, value in _missing(manifest)]
    if missing:
        yield f"    auth: {{{', '.join(missing)}}}"


def _missing(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """What the preset's credential leaves to the file, and a value to begin with."""
    for key, value in _LEFT_OPEN.get(text(deep(manifest.auth, "type")) or "", {}).items():
        if deep(manifest.auth, key) is None:
            yield key, value


def _possible(name: str, manifest: Manifest, mode: str) -> str:
    """The mode that was wished, or the nearest one that the integration has."""
    if mode == "mock" and not integrations.has_fake(name):
        mode = "sandbox"
    able = manifest.sandbox is not None and bool(manifest.sandbox.url or manifest.sandbox.env)
    return "live" if mode == "sandbox" and not able else mode


def _needs(manifest: Manifest) -> str:
    needed = [one.env for one in manifest.secrets.values() if one.use == "call"]
    tests = list(manifest.sandbox.env.values()) if manifest.sandbox is not None else []
    words = [f"live needs {', '.join(needed)}"] if needed else []
    words += [f"sandbox {', '.join(tests)}"] if tests else []
    return f" # {'; '.join(words)}" if words else ""


def _webhooks(hooked: dict[str, Manifest], *, commented: bool) -> Iterator[str]:
    mark = "# " if commented else ""
    yield "# Verified events, safe on disk before their sender hears 2xx, then delivered to the application."
    yield f"{mark}webhooks:"
    for name, manifest in hooked.items():
        where = f"{name.upper()}_WEBHOOK"
        secrets = [one.env for one in manifest.secrets.values() if one.use == "webhook"]
        yield f"{mark}  {name}:" + (f" # needs {', '.join(secrets)}" if secrets else "")
        yield f"{mark}    integration: {name}"
        if _signs_its_address(manifest):
            yield f'{mark}    public_url: "${{{where}_URL:-https://hooks.example/{name}}}" # as the provider knows it'
        sync = ", mode: sync" if _reads_the_answer(manifest) else ""
        yield f'{mark}    deliver: {{url: "${{{where}_TARGET:-http://127.0.0.1:8000/hooks/{name}}}"{sync}}}'


def _signs_its_address(manifest: Manifest) -> bool:
    verify = deep(manifest.webhook, "verify")
    return text(deep(verify, "scheme")) == "twilio" or "{url}" in (text(deep(verify, "signed")) or "")


def _reads_the_answer(manifest: Manifest) -> bool:
    """The provider acts on what the application says, so an event cannot be stored and handed on later."""
    return text(deep(deep(manifest.webhook, "verify"), "handshake")) == "discord"


def _mockable(known: Sequence[str]) -> list[str]:
    return [name for name in known if integrations.has_fake(name)]


def _asked(known: Sequence[str]) -> list[str]:
    print(f"integrations: {', '.join(known)}")
    said = input("which ones, with blanks between (all that can be mocked): ")
    return said.replace(",", " ").split() or _mockable(known)
