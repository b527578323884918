"""Everything that is wrong is said at once: file, line, key, what was given, what is allowed, what was meant."""

import os

import pytest

from proxy.config.complaints import ConfigurationError
from proxy.config.load import load
from tests.support.configuration import complaints, lines

WRONG = {  # text of the file; line, key, given, a piece of what is allowed, meant
    "an unknown section": ("upstream: {}", (1, "upstream", "an unknown key", "upstreams", "upstreams")),
    "an unknown key of an upstream": (
        "upstreams:\n  a:\n    url: https://a.example\n    timout: 2s",
        (4, "upstreams.a.timout", "an unknown key", "timeout", "timeout"),
    ),
    "an unknown key further in": (
        "upstreams: {a: {url: 'https://a.example', retry: {backoff: {bse: 1s}}}}",
        (1, "upstreams.a.retry.backoff.bse", "an unknown key", "base, max", "base"),
    ),
    "a key that lost its parent": (
        "upstreams: {a: {url: 'https://a.example', failure_threshold: 3}}",
        (1, "upstreams.a.failure_threshold", "an unknown key", "breaker", "breaker.failure_threshold"),
    ),
    "a word for a number": (
        "upstreams: {a: {url: 'https://a.example', retry: {attempts: three}}}",
        (1, "upstreams.a.retry.attempts", "three", "a whole number, from 1 to 100", ""),
    ),
    "a number in quotes": (
        "upstreams: {a: {url: 'https://a.example', retry: {attempts: '3'}}}",
        (1, "upstreams.a.retry.attempts", "'3'", "a whole number", ""),
    ),
    "a secret in no file": ("secrets: {s: {file: ''}}", (1, "secrets.s.file", "nothing", "the path of a file", "")),
    "a debug log in no file": ("debug_log: {path: ''}", (1, "debug_log.path", "''", "the path of a file", "")),
    "callers in a word": ("callers: none", (1, "callers", "text that is not shown", "any, or {tokens:", "")),
    "a fraction of an attempt": (
        "upstreams: {a: {url: 'https://a.example', retry: {attempts: 1.5}}}",
        (1, "upstreams.a.retry.attempts", "1.5", "a whole number", ""),
    ),
    "no attempt at all": (
        "upstreams: {a: {url: 'https://a.example', retry: {attempts: 0}}}",
        (1, "upstreams.a.retry.attempts", "0", "from 1 to 100", ""),
    ),
    "a status that is no failure": (
        "upstreams: {a: {url: 'https://a.example', retry: {statuses: [503, 200]}}}",
        (1, "upstreams.a.retry.statuses[1]", "200", "from 400 to 599", ""),
    ),
    "a duration in words": (
        "upstreams: {a: {url: 'https://a.example', timeout: {total: 5 minutes}}}",
        (1, "upstreams.a.timeout.total", "5 minutes", "250ms, 2s, 1m, 1h", ""),
    ),
    "a negative duration": ("shutdown: {grace: -1}", (1, "shutdown.grace", "-1", "a duration", "")),
    "an endless duration": ("shutdown: {grace: .inf}", (1, "shutdown.grace", ".inf", "a duration", "")),
    "a size with another unit": ("debug_log: {max_size: 5MB}", (1, "debug_log.max_size", "5MB", "64KiB, 1MiB", "")),
    "a share over the whole": (
        "upstreams: {a: {url: 'https://a.example', breaker: {failure_rate: 120%}}}",
        (1, "upstreams.a.breaker.failure_rate", "120%", "0.2 or 20%", ""),
    ),
    "a rate without its unit": (
        "upstreams: {a: {url: 'https://a.example', rate_limit: {rate: 25}}}",
        (1, "upstreams.a.rate_limit.rate", "25", "25/s, 100/m or 1000/h", ""),
    ),
    "a rate limit without its rate": (
        "upstreams: {a: {url: 'https://a.example', rate_limit: {burst: 3}}}",
        (1, "upstreams.a.rate_limit", "no rate", "a map with rate", ""),
    ),
    "a word of YAML 1.1 for a switch": (
        "debug_log: {enabled: yes}",
        (1, "debug_log.enabled", "yes", "true or false", ""),
    ),
    "a switch in quotes": ("debug_log: {enabled: 'on'}", (1, "debug_log.enabled", "'on'", "true or false", "")),
    "a key under a secret's name that may be the secret": (
        "secrets: {a: {hunter2: }}",
        (1, "secrets.a", "an unknown key, which is not shown", "env, file, max_stale", ""),
    ),
    "a key under a secret's name that is nearly right": (
        "secrets: {a: {env: A, maxstale: 1m}}",
        (1, "secrets.a.maxstale", "an unknown key", "env, file, max_stale", "max_stale"),
    ),
    "a word that is nearly right": ("log: {format: jsn}", (1, "log.format", "jsn", "auto, text, json", "json")),
    "a word for a map": (
        "upstreams: {a: {url: 'https://a.example', timeout: 5s}}",
        (1, "upstreams.a.timeout", "5s", "a map of connect, first_byte, idle, total", ""),
    ),
    "a list for a map": ("upstreams: [a, b]", (1, "upstreams", "a list", "a map", "")),
    "a map for a list": ("hosts: {a: b}", (1, "hosts", "a map", "a list", "")),
    "a map for a word": ("log: {level: {a: b}}", (1, "log.level", "a map", "debug, info, warning, error", "")),
    "nothing where a value is due": ("log: {level: }", (1, "log.level", "nothing", "debug, info, warning, error", "")),
    "another version": ("version: 2", (1, "version", "2", "1", "")),
    "a list as the whole file": ("[a, b]", (1, "", "no map", "a map of", "")),
    "an integration that is nearly right": (
        "upstreams: {a: {integration: strpe}}",
        (1, "upstreams.a.integration", "strpe", "slack, soap, stripe, twilio", "stripe"),
    ),
    "defaults with a url": (
        "defaults: {url: 'https://a.example'}",
        (1, "defaults.url", "an unknown key", "timeout", ""),
    ),
    "defaults of a wrong type": (
        "defaults:\n  retry: {attempts: x}\nupstreams:\n  a: {url: 'https://a.example'}\n  b: {url: 'https://b.example'}",
        (2, "defaults.retry.attempts", "x", "a whole number", ""),
    ),
}

LATER = {
    "workers": ("workers: 2", "workers"),
    "encrypted secrets": ("secrets: {a: {encrypted: secrets.enc}}", "secrets.a.encrypted"),
    "secrets of commands": ("secrets: {a: {command: [x], refresh: 10m}}", "secrets.a.command"),
    "the key of encrypted secrets": ("secrets_key: {file: secrets.key}", "secrets_key"),
    "shared state": ("state: {url: 'redis://h'}", "state.url"),
    "sealed debug logs": ("debug_log: {seal_to: abc}", "debug_log.seal_to"),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_once_and_exactly(tmp_path, text, expected):
    found = complaints(tmp_path, text)
    line, key, given, allowed, meant = expected
    assert [(one.file, one.line, one.key, one.given, one.meant) for one in found] == [
        (str(tmp_path / "config.yaml"), line, key, given, meant)
    ]
    assert allowed in found[0].allowed


@pytest.mark.parametrize(("text", "key"), LATER.values(), ids=LATER)
def test_what_comes_later_is_refused_and_not_ignored(tmp_path, text, key):
    [found] = complaints(tmp_path, text)
    assert found.key == key
    assert found.given.endswith("which is not available yet")


def test_a_complaint_reads_as_file_line_key_given_allowed_and_meant(tmp_path):
    assert lines(tmp_path, "version: 1\nlog: {format: jsn}\n") == [
        "config.yaml:2: log.format: given jsn; allowed auto, text, json; did you mean json?"
    ]


def test_all_that_is_wrong_is_said_in_the_order_of_lines(tmp_path):
    text = """log: {level: loud}
upstreams:
  a: {url: "ftp://a.example", retry: {attempts: 0}, mode: dead}
  b: {url: "https://b.example", auth: {type: basic, username: u}, scope: {deny: ["GET"]}}
webhooks:
  w: {verify: {scheme: hmac, signed: "{body}"}, deliver: {url: "http://127.0.0.1:1/", mode: sync}}
hosts: 5
"""
    found = [(one.line, one.key) for one in complaints(tmp_path, text)]
    assert found == [
        (1, "log.level"),
        (3, "upstreams.a.mode"),
        (3, "upstreams.a.retry.attempts"),
        (3, "upstreams.a.url"),
        (4, "upstreams.b.auth"),
        (4, "upstreams.b.scope.deny[0]"),
        (6, "webhooks.w.verify"),
        (7, "hosts"),
    ]


def test_control_characters_of_a_file_do_not_reach_the_terminal(tmp_path):
    found = lines(tmp_path, 'log: {level: "\\e[31mred"}\n"\\e[2J": 1\n')
    assert len(found) == 2
    assert all(line.isprintable() for line in found)


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path / "none.yaml", {})
    assert str(raised.value).startswith(f"{tmp_path}/none.yaml:1: given no such file; allowed a configuration")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_that_another_user_can_change_is_an_error(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("version: 1\n")
    os.chown(path, 65534, 65534)
    path.chmod(0o660)
    with pytest.raises(ConfigurationError, match="a file of another user, which others can write"):
        load(path, {})
    path.chmod(0o644)
    assert load(path, {}).version == 1
