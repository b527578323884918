"""What all upstreams and webhooks share, and what is made of it when one asks: transports, tokens, a fetcher.

The one thing a reader would get wrong: a transport or a source of tokens whose settings did not change is the same
object after a reload; only what is new is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from os import urandom

from proxy.capabilities.idempotency import Keys
from proxy.edges.debug_store import DebugStore
from proxy.edges.fetcher import Fetcher
from proxy.edges.http1.pool import Resolver, Transport
from proxy.edges.oauth2 import Tokens, Tools
from proxy.edges.secret_sources import Secrets
from proxy.events import Events
from proxy.integrations.stand_in import Tell, silent
from proxy.integrations.standing_behind import Mocks
from proxy.pipeline import Handler
from proxy.rules.auth_settings import OAuth2Auth
from proxy.rules.egress import EgressSettings
from proxy.rules.fallback import Answers
from proxy.rules.faults import Faults
from proxy.timing import Alarms, Clock, Dice, Waits
from proxy.upstream import Registry, TimeoutSettings, TlsSettings, UpstreamSettings


@dataclass(slots=True, kw_only=True)
class Parts:
    """What all upstreams and webhooks share, made once when the program starts."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    dice: Dice
    alarms: Alarms
    waits: Waits
    events: Events
    secrets: Secrets
    resolver: Resolver
    store: DebugStore | None = None
    answers: Answers = field(default_factory=Answers)
    faults: dict[str, Faults] = field(default_factory=dict)  # by upstream, asked for while it runs
    tokens: dict[str, Tokens] = field(default_factory=dict)  # by upstream
    registry: Registry = field(default_factory=Registry)
    transports: dict[tuple[object, ...], Transport] = field(default_factory=dict)
    building: dict[tuple[object, ...], Transport] = field(default_factory=dict)  # those of the snapshot being made
    fakes: dict[tuple[str, str], Handler] = field(default_factory=dict)
    teller: Callable[[str], Tell] = lambda _: silent  # by integration: who hears what a fake would send
    mocks: Mocks = field(default_factory=Mocks)
    keys: Keys = field(default_factory=Keys)


def transport(
    parts: Parts, name: str, url: str, timeout: TimeoutSettings, tls: TlsSettings, egress: EgressSettings
) -> Transport:
    """The one that was made with the same settings before, else a new one."""
    key = (name, url, timeout, tls, egress)
    if key not in parts.building:
        parts.building[key] = parts.transports.get(key) or Transport(
            url,
            timeout=timeout,
            tls=tls,
            egress=egress,
            resolver=parts.resolver,
            clock=parts.clock,
            alarms=parts.alarms,
            loop=parts.loop,
        )
    return parts.building[key]


def tokens_of(settings: UpstreamSettings, parts: Parts) -> Tokens | None:
    """The access tokens of an upstream with `oauth2`; those of before, where the settings are the same."""
    auth = settings.auth
    if not isinstance(auth, OAuth2Auth) or settings.mode == "mock":
        return None
    tls = TlsSettings(ca=settings.tls.ca, min_version=settings.tls.min_version)
    url, mark, query = auth.token_url.partition("?")
    post = transport(parts, f"{settings.name} token", url, settings.timeout, tls, settings.egress)
    known = parts.tokens.get(settings.name)
    if known is None or known.settings != auth:
        tools = Tools(
            parts.loop, parts.clock, parts.alarms, parts.events, parts.secrets.learn, lambda: urandom(16).hex()
        )
        known = parts.tokens[settings.name] = Tokens(settings.name, auth, parts.secrets, tools)
    known.endpoint = lambda request: post(request.with_headers(request.headers, (mark + query).encode()))
    return known


def fetcher(parts: Parts) -> Fetcher:
    """Fetches what webhooks need from public addresses."""
    return Fetcher(
        lambda url: Transport(
            url,
            timeout=TimeoutSettings(),
            tls=TlsSettings(),
            egress=EgressSettings(),
            resolver=parts.resolver,
            clock=parts.clock,
            alarms=parts.alarms,
            loop=parts.loop,
        ),
        parts.alarms,
        parts.clock,
    )
