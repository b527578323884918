"""A whole configuration on its way from a tree to settings: its sections, and what must hold between them.

The one thing a reader would get wrong: everything is read to the end, so that all that is wrong is said at once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

from proxy.config import capabilities, reach
from proxy.config.complaints import Complaints
from proxy.config.fill import BAD, Field, Filling, Shape, shape
from proxy.config.judgement import Judgement
from proxy.config.manifest import Presets
from proxy.config.preset_secrets import Use, brought, test_names
from proxy.config.schema import SecretSource, Settings
from proxy.config.sources import sources
from proxy.config.tree import Node, deep, entries, nearest, put, text
from proxy.config.upstreams import Upstreams, secret_names
from proxy.config.webhooks import Webhooks

T = TypeVar("T")
_TREE = Field(Node | None, required=False)
_TREES = ("secrets", "defaults", "upstreams", "webhooks", "callers", "secrets_key")
_OWN = (
    "version",
    "workers",
    "listen",
    "hosts",
    "admin",
    "log",
    "debug_log",
    "inbox",
    "state",
    "shutdown",
    "capabilities",
)
FIELDS: Shape = {
    **{name: shape(Settings)[name] for name in _OWN},
    "version": Field(Literal[1], required=False),
    **dict.fromkeys(_TREES, _TREE),
}
_LATER = (  # key, what of it has to wait for a later version, what is taken today
    ("workers", re.compile(r"0*(?:[2-9]|[1-9][0-9]+)"), "1"),
    ("state.url", re.compile(r"rediss?:.*"), "memory:"),
    ("debug_log.seal_to", None, "no seal_to"),  # None: all of it
    ("secrets_key", None, "no secrets_key"),
)
_TODAY = {  # key: what is taken, and how people are told
    "debug_log.path": (re.compile(r"[^\0]+"), "the path of a file"),
    "inbox.url": (re.compile(r"sqlite:.+|postgres(?:ql)?://.+"), "sqlite:PATH or postgresql://…"),
    "state.url": (re.compile("memory:"), "memory:"),
}


class Document:
    """One configuration on its way from a tree to settings."""

    def __init__(self, root: Node, complaints: Complaints, environ: Mapping[str, str]) -> None:
        self._root = _less_later(root, complaints)
        self._complaints = complaints
        self._environ = environ
        self._filling = Filling(complaints)
        self._presets = Presets(complaints)

    def settings(self, path: Path) -> Settings:
        """As good as it gets: what is wrong is complained about, and left out."""
        filling, complaints, root = self._filling, self._complaints, self._root
        found = filling.fields(FIELDS, root, "") or {}
        own = {key: value for key, value in found.items() if key in _OWN and value is not BAD}
        secrets = sources(deep(root, "secrets"), filling)
        names = self._section("secrets").keys()
        webhooks = Webhooks(filling, self._presets, names)
        tested = test_names(self._uses(webhooks), names)
        upstreams = Upstreams(filling, self._presets, deep(root, "defaults"), names, tested)
        settings = Settings(
            path=path,
            upstreams=_there({name: upstreams.read(name, node) for name, node in self._section("upstreams").items()}),
            webhooks=_there({name: webhooks.read(name, node) for name, node in self._section("webhooks").items()}),
            callers=reach.callers(deep(root, "callers"), filling, self._section("upstreams").keys()),
            where=filling.where,
            written=filling.written,
            **own,
        )
        self._check(settings, names)
        settings = capabilities.completed(settings, root, complaints)
        settings = self._with_presets(replace(settings, secrets=secrets), names, tested)
        judgement = Judgement(settings, self._presets, tested, self._environ)
        judgement.complain(root, complaints)
        return settings if complaints else judgement.judged(root)

    def _section(self, name: str) -> Mapping[str, Node]:
        section = deep(self._root, name)
        if section is not None and not section.empty and not isinstance(section.content, dict):
            self._complaints.add(section, "a map")
        return entries(section)

    def _uses(self, webhooks: Webhooks) -> Iterator[Use]:
        usual = text(deep(self._root, "defaults", "mode")) or "live"
        for node in self._section("upstreams").values():
            manifest = self._presets.manifest(text(deep(node, "integration")) or "")
            mode = text(deep(node, "mode")) or usual
            if manifest is not None and mode != "mock":
                yield Use(manifest, mode, [name for name, one in manifest.secrets.items() if one.use == "call"])
        for node in self._section("webhooks").values():
            manifest = self._presets.manifest(text(deep(node, "integration")) or "")
            if manifest is not None:
                yield Use(manifest, "live", webhooks.needed(node))

    def _with_presets(self, settings: Settings, own: Collection[str], tested: Mapping[str, str]) -> Settings:
        """With the sources that presets bring: those that are needed and that the file does not give."""
        found: dict[str, SecretSource] = {}
        where: dict[str, str] = {}
        for upstream in settings.upstreams.values():
            manifest = self._presets.manifest(upstream.integration or "")
            if manifest is not None and upstream.mode != "mock":
                new = brought(manifest, upstream.mode, secret_names(upstream) - set(own), tested)
                found |= new
                where |= {f"secrets.{name}.env": f"preset {upstream.integration}" for name in new}
        for webhook in settings.webhooks.values():
            variables = self._presets.webhook_variables(webhook.integration or "")
            for name in set(webhook.verify.named_secrets) - set(own):
                found[name] = SecretSource(env=variables.get(name) or name.upper())
                where[f"secrets.{name}.env"] = f"preset {webhook.integration}"
        return replace(settings, secrets={**settings.secrets, **found}, where={**settings.where, **where})

    def _check(self, settings: Settings, secrets: Collection[str]) -> None:
        root, complaints = self._root, self._complaints
        reach.addresses(root, complaints)
        reach.hosts(deep(root, "hosts"), complaints)
        token = deep(root, "admin", "token")
        for node in (*([] if token is None else [token]), *reach.secrets_of_callers(deep(root, "callers"))):
            reach.known_secret(node, secrets, complaints)
        own = {name: said for name, node in self._section("upstreams").items() if (said := text(deep(node, "listen")))}
        guards = {"callers": deep(root, "callers"), "admin.token": token}
        guarded = [key for key, node in guards.items() if node is not None and not node.empty]
        reach.check(root, reach.listeners(root, settings.listen, own), guarded, complaints)
        paths: dict[str, str] = {}
        for webhook in settings.webhooks.values():
            if webhook.path in paths:
                given = f"the path of webhooks.{paths[webhook.path]}"
                complaints.add(nearest(root, "webhooks", webhook.name, "path"), "a path of its own", given=given)
            paths.setdefault(webhook.path, webhook.name)


def _there(found: Mapping[str, T | None]) -> dict[str, T]:
    return {name: one for name, one in found.items() if one is not None}


def _less_later(root: Node, complaints: Complaints) -> Node:
    """The tree less what a later version will take, and less addresses that nothing will, complained about."""
    for key, later, today in _LATER:
        path = key.split(".")
        found = deep(root, *path)
        words = text(found) or ""
        if found is None or found.empty or found.broken:
            continue
        if later is None or later.fullmatch(words):
            scheme = f"{words.partition(':')[0]}:…" if key in _TODAY else None  # the rest has a password
            complaints.not_yet(found, today, given=key if later is None else scheme)
            root = put(root, None, *path)
    for key, (address, today) in _TODAY.items():
        found = deep(root, *key.split("."))
        if found is not None and not found.empty and not found.broken and not address.fullmatch(text(found) or ""):
            complaints.add(found, today)
    return root
