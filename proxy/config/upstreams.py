"""One upstream: `defaults`, its preset and its own words laid over each other and filled into `UpstreamSettings`.

The one thing a reader would get wrong: `url` of the settings is where calls go in the chosen mode, so that
`sandbox_url` is a key of the file and no field.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from proxy.config.complaints import near
from proxy.config.fill import BAD, Field, Filling, Shape, shape
from proxy.config.layers import preset_layer, renamed, stacked, with_named_headers, with_names
from proxy.config.manifest import Manifest, Presets
from proxy.config.tree import Node, deep, entries, laid_over, text, with_entry, without
from proxy.config.upstream_checks import Checks
from proxy.rules.auth_settings import ApiKeyAuth, secrets_of
from proxy.rules.credentials import Template
from proxy.upstream import UpstreamSettings

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_BROUGHT = (
    "origins",
    "headers",
    "strip",
    "path_params",
    "request_id",
    "limits",
    "safe",
    "native",
    "classify",
    "rewrite",
)
_NO_KEYS = frozenset({"name", "used", *_BROUGHT})
FIELDS: Shape = {
    **{name: field for name, field in shape(UpstreamSettings).items() if name not in _NO_KEYS},
    "sandbox_url": Field(str | None, required=False),
}
DEFAULTS: Shape = {name: field for name, field in FIELDS.items() if name not in {"url", "integration", "listen"}}


class Upstreams:
    """Reads upstreams one by one; what they have in common is given once.

    `secrets`: the names under `secrets:`. `test_names`: what presets' secrets are called in `mode: sandbox`, where
    something else here needs the live ones.
    """

    def __init__(
        self,
        filling: Filling,
        presets: Presets,
        defaults: Node | None,
        secrets: Collection[str],
        test_names: Mapping[str, str],
    ) -> None:
        self._filling = filling
        self._presets = presets
        self._secrets = secrets
        self._test_names = test_names
        self._defaults = None
        if defaults is not None and filling.fields(DEFAULTS, defaults, "defaults") is not None:
            self._defaults = stacked(None, without(defaults, *(entries(defaults).keys() - DEFAULTS.keys())))

    def read(self, name: str, node: Node) -> UpstreamSettings | None:
        """The upstream's settings; None when something was wrong with them, which was then complained about."""
        complaints = self._filling.complaints
        if not NAME.fullmatch(name):
            complaints.add(node, "a name of a-z, 0-9, _ and -, a letter or digit first", given=repr(name))
        manifest = self._manifest(node)
        tree = self._tree(node, manifest)
        found = self._filling.fields(FIELDS, tree, f"upstreams.{name}")
        if found is None:
            return None
        good = {key: value for key, value in found.items() if value is not BAD and key in UpstreamSettings.__slots__}
        settings = UpstreamSettings(name=name, **good)
        if manifest is not None:
            settings = self._with_preset(settings, manifest)
        wrong = {key for key, value in found.items() if value is BAD}
        known = {*self._secrets, *(manifest.secrets if manifest else ()), *self._test_names.values()}
        settings = _in_mode(settings, manifest, found.get("sandbox_url"))
        Checks(complaints, tree, manifest, known).all(settings, wrong)
        return None if wrong else settings

    def _manifest(self, node: Node) -> Manifest | None:
        named = entries(node).get("integration")
        name = text(named)
        if named is None or name is None:
            return None
        if name not in self._presets.names:
            known = self._presets.names
            self._filling.complaints.add(named, ", ".join(known), meant=near(name, known))
        return self._presets.manifest(name)

    def _tree(self, node: Node, manifest: Manifest | None) -> Node:
        name = text(deep(node, "integration"))
        preset = None if manifest is None or name is None else preset_layer(name, manifest)
        layers = self._defaults if preset is None else stacked(self._defaults, preset)
        tree = _owned(with_named_headers(stacked(layers, node)), node)
        return with_names(tree, self._test_names) if text(deep(tree, "mode")) == "sandbox" else tree

    def _with_preset(self, settings: UpstreamSettings, manifest: Manifest) -> UpstreamSettings:
        """With what only presets bring, and the entry `preset` of `scope.allow` written out."""
        brought: dict[str, Any] = {key: getattr(manifest, key) for key in _BROUGHT}
        for key, value in brought.items():
            if value:
                self._filling.where[f"upstreams.{settings.name}.{key}"] = f"preset {settings.integration}"
        scope = settings.scope
        if scope is not None and scope.allow is not None:
            listed = [manifest.scope.allow if entry == "preset" else (entry,) for entry in scope.allow]
            scope = replace(scope, allow=tuple(entry for several in listed for entry in several))
        if settings.mode == "sandbox":
            brought["path_params"] = {
                key: replace(param, value=renamed(param.value, self._test_names))
                for key, param in manifest.path_params.items()
            }
        return replace(settings, scope=scope, used=manifest.scope.allow, **brought)


def _owned(tree: Node, node: Node) -> Node:
    """The tree with the preset's `auth` standing at the file's upstream: what it lacks has to be written there."""
    auth = entries(tree).get("auth")
    if auth is None or not auth.source.preset:
        return tree
    place = Node({}, f"{node.key}.auth", node.source, node.line)
    return with_entry(tree, "auth", laid_over(auth, place))


def secret_names(settings: UpstreamSettings) -> set[str]:
    """The secrets that calls to this upstream need."""
    auth = settings.auth
    templates = [*settings.inject.headers.values(), *settings.inject.query.values()]
    templates += [param.value for param in settings.path_params.values()]
    templates += auth.headers.values() if isinstance(auth, ApiKeyAuth) else ()
    named = set(secrets_of(auth).values())
    return named | {name for template in templates for name in Template(template).names}


def _in_mode(settings: UpstreamSettings, manifest: Manifest | None, sandbox_url: object) -> UpstreamSettings:
    if settings.mode != "sandbox":
        return settings
    url = sandbox_url if isinstance(sandbox_url, str) else None
    if url is None and manifest is not None and manifest.sandbox is not None:
        url = manifest.sandbox.url
    return settings if url is None else replace(settings, url=url)
