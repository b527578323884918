"""What happened is what a scrape shows."""

import re
import shutil
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from proxy.edges.metrics import BOUNDS, COUNTERS, GAUGES, METHODS, Gauge, Metrics
from proxy.events import Events, Fanout
from proxy.model import Call

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
STATE = [
    *(Gauge("breaker_state", ("stripe", state), float(state == "open")) for state in ("closed", "open", "half_open")),
    Gauge("cooldown_until_timestamp_seconds", ("stripe",), 1_790_000_000.5),
    Gauge("in_flight", ("stripe",), 3),
    Gauge("queued", ("stripe",), 0),
    Gauge("secret_age_seconds", ("stripe_key",), 12),
    Gauge("config_loaded_timestamp_seconds", (), 1_790_000_000),
    Gauge("build_info", ("0.1.0", "3.11.7"), 1),
]


def call(method: str = "GET", upstream: str = "stripe") -> Call:
    return Call("id", 0.0, method=method, upstream=upstream)


def a_day_of(events: Events) -> None:
    """One of everything that can happen."""
    events.call_started("stripe")
    events.attempt_ended("stripe", "5xx", 0.03)
    events.retried("stripe", "5xx", 1.5, told=True)
    events.retried("stripe", "connect_refused", 0.25, told=False)
    events.attempt_ended("stripe", "ok", 0.3)
    events.call_ended(call(), 200, "ok", 2.5)
    events.call_ended(call("BREW"), 503, "circuit_open", 0.0)
    events.call_ended(call("POST"), 0, "client_gone", 100.0)
    events.retry_stopped("stripe", "budget")
    events.breaker_moved("stripe", "open", by_hand=False)
    events.cooldown_began("stripe", 30.0)
    events.wait_unreadable("stripe", 2)
    events.secret_failed("stripe_key", "missing")
    events.credential_refused("stripe", ["stripe_key", "stripe_user"])
    events.webhook_ended("github", "accepted", "github_secret", "")
    events.webhook_ended("github", "bad_signature", None, "no match")
    events.delivery_ended("github", "delivered")
    events.reloaded(ok=True)
    events.reloaded(ok=False, detail="x")
    events.debug_dropped("stripe")


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Name, then the labels' values by name of label; without the buckets."""
    found = {}
    for family in parse_text(metrics.render("")[1].decode()):
        for one in family.samples:
            if not one.name.endswith("_bucket"):
                found[(one.name.removeprefix("outrigger_"), *(one.labels[name] for name in sorted(one.labels)))] = (
                    one.value
                )
    return found


HAPPENED = {
    ("requests_total", "GET", "ok", "2xx", "stripe"): 1,
    ("requests_total", "OTHER", "circuit_open", "5xx", "stripe"): 1,
    ("requests_total", "POST", "client_gone", "none", "stripe"): 1,
    ("request_duration_seconds_count", "stripe"): 3,
    ("request_duration_seconds_sum", "stripe"): 102.5,
    ("attempts_total", "5xx", "stripe"): 1,
    ("attempts_total", "ok", "stripe"): 1,
    ("attempt_duration_seconds_count", "stripe"): 2,
    ("attempt_duration_seconds_sum", "stripe"): 0.33,
    ("retries_total", "5xx", "stripe"): 1,
    ("retries_total", "connect_refused", "stripe"): 1,
    ("retry_wait_seconds_total", "yes", "stripe"): 1.5,
    ("retry_wait_seconds_total", "no", "stripe"): 0.25,
    ("retry_stopped_total", "budget", "stripe"): 1,
    ("breaker_transitions_total", "open", "stripe"): 1,
    ("retry_wait_unreadable_total", "stripe"): 2,
    ("secret_errors_total", "stripe_key"): 2,
    ("secret_errors_total", "stripe_user"): 1,
    ("webhook_events_total", "accepted", "github"): 1,
    ("webhook_events_total", "bad_signature", "github"): 1,
    ("webhook_key_matches_total", "github_secret", "github"): 1,
    ("webhook_deliveries_total", "delivered", "github"): 1,
    ("config_reloads_total",): 1,
    ("config_last_reload_successful",): 0,
    ("debug_dropped_total", "stripe"): 1,
    ("breaker_state", "open", "stripe"): 1,
    ("breaker_state", "closed", "stripe"): 0,
    ("cooldown_until_timestamp_seconds", "stripe"): 1_790_000_000.5,
    ("in_flight", "stripe"): 3,
    ("queued", "stripe"): 0,
    ("secret_age_seconds", "stripe_key"): 12,
    ("config_loaded_timestamp_seconds",): 1_790_000_000,
    ("build_info", "3.11.7", "0.1.0"): 1,
}


@pytest.fixture(scope="module")
def scraped() -> dict[tuple[str, ...], float]:
    metrics = Metrics(lambda: STATE)
    a_day_of(Fanout([metrics]))
    return samples(metrics)


@pytest.mark.parametrize(
    ("sample", "value"), HAPPENED.items(), ids=lambda one: " ".join(one) if isinstance(one, tuple) else ""
)
def test_scrape_shows(scraped, sample, value):
    assert scraped[sample] == pytest.approx(value)


def test_nothing_that_was_counted_is_missing_from_the_table_above(scraped):
    assert set(scraped) - set(HAPPENED) <= {("breaker_state", "half_open", "stripe")}


def test_a_duration_is_in_every_bucket_that_reaches_it_and_a_bound_belongs_to_its_bucket():
    metrics = Metrics(list)
    for seconds in (0.0, 0.005, 0.0051, 61.0):
        metrics.call_ended(call(), 200, "ok", seconds)
    text = metrics.render("")[1].decode()
    buckets = re.findall(r'request_duration_seconds_bucket\{le="([^"]+)",upstream="stripe"\} (\d+)', text)
    counts = {bound: int(count) for bound, count in buckets}
    assert len(counts) == len(BOUNDS) + 1
    assert (counts["0.005"], counts["0.01"], counts["60.0"], counts["+Inf"]) == (2, 3, 3, 4)


def test_no_method_of_the_application_becomes_a_label_beside_the_nine():
    metrics = Metrics(list)
    for number in range(50):
        metrics.call_ended(call(f"M{number}"), 200, "ok", 0.1)
    for method in METHODS:
        metrics.call_ended(call(method), 200, "ok", 0.1)
    methods = {sample[1] for sample in samples(metrics) if sample[0] == "requests_total"}
    assert methods == {*METHODS, "OTHER"}


def test_openmetrics_is_given_to_who_asks_for_it_and_ends_as_it_must():
    metrics = Metrics(lambda: STATE)
    a_day_of(metrics)
    content_type, text = metrics.render(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")
    names = {family.name for family in parse_openmetrics(text.decode())}
    assert {f"outrigger_{family.name}" for family in COUNTERS} <= names


def test_without_a_wish_the_text_format_is_given():
    content_type, text = Metrics(list).render("text/html, */*;q=0.1")
    assert content_type.startswith("text/plain; version=0.0.4")
    assert b"# EOF" not in text


def test_a_gauge_that_is_in_no_table_is_a_bug():
    with pytest.raises(KeyError):
        Metrics(lambda: [Gauge("mood", (), 1)]).render("")


def test_every_gauge_of_the_table_can_be_shown():
    rows = [Gauge(name, family.labels, 1) for name, family in GAUGES.items() if name != "config_last_reload_successful"]
    names = {sample[0] for sample in samples(Metrics(lambda: rows))}
    assert set(GAUGES) <= names


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: the format is not checked by it"
)
def test_promtool_has_nothing_to_say():
    metrics = Metrics(lambda: STATE)
    a_day_of(metrics)
    checked = subprocess.run(
        ["promtool", "check", "metrics"],  # noqa: S607 - wherever it is installed
        input=metrics.render("")[1],
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
