"""What `capabilities:` says, completed and checked: who stands behind each, and through which upstream.

The one thing a reader would get wrong: a provider other than `mock` is reached through an upstream, and its name is
that upstream's integration unless the file says another.
"""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

from proxy import integrations
from proxy.config.complaints import Complaints, near
from proxy.config.schema import Settings
from proxy.config.tree import Node, deep, nearest, text


def completed(settings: Settings, root: Node, complaints: Complaints) -> Settings:
    """The settings with every provider filled in. Complains about providers and upstreams that are not there."""
    found, where = settings.capabilities, dict(settings.where)
    for field in dataclasses.fields(found):
        one = getattr(found, field.name)
        if one is not None:
            provider = _Section(field.name, settings, root, complaints).provider(one)
            found = replace(found, **{field.name: replace(one, provider=provider)})
            where.setdefault(f"capabilities.{field.name}.provider", f"upstream {one.upstream}")
    return replace(settings, capabilities=found, where=where)


class _Section:
    """One capability of the file."""

    def __init__(self, name: str, settings: Settings, root: Node, complaints: Complaints) -> None:
        self._name = name
        self._settings = settings
        self._root = root
        self._complaints = complaints

    def provider(self, one: Any) -> str | None:
        """Who stands behind it; None where that was complained about."""
        if one.upstream is not None and one.upstream not in self._named():
            known = ", ".join(self._named()) or "none is configured"
            self._say("upstream", f"the name of an upstream: {known}", meant=near(one.upstream, self._named()))
            return None
        upstream = self._settings.upstreams.get(one.upstream or "")
        provider: str | None = one.provider or (None if upstream is None else upstream.integration)
        if provider is None:
            if one.upstream is None:
                self._say("provider", "upstream, or provider: mock", given="neither")
            elif upstream is not None:
                self._say("provider", self._known(), given="an upstream without an integration, and no provider")
            return None
        self._check(provider, one)
        return provider

    def _check(self, provider: str, one: Any) -> None:
        if provider == integrations.MOCK:
            return
        upstream = self._settings.upstreams.get(one.upstream or "")
        if integrations.adapter(provider, self._name) is None:
            key = "upstream" if one.provider is None else "provider"
            given = None if one.provider is not None else f"an upstream of {provider}"
            self._say(key, self._known(), given=given, meant=near(provider, integrations.providers(self._name)))
        elif one.upstream is None:
            self._say("provider", f"upstream beside provider: {provider}", given="no upstream")
        elif upstream is not None and upstream.integration not in {None, provider}:
            self._say("upstream", f"an upstream of {provider}", given=f"one of {upstream.integration}")
        path = deep(self._root, "capabilities", self._name, "path")
        if path is not None and not (text(path) or "").startswith("/"):
            self._complaints.add(path, "a path that begins with /")

    def _known(self) -> str:
        return f"a provider of {self._name}: {', '.join(integrations.providers(self._name))}"

    def _named(self) -> list[str]:
        section = deep(self._root, "upstreams")
        return list(section.content) if section is not None and isinstance(section.content, dict) else []

    def _say(self, key: str, allowed: str, *, given: str | None = None, meant: str = "") -> None:
        self._complaints.add(nearest(self._root, "capabilities", self._name, key), allowed, given=given, meant=meant)
