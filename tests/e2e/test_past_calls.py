"""A call that is over, asked about and made again from the command line, through the same configuration file."""

import json
import socket
import time
from urllib.request import Request, urlopen

from tests.support.command import outrigger


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_past_call_is_told_replayed_and_archived(run, provider, tmp_path):
    upstream = provider()
    config = f"""listen: {{proxy: 127.0.0.1:{free_port()}, webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}}
secrets: {{key: {{env: KEY}}}}
debug_log: {{enabled: true, path: {tmp_path}/debug.db}}
upstreams:
  api:
    url: {upstream.url}/base
    inject: {{headers: {{Authorization: "Bearer {{key}}"}}}}
    debug: {{raw: true}}
"""
    program = run(config, KEY="a-secret-that-is-long")
    headers = {"Outrigger-Request-Id": "order-17", "Authorization": "Bearer placeholder", "X-App": "one"}
    with urlopen(Request(f"{program.proxy}/api/v1/x?a=b", b"n=1", headers)) as answer:  # noqa: S310 - ours
        assert answer.status == 200

    ended = outrigger(tmp_path, "explain", "order-17", KEY="x")
    end = time.monotonic() + 10
    while ended.code and time.monotonic() < end:  # the log is written behind the answer
        ended = outrigger(tmp_path, "explain", "order-17", KEY="x")
    assert "POST /v1/x?a=b to api" in ended.out
    assert "It ended with 200" in ended.out

    ended = outrigger(tmp_path, "replay", "order-17", KEY="a-secret-that-is-long")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("HTTP/1.1 200")
    first, again = upstream.requests
    assert (again.method, again.target, again.body) == (first.method, first.target, first.body)
    kept = sorted(field for field in first.headers if field[0] != b"Accept-Encoding")
    assert sorted(again.headers) == kept

    ended = outrigger(tmp_path, "har", KEY="x")
    urls = [entry["request"]["url"] for entry in json.loads(ended.out)["log"]["entries"]]
    assert urls[0] == f"{upstream.url}/base/v1/x?a=b"
