"""`outrigger doctor`, as a user calls it."""

import json
import time
from email.utils import formatdate

import pytest

from tests.support.command import outrigger
from tests.support.scripted import ScriptedUpstream, plain

LISTEN = "listen: {proxy: 127.0.0.1:0, webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}\n"
VALUES = {"STRIPE_SECRET_KEY": "sk_" + "test_0123456789abcdef"}


def examined(folder, text, **environ):
    """Exit code, and subject -> (what was said, what to fix)."""
    (folder / "config.yaml").write_text(LISTEN + text)
    ended = outrigger(folder, "doctor", "--json", **environ)
    found = {one["subject"]: (one["said"], one["fix"]) for one in json.loads(ended.out)}
    for value in environ.values():
        assert value not in ended.out
    return ended.code, found


def stripe(upstream, more=""):
    return f"upstreams: {{stripe: {{integration: stripe, url: '{upstream.url}'{more}}}}}\n"


@pytest.fixture
def upstream():
    with ScriptedUpstream() as one:
        yield one


def test_all_is_well(tmp_path, upstream):
    upstream.play(plain(200, b"{}", ("Date", formatdate(time.time(), usegmt=True))))
    code, found = examined(tmp_path, stripe(upstream), **VALUES)
    assert (code, {fix for _, fix in found.values()}) == (0, {""})
    assert "takes our credential" in found["upstream stripe"][0]
    [seen] = upstream.requests
    assert (seen.method, seen.target) == ("GET", b"/v1/customers?limit=1")
    assert seen.values(b"authorization") == [b"Bearer " + VALUES["STRIPE_SECRET_KEY"].encode()]


def test_a_credential_that_is_refused_and_a_clock_that_is_wrong(tmp_path, upstream):
    upstream.play(plain(401, b"{}", ("Date", formatdate(time.time() - 3600, usegmt=True))))
    code, found = examined(tmp_path, stripe(upstream), **VALUES)
    assert (code, "check stripe_secret_key" in found["upstream stripe"][1]) == (1, True)
    assert "ahead of what upstream stripe says" in found["clock"][0]
    assert "NTP" in found["clock"][1]


def test_a_secret_that_is_missing_is_named_with_its_variable(tmp_path, upstream):
    code, found = examined(tmp_path, stripe(upstream))
    assert (code, found["secret stripe_secret_key"][1]) == (1, "give variable STRIPE_SECRET_KEY a value")
    assert found["upstream stripe"][0].startswith("secret_unavailable")
    assert upstream.requests == []


def test_a_way_that_is_closed(tmp_path, upstream):
    upstream.close()
    text = f"upstreams: {{a: {{url: '{upstream.url}'}}, b: {{url: 'http://localhost:1'}}}}\n"
    code, found = examined(tmp_path, text)
    assert (code, found["upstream a"][0].partition(":")[0]) == (1, "connect_refused")
    assert "egress.allow" in found["upstream b"][1]


def test_an_upstream_is_not_blamed_for_the_secret_of_another(tmp_path, upstream):
    upstream.close()
    webhook = "webhooks: {stripe: {integration: stripe}}\n"
    _, found = examined(tmp_path, f"upstreams: {{a: {{url: '{upstream.url}'}}}}\n{webhook}")
    assert "stripe_webhook_secret" not in found["upstream a"][0]
    assert found["secret stripe_webhook_secret"][1]


def test_a_port_that_is_taken(tmp_path, upstream):
    (tmp_path / "config.yaml").write_text(
        LISTEN.replace("proxy: 127.0.0.1:0", f"proxy: 127.0.0.1:{upstream.port}")
        + "upstreams: {s: {integration: stripe, mode: mock}}\n"
    )
    ended = outrigger(tmp_path, "doctor")
    assert (ended.code, "1 to fix" in ended.out, "another program has it" in ended.out) == (1, True, True)
    assert "ok   upstream s: mock" in ended.out


def test_a_wrong_configuration_is_said_first(tmp_path):
    (tmp_path / "config.yaml").write_text("upstreams: {a: {integration: strpe}}\n")
    ended = outrigger(tmp_path, "doctor")
    assert (ended.code, "did you mean stripe?" in ended.out) == (2, True)
