"""The programs that are measured: ours and its peers, each doing the same for a call, each in a process of its own.

Retries, a breaker or outlier detection, one injected header and counters are on in all of them; access logs are off.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

CONFIG = """version: 1
listen: {{proxy: 127.0.0.1:{port}, webhooks: 127.0.0.1:0, admin: 127.0.0.1:{admin}}}
secrets: {{bench_key: {{env: BENCH_KEY}}}}
upstreams:
  api:
    url: http://127.0.0.1:{upstream}
    inject: {{headers: {{Authorization: "Bearer {{bench_key}}"}}}}
{more}"""
ENVOY = """static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              request_headers_to_add:
              - header: {{key: Authorization, value: Bearer measured}}
                append_action: OVERWRITE_IF_EXISTS_OR_ADD
              routes:
              - match: {{prefix: /api/}}
                route:
                  cluster: api
                  prefix_rewrite: /
                  timeout: 60s
                  retry_policy: {{retry_on: "5xx,reset,connect-failure", num_retries: 2}}
  clusters:
  - name: api
    connect_timeout: 2s
    outlier_detection: {{consecutive_5xx: 5}}
    circuit_breakers: {{thresholds: [{{max_connections: 100, max_pending_requests: 100}}]}}
    load_assignment:
      cluster_name: api
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream}}}}}}}
"""
HAPROXY = """global
    nbthread 1
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    retries 2
frontend in
    bind 127.0.0.1:{port}
    http-request replace-path /api/(.*) /\\1
    http-request set-header Authorization "Bearer measured"
    default_backend api
backend api
    http-reuse always
    retry-on conn-failure empty-response 503
    server api 127.0.0.1:{upstream} observe layer7 on-error mark-down error-limit 5 check inter 1h
"""


@dataclass
class Process:
    """A program that listens on `port`; `admin` is ours to ask. Pinned to one core where the system can."""

    name: str
    command: list[str]
    port: int
    admin: int = 0
    core: int | None = 1

    def __enter__(self) -> Self:
        pin = ["taskset", "-c", str(self.core)] if self.core is not None and shutil.which("taskset") else []
        began = time.perf_counter()
        self.running = subprocess.Popen(
            pin + self.command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"BENCH_KEY": "measured-by-bench"},
        )
        wait_for(self.port, self.running)
        self.start = time.perf_counter() - began
        return self

    def __exit__(self, *_: object) -> None:
        self.running.terminate()
        try:
            self.running.wait(10)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()

    def cpu(self) -> float:
        """Seconds of CPU that the process has used, all threads, user and system."""
        fields = Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def rss(self) -> float:
        """Resident memory, MiB."""
        status = Path(f"/proc/{self.running.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def wait_for(port: int, running: subprocess.Popen[bytes]) -> None:
    """Returns when somebody listens on `port`. Raises `RuntimeError` if the program ends or 20 s pass first."""
    end = time.monotonic() + 20
    while time.monotonic() < end and running.poll() is None:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    raise RuntimeError(f"nothing listens on port {port}: {running.args}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def provider() -> Process:
    port = free_port()
    return Process("provider", [sys.executable, "-m", "bench.provider", str(port)], port, core=0)


def outrigger(folder: Path, upstream: int, name: str = "outrigger", more: str = "") -> Process:
    """Ours. `more`: further lines of the configuration."""
    port, admin = free_port(), free_port()
    config = folder / f"{name}.yaml"
    config.write_text(CONFIG.format(port=port, admin=admin, upstream=upstream, more=more))
    return Process(name, [sys.executable, "-m", "proxy", "run", "-c", str(config)], port, admin)


def envoy(folder: Path, upstream: int) -> Process | None:
    """Envoy with one worker; None where neither the package nor the program is there."""
    program = Path(sys.executable).parent / "envoy"
    found = str(program) if program.exists() else shutil.which("envoy")
    if found is None:
        return None
    port = free_port()
    config = folder / "envoy.yaml"
    config.write_text(ENVOY.format(port=port, upstream=upstream))
    flags = ["-c", str(config), "--concurrency", "1", "--use-dynamic-base-id", "-l", "off"]
    return Process("envoy", [found, *flags], port)


def haproxy(folder: Path, upstream: int) -> Process | None:
    """HAProxy with one thread; None where it is not installed."""
    found = shutil.which("haproxy")
    if found is None:
        return None
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, upstream=upstream))
    return Process("haproxy", [found, "-f", str(config)], port)
