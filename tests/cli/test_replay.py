"""Which calls of the debug log can be made again, and which are refused."""

import pytest

from proxy.cli.replay import replay
from tests.support.configuration import settings

CONFIG = """
listen: {proxy: 127.0.0.1:0}
secrets: {key: {env: KEY}}
upstreams:
  api: {url: 'https://api.example', inject: {headers: {X-Own: '{key}'}}}
  plain: {url: 'https://plain.example'}
"""


def call(upstream="api", headers=(), exchanges=None, **about):
    request = {"method": "POST", "headers": list(headers), "body": "a=1", "truncated": False, **about}
    made = [{"request": request}] if exchanges is None else exchanges
    return {"upstream": upstream, "target": about.get("target", "/v1"), "exchanges": made}


REFUSED = {  # the call; why
    "no attempt was kept": (call(exchanges=[]), "no attempt of it was kept"),
    "a target with a hole": (call(target="/v1?token=[redacted token]"), "a part of its target was redacted"),
    "a body with a hole": (call(body="cvc=[redacted cvc]"), "a part of its body was redacted"),
    "a body that was cut": (call(truncated=True), "its body was cut: see debug.max_body"),
    "a body that was not kept": (call(body=None, truncated=True), "its body was not kept"),
    "a body that was compressed": (call(headers=[["Content-Encoding", "gzip"]]), "its body was compressed"),
    "a header with a hole": (call(headers=[["Cookie", "[redacted cookie]"]]), "the header Cookie was redacted"),
    "a credential of the application's own": (
        call("plain", [["Authorization", "[redacted authorization]"]]),
        "the header Authorization was redacted",
    ),
    "an upstream that went": (call("gone"), "its upstream is not in the configuration any more"),
    # the last check of all: nothing else stood in the way
    "a credential that the proxy puts in": (
        call(headers=[["authorization", "[redacted authorization]"], ["x_own", "[redacted x-own]"]]),
        "the proxy's port is picked at start",
    ),
}


@pytest.mark.parametrize(("told", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_known_whole_is_not_made_again(tmp_path, capsys, told, why):
    assert replay(settings(tmp_path, CONFIG), told) == 1
    assert capsys.readouterr().err.startswith(f"cannot be made again: {why}")


def test_nobody_at_the_proxys_address_is_said(tmp_path, capsys):
    config = CONFIG.replace("127.0.0.1:0", f"unix:{tmp_path}/none.sock")
    assert replay(settings(tmp_path, config), call()) == 1
    assert "nobody answers at unix:" in capsys.readouterr().err
