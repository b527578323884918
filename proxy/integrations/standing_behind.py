"""Who stands behind a configured capability: an adapter for each call, or a mock that lives as long as the program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy import integrations
from proxy.capabilities.calling import UpstreamCall
from proxy.capabilities.front import Capability
from proxy.timing import Alarms
from proxy.upstream import Upstream


class Mocks:
    """The mocks by capability, each made when it is first wanted."""

    def __init__(self) -> None:
        self._made: dict[str, object] = {}

    def capability(self, name: str, settings: Any, upstreams: Mapping[bytes, Upstream], alarms: Alarms) -> Capability:
        """What the normalised side needs to know of one capability. `settings`: complete, its provider filled in."""
        if settings.provider == integrations.MOCK:
            mock = self._made.setdefault(name, integrations.FACTORIES[name](settings))
            return Capability(upstream=settings.upstream, provider=lambda _: mock, keyed=True, mock=True)
        upstream = upstreams[settings.upstream.encode()]
        adapter = integrations.adapter_for(settings.provider, name)  # once: it looks through folders
        keys = upstream.settings.retry.idempotency.header
        return Capability(
            upstream=upstream.name,
            provider=lambda call: adapter(UpstreamCall(upstream, name, call, alarms), settings),
            keyed=adapter.keyed and keys is not None,
            mock=upstream.settings.mode == "mock",
        )
