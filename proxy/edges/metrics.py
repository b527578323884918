"""Counts what happens, and renders it for Prometheus.

The one thing a reader would get wrong: nothing of the library runs on a request. Counters are our own integers, looked
up once per combination of labels; the library sees them when somebody scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from proxy.events import Events
from proxy.model import Call

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
OTHER = "OTHER"  # any method that is not one of the nine: a label must not be the application's to choose

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric's name without prefix (and `_total`), what it says, and its labels in order."""

    name: str
    help: str
    labels: Labels


REQUESTS = Family("requests", "Calls of the application.", ("upstream", "method", "status", "outcome"))
REQUEST_SECONDS = Family("request_duration_seconds", "From a call's head to the end of its answer.", ("upstream",))
ATTEMPTS = Family("attempts", "Tries of calls.", ("upstream", "outcome"))
ATTEMPT_SECONDS = Family("attempt_duration_seconds", "From an attempt's start to its head or failure.", ("upstream",))
RETRIES = Family("retries", "Attempts that were repeated, by their outcome.", ("upstream", "reason"))
RETRY_STOPPED = Family("retry_stopped", "Failed attempts that were not repeated.", ("upstream", "reason"))
RETRY_WAIT = Family("retry_wait_seconds", "Seconds waited before repeats; told by the provider.", ("upstream", "told"))
TRANSITIONS = Family("breaker_transitions", "Changes of the breaker's state.", ("upstream", "to"))
UNREADABLE = Family("retry_wait_unreadable", "Headers that say how long to wait, and nobody can read.", ("upstream",))
SECRET_ERRORS = Family("secret_errors", "Readings without a usable value, and refusals by the provider.", ("secret",))
DROPPED = Family("debug_dropped", "Calls that the debug log could not keep.", ("upstream",))
WEBHOOK_EVENTS = Family("webhook_events", "Webhook requests.", ("webhook", "outcome"))
KEY_MATCHES = Family(
    "webhook_key_matches", "Verified webhook requests, by the secret that fits.", ("webhook", "secret")
)
DELIVERIES = Family("webhook_deliveries", "Deliveries of events to the application.", ("webhook", "outcome"))
RELOADS = Family("config_reloads", "Configurations taken while running.", ())
COUNTERS = (
    REQUESTS,
    ATTEMPTS,
    RETRIES,
    RETRY_STOPPED,
    RETRY_WAIT,
    TRANSITIONS,
    UNREADABLE,
    SECRET_ERRORS,
    DROPPED,
    WEBHOOK_EVENTS,
    KEY_MATCHES,
    DELIVERIES,
    RELOADS,
)
GAUGES = {
    family.name: family
    for family in (
        Family("breaker_state", "1 for the state that the breaker is in.", ("upstream", "state")),
        Family("cooldown_until_timestamp_seconds", "When the wait that a provider asked for ends.", ("upstream",)),
        Family("in_flight", "Attempts that hold a place.", ("upstream",)),
        Family("queued", "Calls that wait for a cooldown, a rate or a place.", ("upstream",)),
        Family("secret_age_seconds", "Since the last good reading of a secret.", ("secret",)),
        Family("webhook_inbox_events", "Events in the inbox.", ("webhook", "state")),
        Family("webhook_oldest_undelivered_seconds", "Age of the oldest event not delivered.", ("webhook", "state")),
        Family("config_loaded_timestamp_seconds", "When the configuration in force was read.", ()),
        Family("config_last_reload_successful", "0 if the last configuration read was refused.", ()),
        Family("build_info", "1, with the version that runs.", ("version", "python")),
    )
}


@dataclass(frozen=True, slots=True)
class Gauge:
    """One value of a row of `GAUGES`: the metric's name, its labels' values in order, the value."""

    name: str
    labels: Labels
    value: float


class Durations:
    """How often something took how long."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0


class _Series:
    """All that one ending of a call touches."""

    __slots__ = ("count", "durations")

    def __init__(self, durations: Durations) -> None:
        self.count = 0
        self.durations = durations


class Metrics(Events):
    """Hears everything and counts it. `gauges` is asked at each scrape for what is true then."""

    def __init__(self, gauges: Callable[[], Iterable[Gauge]]) -> None:
        self._gauges = gauges
        self._reload_taken = True
        self._calls: dict[tuple[str, str, int, str], _Series] = {}
        self._attempts: dict[tuple[str, str], _Series] = {}
        self._call_durations: dict[str, Durations] = {}
        self._attempt_durations: dict[str, Durations] = {}
        self.waiting: defaultdict[str, int] = defaultdict(int)  # calls by upstream, whatever they wait for
        self._counts: dict[Family, defaultdict[Labels, float]] = {family: defaultdict(float) for family in COUNTERS}
        self._webhook_events = self._counts[WEBHOOK_EVENTS]
        self.key_matches = self._counts[KEY_MATCHES]  # proven webhook requests, by webhook and secret
        self._methods = {method: method for method in METHODS}

    def call_ended(self, call: Call, status: int, outcome: str, seconds: float) -> None:
        key = (call.upstream, self._methods.get(call.method, OTHER), status // 100, outcome)
        try:
            series = self._calls[key]
        except KeyError:
            series = self._calls[key] = _Series(self._call_durations.setdefault(call.upstream, Durations()))
        series.count += 1
        durations = series.durations
        durations.counts[bisect_left(BOUNDS, seconds)] += 1
        durations.seconds += seconds

    def attempt_ended(self, upstream: str, outcome: str, seconds: float) -> None:
        try:
            series = self._attempts[upstream, outcome]
        except KeyError:
            series = _Series(self._attempt_durations.setdefault(upstream, Durations()))
            self._attempts[upstream, outcome] = series
        series.count += 1
        durations = series.durations
        durations.counts[bisect_left(BOUNDS, seconds)] += 1
        durations.seconds += seconds

    def queued(self, upstream: str, change: int) -> None:
        self.waiting[upstream] += change

    def retried(self, upstream: str, reason: str, wait: float, *, told: bool) -> None:
        self._counts[RETRIES][upstream, reason] += 1
        self._counts[RETRY_WAIT][upstream, "yes" if told else "no"] += wait

    def retry_stopped(self, upstream: str, reason: str) -> None:
        self._counts[RETRY_STOPPED][upstream, reason] += 1

    def breaker_moved(self, upstream: str, to: str, *, by_hand: bool) -> None:  # noqa: ARG002 - the log tells who did
        self._counts[TRANSITIONS][upstream, to] += 1

    def wait_unreadable(self, upstream: str, count: int) -> None:
        self._counts[UNREADABLE][(upstream,)] += count

    def secret_failed(self, secret: str, reason: str, source: str = "") -> None:  # noqa: ARG002 - the log tells why
        self._counts[SECRET_ERRORS][(secret,)] += 1

    def credential_refused(self, upstream: str, secrets: Sequence[str]) -> None:  # noqa: ARG002 - the log tells whose
        for secret in secrets:
            self._counts[SECRET_ERRORS][(secret,)] += 1

    def webhook_ended(self, webhook: str, outcome: str, secret: str | None, detail: str) -> None:  # noqa: ARG002 - logged
        self._webhook_events[webhook, outcome] += 1
        if secret is not None:
            self.key_matches[webhook, secret] += 1

    def delivery_ended(self, webhook: str, outcome: str, *, event: str, attempt: int, detail: str) -> None:  # noqa: ARG002 - logged
        self._counts[DELIVERIES][webhook, outcome] += 1

    def reloaded(self, *, ok: bool, detail: str = "") -> None:  # noqa: ARG002 - the log tells what was wrong
        self._reload_taken = ok
        self._counts[RELOADS][()] += ok

    def debug_dropped(self, upstream: str) -> None:
        self._counts[DROPPED][(upstream,)] += 1

    def counters(self) -> Iterable[tuple[Family, dict[Labels, float]]]:
        """Every counter with its values by labels."""
        for family, values in self._counts.items():
            if family is REQUESTS:
                yield family, {_call_labels(*key): float(series.count) for key, series in self._calls.items()}
            elif family is ATTEMPTS:
                yield family, {key: float(series.count) for key, series in self._attempts.items()}
            else:
                yield family, values or ({} if family.labels else {(): 0.0})

    def histograms(self) -> Iterable[tuple[Family, dict[str, Durations]]]:
        """Both histograms with their values by upstream."""
        yield REQUEST_SECONDS, self._call_durations
        yield ATTEMPT_SECONDS, self._attempt_durations

    def gauges(self) -> Iterable[tuple[Family, list[Gauge]]]:
        """Every gauge that has a value now."""
        found: dict[str, list[Gauge]] = {name: [] for name in GAUGES}
        for gauge in (*self._gauges(), Gauge("config_last_reload_successful", (), float(self._reload_taken))):
            found[gauge.name].append(gauge)
        return ((GAUGES[name], gauges) for name, gauges in found.items() if gauges)

    def render(self, accept: str) -> tuple[str, bytes]:
        """Content type and text of a scrape: OpenMetrics if `accept`, the request's header, asks for it."""
        from proxy.edges.exposition import render  # noqa: PLC0415 - the library takes as long to load as our own start

        return render(self, accept)


def _call_labels(upstream: str, method: str, hundred: int, outcome: str) -> Labels:
    return upstream, method, f"{hundred}xx" if hundred else "none", outcome
