"""Wiring: settings -> stages, transports and fakes -> Snapshot. Nothing here decides anything.

The one thing a reader would get wrong: a reload builds a whole new snapshot with these functions; only `UpstreamState`,
transports whose settings did not change, and fakes live on.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy import integrations
from proxy.capabilities.front import Front
from proxy.chain import credential_of, stages_for
from proxy.config.schema import CallerSettings, Settings
from proxy.edges.secret_sources import Secrets
from proxy.parts import Parts, transport
from proxy.pipeline import Handler, onion
from proxy.rules.callers import Callers, Hosts, Token, host_name
from proxy.upstream import Snapshot, Upstream, UpstreamSettings


def snapshot(settings: Settings, parts: Parts) -> Snapshot:
    """The whole configuration, ready to serve."""
    upstreams = {name.encode(): upstream(one, parts) for name, one in settings.upstreams.items()}
    listen = settings.listen
    listened = [listen.proxy, listen.webhooks, listen.admin, *(one.listen or "" for one in settings.upstreams.values())]
    names = [*settings.hosts, *settings.upstreams, *filter(None, map(host_name, listened))]
    return Snapshot(
        upstreams, Hosts(names), callers(settings.callers, parts.secrets), front(settings, upstreams, parts)
    )


def front(settings: Settings, upstreams: Mapping[bytes, Upstream], parts: Parts) -> Front:
    """The normalised side: what stands behind each configured capability."""
    chosen = {name: one for name in integrations.INTERFACES if (one := getattr(settings.capabilities, name))}
    found = {name: parts.mocks.capability(name, one, upstreams, parts.alarms) for name, one in chosen.items()}
    return Front(found, parts.keys, now=parts.clock.now, alarms=parts.alarms, events=parts.events)


def upstream(settings: UpstreamSettings, parts: Parts) -> Upstream:
    """One upstream with its stages closed over."""
    state = parts.registry.adopt(settings.name, settings)
    if parts.store is not None:
        parts.store.adopt(settings.name, settings.debug, tuple(credential_of(settings).field_names))
    handle = onion(stages_for(settings, state, parts), core(settings, parts))
    return Upstream(settings, state, handle)


def core(settings: UpstreamSettings, parts: Parts) -> Handler:
    """The end of the pipeline: the integration's fake, or a transport for each of the provider's hosts."""
    if settings.mode == "mock":
        key = (settings.name, settings.integration or "")
        if key not in parts.fakes:
            parts.fakes[key] = integrations.fake(key[1], wall=parts.clock.wall, tell=parts.teller(key[1]))
        return parts.fakes[key]
    urls = {None: settings.url} | {name: origin.url for name, origin in settings.origins.items()}
    handlers = {
        name: transport(parts, settings.name, url, settings.timeout, settings.tls, settings.egress)
        for name, url in urls.items()
    }
    return handlers[None] if len(handlers) == 1 else lambda request: handlers[request.origin](request)


def callers(settings: CallerSettings | None, secrets: Secrets) -> Callers:
    """Who may use the proxy listener. A token that cannot be read admits nobody."""
    if settings is None:
        return Callers()
    tokens = []
    for token in settings.tokens:
        secret = secrets.get(token.secret)
        if secret is not None:
            tokens.append(Token(secret.reveal(), None if token.upstreams is None else frozenset(token.upstreams)))
    return Callers(tokens, settings.networks, restricted=True)
