"""The defaults of the contract's tables, read from a file that says nothing but what it must."""

import pytest

from proxy.config.schema import Settings
from proxy.rules.faults import FaultSettings
from tests.support.configuration import settings

UPSTREAM = {
    "mode": "live",
    "listen": None,
    "inject.headers": {},
    "inject.query": {},
    "auth": None,
    "scope": None,
    "timeout.connect": 2.0,
    "timeout.first_byte": 30.0,
    "timeout.idle": 30.0,
    "timeout.total": 60.0,
    "retry.attempts": 3,
    "retry.statuses": {408, 425, 429, 500, 502, 503, 504},
    "retry.backoff.base": 0.2,
    "retry.backoff.max": 10.0,
    "retry.max_retry_after": 60.0,
    "retry.idempotency.header": "Idempotency-Key",
    "retry.idempotency.json": None,
    "retry.idempotency.generate": False,
    "retry.budget.ratio": 0.2,
    "retry.budget.min_per_second": 1.0,
    "breaker.failure_threshold": 5,
    "breaker.recovery_timeout": 60.0,
    "breaker.probes": 1,
    "breaker.failure_rate": 0.5,
    "breaker.min_requests": 20,
    "breaker.window": 30.0,
    "breaker.slow_after": None,
    "breaker.slow_rate": 0.8,
    "cooldown.mode": "wait",
    "cooldown.scope": "upstream",
    "cooldown.max_wait": 60.0,
    "cooldown.queue": 100,
    "rate_limit": None,
    "concurrency.max": 100,
    "concurrency.queue": 100,
    "concurrency.max_wait": 1.0,
    "body.max": None,
    "body.replay": 1 << 20,
    "errors.style": "problem",
    "errors.retry_after": True,
    "debug.raw": False,
    "debug.sample": 1.0,
    "debug.when": "all",
    "debug.max_body": 64 << 10,
    "debug.redact": (),
    "tls.ca": None,
    "tls.min_version": "1.2",
    "egress.allow": (),
    "faults": None,
    "fallback": None,
}
RATE_LIMIT = {"rate": 25.0, "burst": 25, "mode": "wait", "max_wait": 5.0}
WEBHOOK = {
    "path": "/w",
    "public_url": None,
    "deliver.timeout": 30.0,
    "deliver.concurrency": 8,
    "answer.status": 200,
    "answer.headers": {},
    "answer.body": "",
    "rate_limit": None,
    "dedupe": "id",
    "max_body": 5 << 20,
    "verify.format": "raw",
    "verify.algorithm": "sha256",
    "verify.encoding": "hex",
    "verify.tolerance": 300.0,
    "verify.body_signed": True,
}
FILE = {
    "version": 1,
    "workers": 1,
    "listen.proxy": "127.0.0.1:8600",
    "listen.webhooks": "127.0.0.1:8601",
    "listen.admin": "127.0.0.1:8602",
    "inbox.url": "sqlite:.outrigger/inbox.db",
    "inbox.max_pending": 100_000,
    "inbox.min_free": 64 << 20,
    "inbox.retention.delivered": 7 * 86400.0,
    "inbox.retention.dead": 30 * 86400.0,
    "state.url": "memory:",
    "debug_log.enabled": False,
    "debug_log.path": ".outrigger/debug.db",
    "debug_log.max_size": 256 << 20,
    "debug_log.max_age": 7 * 86400.0,
    "log.level": "info",
    "log.format": "auto",
    "log.requests": "problems",
    "admin_token": None,
    "callers": None,
    "hosts": (),
    "shutdown_grace": 20.0,
}
TEXT = """
secrets: {s: {env: S}}
upstreams:
  plain: {url: "https://api.example"}
  limited: {url: "https://api.example", rate_limit: {rate: 25/s}}
webhooks:
  w:
    verify: {scheme: hmac, header: X-Sig, signed: "{timestamp}{body}", timestamp: "header:X-Time", secrets: [s]}
    deliver: {url: "http://127.0.0.1:8000/", mode: sync}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings(tmp_path_factory.mktemp("defaults"), TEXT)


def reached(root: object, key: str) -> object:
    for name in key.split("."):
        root = getattr(root, name)
    return root


@pytest.mark.parametrize(("key", "value"), UPSTREAM.items(), ids=UPSTREAM)
def test_an_upstream_that_says_nothing_has_the_contracts_default(found, key, value):
    assert reached(found.upstreams["plain"], key) == value


@pytest.mark.parametrize(("key", "value"), RATE_LIMIT.items(), ids=RATE_LIMIT)
def test_a_rate_limit_needs_its_rate_alone(found, key, value):
    assert reached(found.upstreams["limited"].rate_limit, key) == value


@pytest.mark.parametrize(("key", "value"), WEBHOOK.items(), ids=WEBHOOK)
def test_a_webhook_that_says_nothing_has_the_contracts_default(found, key, value):
    assert reached(found.webhooks["w"], key) == value


@pytest.mark.parametrize(("key", "value"), FILE.items(), ids=FILE)
def test_a_file_that_says_nothing_has_the_contracts_default(found, key, value):
    assert reached(found, key) == value


def test_an_empty_file_is_a_configuration(tmp_path):
    empty = settings(tmp_path, "")
    assert (dict(empty.upstreams), dict(empty.webhooks), dict(empty.secrets)) == ({}, {}, {})


@pytest.mark.parametrize(
    "section", ["upstreams", "webhooks", "secrets", "defaults", "listen", "log", "inbox", "callers"]
)
def test_a_section_whose_lines_are_all_commented_out_counts_as_not_written(tmp_path, section):
    assert settings(tmp_path, f"{section}:\n  # nothing\n").callers is None


@pytest.mark.parametrize("word", ["off", "false", "False"])
def test_a_switch_is_written_off_or_false(tmp_path, word):
    text = f"upstreams: {{a: {{url: 'https://a.example', breaker: {word}, errors: {{retry_after: {word}}}}}}}\n"
    found = settings(tmp_path, text).upstreams["a"]
    assert (found.breaker, found.errors.retry_after) == (None, False)


SPELLINGS = {
    "body: {max: none}": ("body.max", None),
    "body: {max: 2MiB}": ("body.max", 2 << 20),
    "body: {replay: 0}": ("body.replay", 0),
    "retry: {idempotency: {header: none}}": ("retry.idempotency.header", None),
    "retry: {idempotency: {json: /key}}": ("retry.idempotency.header", None),
    "retry: {budget: {ratio: 0.5}}": ("retry.budget.ratio", 0.5),
    "breaker: {slow_after: off}": ("breaker.slow_after", None),
    "breaker: {slow_after: 3s}": ("breaker.slow_after", 3.0),
    "timeout: {idle: 0}": ("timeout.idle", 0.0),
    "timeout: {total: 90}": ("timeout.total", 90.0),
    "rate_limit: none": ("rate_limit", None),
    "rate_limit: {rate: 90/m, mode: reject}": ("rate_limit.rate", 1.5),
    "tls: {min_version: 1.3}": ("tls.min_version", "1.3"),
    'tls: {min_version: "1.3"}': ("tls.min_version", "1.3"),
    "inject: {query: {account: 0123}}": ("inject.query", {"account": "0123"}),
    "errors: {}": ("errors.style", "problem"),
    "faults: none": ("faults", None),
    "faults: off": ("faults", None),
    "faults: []": ("faults", ()),
    "faults: [{match: 'POST /v1/*', percent: 5%, delay: 2s}]": (
        "faults",
        (FaultSettings(match="POST /v1/*", percent=0.05, delay=2.0),),
    ),
    "faults: [{status: 503, headers: {Retry-After: 1}}]": (
        "faults",
        (FaultSettings(status=503, headers={"Retry-After": "1"}),),
    ),
    "fallback: none": ("fallback", None),
    "fallback: {status: 200, body: {items: []}}": ("fallback.body", {"items": []}),
    "fallback: {stale: 5m, when: 5xx}": ("fallback.when", "5xx"),
}


@pytest.mark.parametrize(("words", "expected"), SPELLINGS.items(), ids=SPELLINGS)
def test_a_setting_may_be_written_so(tmp_path, words, expected):
    key, value = expected
    text = f"upstreams:\n  a:\n    url: https://a.example\n    {words}\n"
    assert reached(settings(tmp_path, text).upstreams["a"], key) == value
