"""Answers made here in the shape of each provider, so that its SDK raises what the application already handles."""

import socket
from collections.abc import Iterator
from xml.etree import ElementTree

import httpx
import pytest

from tests.support.program import Program
from tests.support.scripted import ScriptedUpstream, plain
from tests.support.standing import LISTEN

ENVIRON = {
    "STRIPE_SECRET_KEY": "sk_test_" + "0" * 24,
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "made-up-token",
    "SLACK_BOT_TOKEN": "xoxb-made-up",
    "SOAP_USERNAME": "made-up",
    "SOAP_PASSWORD": "made-up-too",
    "ADMIN": "admin-token-of-ours",
}
PRESETS = ("stripe", "twilio", "slack", "soap")
OUT_OF_SCOPE = {  # method, path that each preset's README says is not used
    "stripe": ("GET", "/v1/accounts"),
    "twilio": ("GET", "/2010-04-01/Accounts/AC1/Calls.json"),
    "slack": ("POST", "/admin.users.list"),
    "soap": ("DELETE", "/svc"),
}
STATUS = {
    "out_of_scope": 403,
    "connect_refused": 502,
    "circuit_open": 503,
    "cooldown": 429,
    "rate_limited": 429,
    "secret_unavailable": 503,
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> Iterator[dict[tuple[str, str], httpx.Response]]:
    """The answer of each preset for each code."""
    closed = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    closed.close()
    kinds = {
        "connect_refused": f"url: {url}, retry: {{attempts: 1}}",
        "circuit_open": f"url: {url}, breaker: {{failure_threshold: 1}}, retry: {{attempts: 1}}",
        "rate_limited": f"url: {url}, rate_limit: {{rate: 1/h, burst: 1, mode: reject}}, retry: {{attempts: 1}}",
        "cooldown": "url: BUSY, cooldown: {mode: reject, scope: upstream}, retry: {attempts: 1}",
        "secret_unavailable": f"url: {url}, auth: {{type: bearer, secret: gone}}",
    }
    with ScriptedUpstream(plain(429, b"{}", ("Retry-After", "90"))) as busy:
        lines = [
            f"  {preset}_{kind}: {{integration: {preset}, {keys.replace('BUSY', busy.url)}}}"
            for preset in PRESETS
            for kind, keys in kinds.items()
        ]
        config = tmp_path_factory.mktemp("dialects") / "config.yaml"
        config.write_text(f"{LISTEN}secrets: {{gone: {{env: GONE}}}}\nupstreams:\n" + "\n".join(lines) + "\n")
        program = Program(config, ENVIRON)
        try:
            yield answers(program, list(kinds))
        finally:
            program.stop()


def answers(program: Program, kinds: list[str]) -> dict[tuple[str, str], httpx.Response]:
    found = {}
    with httpx.Client(base_url=program.proxy, headers={"Content-Type": "text/xml"}) as client:
        for preset in PRESETS:
            for kind in kinds:
                for _ in range(2):  # the first one opens, spends or learns
                    found[preset, kind] = client.post(f"/{preset}_{kind}/x", content=b"<x/>")
            method, path = OUT_OF_SCOPE[preset]
            found[preset, "out_of_scope"] = client.request(method, f"/{preset}_connect_refused{path}")
    return found


@pytest.mark.parametrize("code", STATUS)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_answer_says_its_code_beside_the_dialect(said, preset, code):
    answer = said[preset, code]
    assert answer.headers["outrigger-error"] == code
    assert answer.headers["proxy-status"].startswith("outrigger; error=")
    refusal = code != "connect_refused"
    assert answer.headers.get("x-should-retry") == ("false" if refusal else None)
    assert answer.headers.get("stripe-should-retry") == ("false" if refusal else None)
    if code in ("circuit_open", "cooldown", "rate_limited"):
        assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("code", STATUS)
def test_stripe(said, code):
    answer = said["stripe", code]
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (STATUS[code], "api_error", code)
    assert error["message"]


@pytest.mark.parametrize("code", STATUS)
def test_twilio(said, code):
    answer = said["twilio", code]
    limited = code in ("cooldown", "rate_limited")
    assert answer.status_code == answer.json()["status"] == STATUS[code]
    assert answer.json()["code"] == (20429 if limited else 20500)
    assert answer.json()["message"]


@pytest.mark.parametrize("code", STATUS)
def test_slack(said, code):
    answer = said["slack", code]
    words = {"cooldown": "ratelimited", "rate_limited": "ratelimited", "out_of_scope": "not_allowed"}
    assert answer.json() == {"ok": False, "error": words.get(code, "service_unavailable")}
    assert answer.status_code == (429 if code in ("cooldown", "rate_limited") else 200)


@pytest.mark.parametrize("code", STATUS)
def test_soap(said, code):
    answer = said["soap", code]
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/xml; charset=utf-8")
    fault = ElementTree.fromstring(answer.content).find(".//{http://schemas.xmlsoap.org/soap/envelope/}Fault")  # noqa: S314 - our own
    assert fault.findtext("faultcode") == "s:Server"
    assert fault.findtext("detail/code") == code
