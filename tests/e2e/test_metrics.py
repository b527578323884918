"""Metrics of the running program, as Prometheus and its linter see them."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from tests.support.program import Program
from tests.support.scripted import ScriptedUpstream, plain

PATIENCE = 20.0  # seconds until Prometheus must have scraped
# contract §7, name -> labels; the inbox's come with the inbox
WANTED = {
    "requests_total": {"upstream", "method", "status", "outcome"},
    "request_duration_seconds": {"upstream"},
    "attempts_total": {"upstream", "outcome"},
    "attempt_duration_seconds": {"upstream"},
    "retries_total": {"upstream", "reason"},
    "retry_stopped_total": {"upstream", "reason"},
    "retry_wait_seconds_total": {"upstream", "told"},
    "breaker_state": {"upstream", "state"},
    "breaker_transitions_total": {"upstream", "to"},
    "cooldown_until_timestamp_seconds": {"upstream"},
    "in_flight": {"upstream"},
    "queued": {"upstream"},
    "secret_age_seconds": {"secret"},
    "secret_errors_total": {"secret"},
    "retry_wait_unreadable_total": {"upstream"},
    "webhook_events_total": {"webhook", "outcome"},
    "webhook_key_matches_total": {"webhook", "secret"},
    "webhook_deliveries_total": {"webhook", "outcome"},
    "webhook_inbox_events": {"webhook", "state"},
    "webhook_oldest_undelivered_seconds": {"webhook", "state"},
    "config_reloads_total": set(),
    "config_loaded_timestamp_seconds": set(),
    "build_info": {"version", "python"},
}
CONFIG = """\
version: 1
listen: {{proxy: 127.0.0.1:0, webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}}
secrets: {{key: {{env: KEY}}, gone: {{env: GONE}}, token: {{env: TOKEN}}}}
upstreams:
  api:
    url: {api}
    inject: {{headers: {{X-Key: "{{key}}"}}}}
    retry: {{attempts: 2, backoff: {{base: 1ms}}}}
    breaker: {{failure_threshold: 2}}
    cooldown: {{mode: reject}}
  broken: {{url: {api}, inject: {{headers: {{X-Key: "{{gone}}"}}}}}}
webhooks:
  hook:
    verify: {{scheme: token, signature: "header:X-Token", body_signed: false, secrets: [token]}}
    deliver: {{url: {app}, mode: sync}}
"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program that has seen one of everything."""
    answers = [
        plain(200), plain(503, b"", ("Retry-After", "soon")), plain(200),  # fine; repeated, with a wait nobody can read
        plain(429, b"", ("Retry-After", "1")), plain(500), plain(500),  # told to wait; enough to open the breaker
    ]  # fmt: skip
    with ScriptedUpstream(*answers) as api, ScriptedUpstream() as application:
        config = tmp_path_factory.mktemp("metrics") / "config.yaml"
        config.write_text(CONFIG.format(api=api.url, app=application.url))
        program = Program(config, {"KEY": "made-up", "TOKEN": "made-up-token"})
        for _ in range(6):
            httpx.get(f"{program.proxy}/api/x")
        httpx.post(f"{program.proxy}/api/x")
        httpx.get(f"{program.proxy}/broken/x")
        httpx.post(f"{program.webhooks}/hook", headers={"X-Token": "made-up-token"})
        httpx.post(f"{program.webhooks}/hook", headers={"X-Token": "forged"})
        yield program
        program.stop()


def scraped(program: Program, accept: str = "text/plain") -> str:
    return httpx.get(f"{program.admin}/metrics", headers={"Accept": accept}).text


def test_every_metric_of_the_contract_is_there_with_its_labels(busy):
    found: dict[str, set[str]] = {}
    for line in scraped(busy).splitlines():
        sample = re.match(r"outrigger_(\w+?)(?:_bucket|_count|_sum)?(?:\{(.*)\})? \S+$", line)
        if sample:
            labels = set(re.findall(r'(\w+)="', sample[2] or "")) - {"le"}
            found.setdefault(sample[1], set()).update(labels)
    assert {name: found.get(name) for name in WANTED} == WANTED
    assert set(found) - set(WANTED) <= {"config_last_reload_successful"}


def test_a_metric_of_what_has_not_happened_is_announced(busy):
    assert "# TYPE outrigger_debug_dropped_total counter" in scraped(busy)


def test_no_label_holds_a_path_an_id_or_a_secret(busy):
    text = scraped(busy)
    assert "/x" not in text
    assert "made-up" not in text
    assert "127.0.0.1" not in text


def test_what_happened_is_counted_once(busy):
    metrics = busy.metrics()
    assert metrics['outrigger_webhook_events_total{outcome="accepted",webhook="hook"}'] == 1
    assert metrics['outrigger_webhook_events_total{outcome="bad_signature",webhook="hook"}'] == 1
    assert metrics['outrigger_attempts_total{outcome="429",upstream="api"}'] == 1
    assert metrics['outrigger_retry_wait_unreadable_total{upstream="api"}'] == 1
    states = [
        metrics[f'outrigger_breaker_state{{state="{one}",upstream="api"}}'] for one in ("closed", "open", "half_open")
    ]
    assert sum(states) == 1
    calls = sum(value for key, value in metrics.items() if key.startswith("outrigger_requests_total{"))
    assert calls == 8


@pytest.mark.skipif(shutil.which("promtool") is None, reason="NOT CHECKED: promtool is not installed here")
def test_the_linter_of_prometheus_has_nothing_to_say(busy):
    said = subprocess.run(
        ["promtool", "check", "metrics"],  # noqa: S607 - the one that is installed
        input=scraped(busy),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.stdout + said.stderr, said.returncode) == ("", 0)


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="NOT CHECKED: prometheus is not installed here")
def test_prometheus_scrapes_the_running_program(busy, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        "scrape_configs: [{job_name: outrigger, static_configs: [{targets: ['"
        f"{busy.admin.removeprefix('http://')}']}}]}}]\n"
    )
    process = subprocess.Popen(  # noqa: S603 - a program of the system
        [
            str(shutil.which("prometheus")),
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        wanted = 'outrigger_webhook_events_total{outcome="accepted",webhook="hook"}'
        assert value(port, wanted) == "1"
        assert value(port, 'up{job="outrigger"}') == "1"
        assert value(port, 'outrigger_request_duration_seconds_count{upstream="broken"}') == "1"
    finally:
        process.terminate()
        process.wait()


def value(port: int, query: str) -> str:
    """What Prometheus answers, once it has scraped."""
    end = time.monotonic() + PATIENCE
    said = ""
    while time.monotonic() < end:
        try:
            said = httpx.get(f"http://127.0.0.1:{port}/api/v1/query?query={quote(query)}").text
            result = json.loads(said)["data"]["result"]
        except (httpx.TransportError, ValueError, KeyError):
            result = []
        if result:
            return str(result[0]["value"][1])
        time.sleep(0.05)
    raise AssertionError(f"Prometheus never had {query}: {said}")


def test_openmetrics_is_given_to_those_who_ask(busy):
    assert scraped(busy, "application/openmetrics-text; version=1.0.0").endswith("# EOF\n")
    assert "# EOF" not in scraped(busy)
