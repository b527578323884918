"""Upstreams: the settings of one snapshot, and the state that outlives it.

The one thing a reader would get wrong: `Upstream` is thrown away at every reload, `UpstreamState` is not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import urlsplit

from proxy.model import Request, Response
from proxy.pipeline import Handler
from proxy.rules.answer import ErrorSettings, NativeSettings
from proxy.rules.auth_settings import AuthSettings
from proxy.rules.breaker import Breaker, BreakerSettings
from proxy.rules.callers import Callers, Hosts
from proxy.rules.concurrency import ConcurrencySettings, Gate
from proxy.rules.cooldown import Cooldown, CooldownSettings
from proxy.rules.credentials import Credential, InjectSettings, PathParam, presented
from proxy.rules.egress import EgressSettings
from proxy.rules.fallback import FallbackSettings
from proxy.rules.faults import FaultSettings
from proxy.rules.headers import Address
from proxy.rules.limits import LimitSettings, Standing
from proxy.rules.outgoing import Place
from proxy.rules.rate_limit import Gcra, RateLimitSettings
from proxy.rules.redaction import DebugSettings
from proxy.rules.retry import Budget, RetrySettings
from proxy.rules.rewriting import RewriteSettings
from proxy.rules.scope import Scope, ScopeSettings, fence, first_match
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
    faults: tuple[FaultSettings, ...] | None = None
    fallback: FallbackSettings | None = None
    # what only presets bring
    origins: Mapping[str, Origin] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # set when the application did not send them
    strip: tuple[str, ...] = ()  # further request headers to take off, and `form:NAME`
    path_params: Mapping[str, PathParam] = field(default_factory=dict)
    limits: tuple[LimitSettings, ...] = ()
    request_id: tuple[str, ...] = ()  # response headers that hold the provider's id of a call
    safe: tuple[
        str | Mapping[str, str], ...
    ] = ()  # operations that may be repeated: "METHOD /path" or {method, action}
    used: tuple[str, ...] = ()  # patterns of the preset's scope.used, for cooldown by path
    native: NativeSettings | None = None
    rewrite: RewriteSettings | None = None  # fields of bodies that hold URLs
    classify: Mapping[str, object] | None = None  # the manifest's rules, as written

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The secrets without which no call can leave; none in `mode: mock`."""
        if self.mode == "mock":
            return ()
        return Credential(self.inject, self.auth, self.path_params).secret_names


class UpstreamState:
    """What is known of an upstream beyond one snapshot: breaker, cooldown, limits and budget."""

    __slots__ = ("breaker", "budget", "cooldown", "gate", "limiter", "standing", "url")

    def __init__(self, settings: UpstreamSettings) -> None:
        self.url = settings.url
        self.breaker = Breaker(settings.breaker or BreakerSettings(), settings.timeout.total)
        self.cooldown = Cooldown(settings.cooldown)
        self.limiter = None if settings.rate_limit is None else Gcra(settings.rate_limit)
        self.gate = Gate(settings.concurrency)
        self.budget = Budget(settings.retry.budget)
        self.standing = Standing()

    def adopt(self, settings: UpstreamSettings) -> None:
        """Goes on under new settings with all counts kept."""
        if settings.breaker is None:  # nobody asks it any more: one that was open must not look open for ever
            self.breaker = Breaker(BreakerSettings(), settings.timeout.total)
        else:
            self.breaker.adopt(settings.breaker, settings.timeout.total)
        self.cooldown.adopt(settings.cooldown)
        if settings.rate_limit is None:
            self.limiter = None
        elif self.limiter is None:
            self.limiter = Gcra(settings.rate_limit)
        else:
            self.limiter.adopt(settings.rate_limit)
        self.gate.adopt(settings.concurrency)
        self.budget.adopt(settings.retry.budget)


class Registry:
    """The states by upstream name. One whose upstream vanished is kept for a while, in case it comes back."""

    def __init__(self) -> None:
        self._states: dict[str, UpstreamState] = {}
        self._gone: dict[str, float] = {}  # name -> monotonic seconds at which it is forgotten

    def adopt(self, name: str, settings: UpstreamSettings) -> UpstreamState:
        """The state of `name` under these settings; a changed `url` starts afresh."""
        self._gone.pop(name, None)
        state = self._states.get(name)
        if state is None or state.url != settings.url:
            state = self._states[name] = UpstreamState(settings)
        else:
            state.adopt(settings)
        return state

    def keep_only(self, names: Iterable[str], now: float, grace: float) -> None:
        """Forgets, `grace` seconds from now, the upstreams that are not among `names`."""
        wanted = set(names)
        for name in self._states.keys() - wanted:
            self._gone.setdefault(name, now + grace)
        for name in [name for name, when in self._gone.items() if when <= now]:
            del self._gone[name], self._states[name]


class Addresses:
    """Where an upstream and its further hosts are. `rooted`: its url has no path, so that a target needs its slash."""

    __slots__ = ("_places", "rooted")

    def __init__(self, settings: UpstreamSettings) -> None:
        self._places = [(b"", _place(settings.url))] if settings.url else []
        self._places += [(b"/~" + name.encode(), _place(origin.url)) for name, origin in settings.origins.items()]
        self.rooted = not self._places or not self._places[0][1][2]

    def __call__(self, base: bytes) -> list[Address]:
        """How the application reaches them through `base`, the upstream itself first."""
        return [Address(*place, base + suffix) for suffix, place in self._places]


class Upstream:
    """One upstream as the gateway sees it, for as long as its snapshot lives."""

    __slots__ = ("addresses", "handle", "name", "rooted", "settings", "state")

    def __init__(self, settings: UpstreamSettings, state: UpstreamState, handle: Handler) -> None:
        self.name = settings.name
        self.settings = settings
        self.state = state
        self.handle = handle
        self.addresses = Addresses(settings)
        self.rooted = self.addresses.rooted


class Front(Protocol):
    """The normalised side: `POST /_/{capability}/{operation}`."""

    async def __call__(self, request: Request, allowed: Collection[str] | None) -> Response:
        """`allowed`: the upstreams that the caller may use, None for all. Raises `ProxyError`."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One configuration, ready to serve. Upstreams by name as bytes, as they stand in a target."""

    upstreams: Mapping[bytes, Upstream]
    hosts: Hosts
    callers: Callers
    front: Front | None = None  # answers what comes below `/_/`


def scope_of(settings: UpstreamSettings) -> Callable[[Request], None] | None:
    """Refuses what is out of scope, and dot segments where the url has a path of its own; None: nothing to refuse."""
    if settings.scope is not None:
        scope = Scope(settings.scope)
        return lambda request: scope.check(request.method, request.place, request.call.notes)
    if urlsplit(settings.url).path.strip("/"):
        return lambda request: fence(request.target)
    return None


def key_of(settings: UpstreamSettings) -> Callable[[Request], bytes]:
    """Which part of the upstream a told wait holds.

    An upstream with a credential has just that one; without, each credential that applications bring is a part.
    """
    scope = settings.cooldown.scope
    if scope == "path":
        find = first_match(settings.used)
        return lambda request: find(request.method, request.place)
    if scope == "credential" and not Credential(settings.inject, settings.auth):
        return lambda request: presented(request.headers)
    return lambda _request: b""


def places_of(settings: UpstreamSettings) -> dict[str | None, Place]:
    """The hosts that may see the credential, None for the upstream itself."""
    urls: dict[str | None, str] = {None: settings.url}
    urls |= {name: origin.url for name, origin in settings.origins.items() if origin.inject}
    places = {}
    for name, url in urls.items():
        parts = urlsplit(url)
        authority = parts.netloc.rpartition("@")[2].encode()
        places[name] = Place(parts.scheme == "https", authority, parts.path.rstrip("/").encode())
    return places


def _place(url: str) -> tuple[bytes, bytes, bytes]:
    parts = urlsplit(url)
    return parts.scheme.lower().encode(), parts.netloc.lower().encode(), parts.path.rstrip("/").encode()
