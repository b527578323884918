"""Presets: an integration's manifest (`integrations.md` §2.1), and rows of webhook providers without a folder.

The one thing a reader would get wrong: what a preset says of upstreams stays a tree here (`upstream`, `auth`, `inject`,
`webhook`), since the file's words have still to be laid over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from proxy import integrations
from proxy.config import yaml12
from proxy.config.complaints import Complaints, near
from proxy.config.fill import BAD, Field, Filling, shape
from proxy.config.tree import Node, Source, deep, entries, laid_over, text, with_entry, without
from proxy.errors import CODES
from proxy.rules.answer import NativeSettings, NativeShape
from proxy.rules.credentials import PathParam
from proxy.rules.limits import LimitSettings
from proxy.rules.rewriting import RewriteSettings
from proxy.upstream import Origin

_PROVIDERS = Path(__file__).parent.parent / "webhooks" / "providers.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetSecret:
    """A secret that a preset brings. `live`, `test`: how such values begin; `looks`: a pattern of all of them."""

    env: str
    use: Literal["call", "webhook"]
    looks: str | None = None
    live: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What `mode: sandbox` changes: the address, the variables of secrets, or both."""

    url: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    name: str
    allow: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUsed:
    name: str
    deny: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeLists:
    used: tuple[Used, ...] = ()
    not_used: tuple[NotUsed, ...] = ()

    @property
    def allow(self) -> tuple[str, ...]:
        return tuple(entry for one in self.used for entry in one.allow)

    @property
    def deny(self) -> tuple[str, ...]:
        return tuple(entry for one in self.not_used for entry in one.deny)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A harmless call that proves the credential."""

    request: str
    ok: tuple[int, ...] = (200,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An integration as data."""

    title: str
    provider: str
    api_version: str
    docs: str | None = None
    url: str | None = None
    sandbox: Sandbox | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    secrets: Mapping[str, PresetSecret] = field(default_factory=dict)
    auth: Node | None = None
    inject: Node | None = None
    strip: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    path_params: Mapping[str, PathParam] = field(default_factory=dict)
    request_id: tuple[str, ...] = ()
    limits: tuple[LimitSettings, ...] = ()
    classify: Mapping[str, object] | None = None
    safe: tuple[str | Mapping[str, str], ...] = ()
    rewrite: RewriteSettings | None = None
    native: NativeSettings | None = None
    upstream: Node | None = None
    scope: ScopeLists = ScopeLists()
    webhook: Node | None = None
    probe: Probe | None = None
    capabilities: Mapping[str, str] = field(default_factory=dict)
    snippets: Mapping[str, str] = field(default_factory=dict)


class Presets:
    """The presets of one configuration, each read when it is first asked for. `names`: those with a folder."""

    def __init__(self, complaints: Complaints) -> None:
        self.names = integrations.names()
        self._complaints = complaints
        self._read: dict[str, Manifest | None] = {}
        self._rows: Mapping[str, Node] | None = None

    def manifest(self, name: str) -> Manifest | None:
        """The integration's manifest; None where there is none, or one that was complained about."""
        if name not in self.names:
            return None
        if name not in self._read:
            data = (integrations.folder(name) / "manifest.yaml").read_bytes()
            tree = yaml12.read(data, source_of(name), self._complaints)
            self._read[name] = parsed(tree, self._complaints)
        return self._read[name]

    def webhook(self, name: str) -> Node | None:
        """The tree `{verify: …, answer: …}` of a provider, its folder's before its row; None where it has none."""
        found = self.manifest(name)
        if found is not None and found.webhook is not None:
            return found.webhook
        row = self._providers().get(name)
        return None if row is None else without(row, "secrets")

    def webhook_variables(self, name: str) -> Mapping[str, str]:
        """The environment variables of the secrets that a provider's webhooks are verified with."""
        found = self.manifest(name)
        if found is not None:
            return {secret: one.env for secret, one in found.secrets.items()}
        rows = entries(deep(self._providers().get(name), "secrets"))
        return {secret: env for secret, one in rows.items() if (env := text(deep(one, "env"))) is not None}

    def webhook_names(self) -> list[str]:
        """Every name that `webhook` may be asked for."""
        folders = (name for name in self.names if self.webhook(name) is not None)
        return sorted({*folders, *self._providers()})

    def _providers(self) -> Mapping[str, Node]:
        if self._rows is None:
            data = _PROVIDERS.read_bytes() if _PROVIDERS.is_file() else b""
            source = Source("proxy/webhooks/providers.yaml", "preset", preset=True)
            rows = entries(yaml12.read(data, source, self._complaints))
            self._rows = {name: _labelled(row, f"preset {name}") for name, row in rows.items()}
        return self._rows


def source_of(name: str) -> Source:
    """How an integration's manifest is called in complaints and origins."""
    return Source(f"proxy/integrations/{name}/manifest.yaml", f"preset {name}", preset=True)


def parsed(tree: Node, complaints: Complaints) -> Manifest | None:
    """A manifest as settings; None where a value of it is wrong. `complaints` says that, and which keys are unknown."""
    filling = Filling(complaints)
    fields = {**shape(Manifest), "native": Field(Node | None, required=False)}
    found = filling.fields(fields, _origins_written_out(tree), "")
    if found is None or any(value is BAD for value in found.values()):
        return None
    native = found.pop("native", None)
    manifest = Manifest(**found, native=_native(native, filling))
    return _with_version(manifest)


def _origins_written_out(tree: Node) -> Node:
    section = entries(tree).get("origins")
    if section is None:
        return tree
    long = {
        name: one if text(one) is None else replace(one, content={"url": one}) for name, one in entries(section).items()
    }
    return with_entry(tree, "origins", replace(section, content=long))


def _native(tree: Node | None, filling: Filling) -> NativeSettings | None:
    """The provider's own error: a shape, and what of it is different for some codes."""
    if tree is None:
        return None
    codes = entries(entries(tree).get("by_code"))
    general = without(tree, "by_code")
    default = filling.settings(NativeShape, general, "native")
    shapes = {}
    for code, node in codes.items():
        same = text(entries(node).get("same"))
        special = node if same is None else codes.get(same)
        if code not in CODES or special is None:
            filling.complaints.add(node, "codes of contract §5", given="an unknown code", meant=near(code, CODES))
        else:
            shapes[code] = filling.settings(NativeShape, laid_over(general, special), f"native.by_code.{code}")
    by_code = {code: one for code, one in shapes.items() if one is not None}
    return None if default is None else NativeSettings(default=default, by_code=by_code)


def _with_version(manifest: Manifest) -> Manifest:
    """`{api_version}` filled in, where it stands in what is sent."""
    version = manifest.api_version
    headers = {name: words.replace("{api_version}", version) for name, words in manifest.headers.items()}
    return replace(manifest, headers=headers, inject=manifest.inject and _versioned(manifest.inject, version))


def _versioned(node: Node, version: str) -> Node:
    if isinstance(node.content, str):
        return replace(node, content=node.content.replace("{api_version}", version))
    return replace(node, content={key: _versioned(one, version) for key, one in entries(node).items()})


def _labelled(node: Node, label: str) -> Node:
    source = node.source._replace(label=label)
    if isinstance(node.content, dict):
        return replace(node, source=source, content={key: _labelled(one, label) for key, one in node.content.items()})
    if isinstance(node.content, list):
        return replace(node, source=source, content=[_labelled(one, label) for one in node.content])
    return replace(node, source=source)
