"""What is allowed and announced (`security.md` §14), and what is quiet."""

import pytest

from proxy.config.unsafe import Process, unsafe
from tests.support.configuration import settings

QUIET = Process(root=False, descriptors=4096)
BASE = "admin: {token: t}\nsecrets: {t: {env: T}}\n"
SCOPE = "scope: {allow: ['GET /**']}"
ENVIRON = {"T": "long-enough-token"}

LINES = {  # text of the file; the one line that it causes, None: none
    "nothing unsafe": (f"upstreams: {{a: {{url: 'https://a.example', {SCOPE}}}}}", None),
    "a credential over plain http": (
        f"upstreams: {{a: {{url: 'http://a.example', {SCOPE}, auth: {{type: bearer, secret: t}}}}}}",
        "upstreams.a sends a credential over plain http off loopback",
    ),
    "plain http without a credential": (f"upstreams: {{a: {{url: 'http://a.example', {SCOPE}}}}}", None),
    "a credential over plain http on loopback": (
        f"upstreams: {{a: {{url: 'http://127.0.0.1:1', {SCOPE}, auth: {{type: bearer, secret: t}}}}}}",
        None,
    ),
    "a block wider than /8": (
        f"upstreams: {{a: {{url: 'https://a.example', {SCOPE}, egress: {{allow: [8.0.0.0/7]}}}}}}",
        "upstreams.a may connect to 8.0.0.0/7, which is wider than /8",
    ),
    "a block of /8": (
        f"upstreams: {{a: {{url: 'https://a.example', {SCOPE}, egress: {{allow: [10.0.0.0/8]}}}}}}",
        None,
    ),
    "a metadata address": (
        f"upstreams: {{a: {{url: 'https://a.example', {SCOPE}, egress: {{allow: [169.254.169.254/32]}}}}}}",
        "upstreams.a may connect to 169.254.169.254, a cloud's metadata service",
    ),
    "a proxy that everybody may use": (
        "listen: {proxy: '0.0.0.0:8600'}\ncallers: any",
        "listen.proxy is off loopback and callers is any",
    ),
    "an upstream's own listener that everybody may use": (
        f"callers: any\nupstreams: {{a: {{url: 'https://a.example', {SCOPE}, listen: '0.0.0.0:8610'}}}}",
        "upstreams.a.listen is off loopback and callers is any",
    ),
    "a proxy off loopback with callers": ("listen: {proxy: '0.0.0.0:8600'}\ncallers: {tokens: [t]}", None),
    "raw capture in live": (
        f"upstreams: {{a: {{url: 'https://a.example', {SCOPE}, debug: {{raw: true}}}}}}",
        "upstreams.a is live and debug.raw is on",
    ),
    "raw capture of a mock": ("upstreams: {stripe: {integration: stripe, mode: mock, debug: {raw: true}}}", None),
    "a secret in the query": (
        f"upstreams: {{a: {{url: 'https://a.example', {SCOPE}, inject: {{query: {{key: '{{t}}'}}}}}}}}",
        "upstreams.a sends a secret in the query",
    ),
    "no scope in live": ("upstreams: {a: {url: 'https://a.example'}}", "upstreams.a is live and has no scope"),
    "no scope in a mock": ("upstreams: {soap: {integration: soap, mode: mock}}", None),
    "a delivery over plain http": (
        "webhooks: {stripe: {integration: stripe, deliver: {url: 'http://app.example/', mode: sync}}}",
        "webhooks.stripe delivers over plain http off loopback",
    ),
    "a delivery on loopback": (
        "webhooks: {stripe: {integration: stripe, deliver: {url: 'http://localhost:1/', mode: sync}}}",
        None,
    ),
}


@pytest.mark.parametrize(("text", "line"), LINES.values(), ids=LINES)
def test_what_is_unsafe_is_one_line(tmp_path, text, line):
    found = unsafe(settings(tmp_path, BASE + text), {}, QUIET)
    assert found == ([] if line is None else [line])


def test_an_admin_listener_without_a_token_is_announced(tmp_path):
    assert unsafe(settings(tmp_path, ""), {}, QUIET) == ["the admin listener has no admin.token"]


def test_a_short_secret_is_announced_by_name_alone(tmp_path):
    found = settings(tmp_path, BASE, {"T": "short77"}).unsafe
    assert "secret t is under 8 bytes" in found
    assert not any("short77" in line for line in found)
    assert "secret t is under 8 bytes" not in settings(tmp_path, BASE, {"T": "just-8-b"}).unsafe


def test_files_that_others_can_read_or_write_are_announced(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("long-enough-value")
    secret.chmod(0o640)
    text = f"admin: {{token: t}}\nsecrets: {{t: {{file: {secret}}}}}\n"
    found = settings(tmp_path, text)
    assert unsafe(found, {}, QUIET) == ["secret t is in a file that group or others can read"]
    secret.chmod(0o600)
    (tmp_path / "config.yaml").chmod(0o620)
    assert unsafe(found, {}, QUIET) == ["the configuration is a file that group or others can write"]


@pytest.mark.parametrize("mode", ["live", "sandbox"])
def test_faults_are_announced_with_what_they_do(tmp_path, mode):
    keys = "sandbox_url: https://s.example, faults: [{match: 'POST /v1/*', percent: 5%, delay: 2s}]"
    found = settings(tmp_path, f"upstreams: {{a: {{url: https://a.example, mode: {mode}, {keys}}}}}\n").unsafe
    assert "upstreams.a makes faults on purpose: {match: POST /v1/*, percent: 5%, delay: 2s}" in found


PROCESSES = {
    "root": (Process(root=True, descriptors=4096), ["the process runs as root"]),
    "few descriptors": (Process(root=False, descriptors=1023), ["the process may have only 1023 descriptors open"]),
    "just enough descriptors": (Process(root=False, descriptors=1024), []),
}


@pytest.mark.parametrize(("process", "lines"), PROCESSES.values(), ids=PROCESSES)
def test_the_process_itself_is_looked_at(tmp_path, process, lines):
    assert unsafe(settings(tmp_path, BASE, ENVIRON), {}, process) == lines
