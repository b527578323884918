"""Upstreams: the settings of one snapshot, and the state that outlives it.

The one thing a reader would get wrong: `Upstream` is thrown away at every reload, `UpstreamState` is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from proxy.rules.answer import ErrorSettings, NativeSettings
from proxy.rules.breaker import BreakerSettings
from proxy.rules.concurrency import ConcurrencySettings
from proxy.rules.cooldown import CooldownSettings
from proxy.rules.credentials import AuthSettings, InjectSettings, PathParam
from proxy.rules.egress import EgressSettings
from proxy.rules.rate_limit import RateLimitSettings
from proxy.rules.redaction import DebugSettings
from proxy.rules.retry import RetrySettings
from proxy.rules.scope import ScopeSettings
from proxy.units import Bytes, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutSettings:
    connect: Seconds = 2.0  # start of DNS to TLS done
    first_byte: Seconds = 30.0  # request sent to response head; a moving upload moves it
    idle: Seconds = 30.0  # between two pieces of a body; 0: no limit
    total: Seconds = 60.0  # call received to response head sent


@dataclass(frozen=True, slots=True, kw_only=True)
class BodySettings:
    max: Bytes | None = None  # largest request accepted
    replay: Bytes = 1 << 20  # largest kept for a repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    server_name: str | None = None
    min_version: Literal["1.2", "1.3"] = "1.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A further host of the provider."""

    url: str
    inject: bool = True  # False: credentials stay away from it


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """All that the configuration says of one upstream, presets and defaults already merged in.

    `url` is where calls go in this mode (the sandbox's, where that is chosen); "" only in `mode: mock`.
    """

    name: str
    url: str = ""
    integration: str | None = None
    mode: Literal["live", "sandbox", "mock"] = "live"
    listen: str | None = None
    inject: InjectSettings = InjectSettings()
    auth: AuthSettings | None = None
    scope: ScopeSettings | None = None
    timeout: TimeoutSettings = TimeoutSettings()
    retry: RetrySettings = RetrySettings()
    breaker: BreakerSettings | None = BreakerSettings()
    cooldown: CooldownSettings = CooldownSettings()
    rate_limit: RateLimitSettings | None = None
    concurrency: ConcurrencySettings = ConcurrencySettings()
    body: BodySettings = BodySettings()
    errors: ErrorSettings = ErrorSettings()
    debug: DebugSettings = DebugSettings()
    tls: TlsSettings = TlsSettings()
    egress: EgressSettings = EgressSettings()
    # what only presets bring
    origins: Mapping[str, Origin] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # set when the application did not send them
    strip: tuple[str, ...] = ()  # further request headers to take off, and `form:NAME`
    path_params: Mapping[str, PathParam] = field(default_factory=dict)
    request_id: tuple[str, ...] = ()  # response headers that hold the provider's id of a call
    safe: tuple[
        str | Mapping[str, str], ...
    ] = ()  # operations that may be repeated: "METHOD /path" or {method, action}
    used: tuple[str, ...] = ()  # patterns of the preset's scope.used, for cooldown by path
    native: NativeSettings | None = None
    classify: Mapping[str, object] | None = None  # the manifest's rules, as written
