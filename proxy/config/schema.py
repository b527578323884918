"""What a configuration says, as frozen dataclasses; what belongs to a rule is defined beside that rule.

The one thing a reader would get wrong: these are the values in force, presets and `defaults` merged in. What the file
looks like, where the two differ, is in `upstreams.py`, `webhooks.py` and `sources.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from proxy.capabilities.chat import ChatSettings
from proxy.capabilities.inventory import InventorySettings
from proxy.capabilities.payments import PaymentSettings
from proxy.capabilities.sms import SmsSettings
from proxy.config.complaints import Complaint
from proxy.rules.delivery import WaitSettings
from proxy.rules.rate_limit import RateLimitSettings
from proxy.rules.signatures import VerifySettings
from proxy.units import Bytes, Seconds
from proxy.upstream import UpstreamSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenSettings:
    """Addresses: `host:port`, `[v6]:port` or `unix:/path`; port 0 picks a free one."""

    proxy: str = "127.0.0.1:8600"
    webhooks: str = "127.0.0.1:8601"
    admin: str = "127.0.0.1:8602"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """Where a secret's value is: exactly one of `env` and `file`."""

    env: str | None = None
    file: str | None = None
    max_stale: Seconds | None = None  # how long the last good value outlives a failing source; None: for good

    def __str__(self) -> str:
        return f"env {self.env}" if self.env is not None else f"file {self.file}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverSettings:
    """Where verified events go."""

    url: str | None = None  # None: they wait in the inbox for `pull`
    mode: Literal["stored", "sync", "sync_then_stored"] = "stored"
    timeout: Seconds = 30.0  # for one delivery
    concurrency: int = 8  # deliveries at once
    retry: WaitSettings = WaitSettings()
    order_by: str | None = None  # a locator: events with the same value go one after the other
    sign: Literal["auto", "original", "outrigger"] = "auto"
    secret: str | None = None  # the name of the one that `sign: outrigger` signs by


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAnswer:
    """What an accepted event is answered, unless the application's answer is."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """All that the configuration says of one webhook, its preset merged in."""

    name: str
    path: str  # exact, raw
    verify: VerifySettings
    integration: str | None = None
    public_url: str | None = None  # the URL that the sender was given
    deliver: DeliverSettings = DeliverSettings()
    answer: WebhookAnswer = WebhookAnswer()
    rate_limit: RateLimitSettings | None = None
    dedupe: Literal["id", "body", "id_and_body", "off"] = "id"
    max_body: Bytes = 5 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerToken:
    secret: str
    upstreams: tuple[str, ...] | None = None  # None: all of them

    def __str__(self) -> str:
        """As a file would write it."""
        few = self.upstreams is not None
        return f"{{secret: {self.secret}, upstreams: [{', '.join(self.upstreams or ())}]}}" if few else self.secret


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSettings:
    """Who may use the proxy listener: who has one of `tokens`, or comes from one of `networks`."""

    tokens: tuple[CallerToken, ...] = ()
    networks: tuple[str, ...] = ()  # CIDR blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"  # auto: text on a terminal, else JSON
    requests: Literal["problems", "all", "none"] = "problems"


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugLogSettings:
    enabled: bool = False
    path: str = ".outrigger/debug.db"
    max_size: Bytes = 256 << 20
    max_age: Seconds = 604800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    delivered: Seconds = 604800.0
    dead: Seconds = 2592000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSettings:
    """Where events are kept; relative paths start at the working directory."""

    url: str = "sqlite:.outrigger/inbox.db"
    max_pending: int = 100_000
    min_free: Bytes = 64 << 20
    retention: RetentionSettings = RetentionSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    url: str = "memory:"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminSettings:
    token: str | None = None  # a secret's name


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilitiesSettings:
    """The normalised side; None: not configured."""

    payments: PaymentSettings | None = None
    sms: SmsSettings | None = None
    chat: ChatSettings | None = None
    inventory: InventorySettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownSettings:
    grace: Seconds = 20.0  # what calls in flight get


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole configuration without an error.

    `unsafe`: what is allowed and should be said aloud at every start, one line each; `notes`: what `check` says beside
    that. `doubts`: secrets that verify nothing; `check` refuses them, a running program answers 503 until they change.
    `where`: dotted key -> `config.yaml:12` or `preset stripe`; a key that is not there has its default. `written`:
    dotted key -> the text of the file, for values that variables went into; whoever shows settings shows this.
    """

    path: Path
    version: int = 1
    workers: int = 1
    listen: ListenSettings = ListenSettings()
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)  # presets' included, those in use
    upstreams: Mapping[str, UpstreamSettings] = field(default_factory=dict)
    webhooks: Mapping[str, WebhookSettings] = field(default_factory=dict)
    capabilities: CapabilitiesSettings = CapabilitiesSettings()
    callers: CallerSettings | None = None  # None: any
    hosts: tuple[str, ...] = ()
    admin: AdminSettings = AdminSettings()
    log: LogSettings = LogSettings()
    debug_log: DebugLogSettings = DebugLogSettings()
    inbox: InboxSettings = InboxSettings()
    state: StateSettings = StateSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    unsafe: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[Complaint, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)

    @property
    def admin_token(self) -> str | None:
        """The name of the secret that the admin listener asks for."""
        return self.admin.token

    @property
    def shutdown_grace(self) -> float:
        """Seconds that calls in flight get when the program is told to stop."""
        return self.shutdown.grace
