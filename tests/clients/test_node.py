"""The Node libraries of Stripe, Slack, GitHub and OpenAI: on fakes, on a scripted provider, and with them down."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import DEAD, LISTEN
from tests.clients.standing_in import QUICK, SECRETS, events, paged, said, streamed
from tests.support.ports import free_port
from tests.support.program import Program
from tests.support.scripted import ScriptedUpstream

NODE = Path(__file__).parent / "node"
UPLOADS = "{match: 'POST /~uploads/repos/*/*/releases/*/assets', status: 418}"  # nothing leaves for the real host
DOWN = "breaker: {failure_threshold: 1, recovery_timeout: 10m}"
MISSING = (
    shutil.which("node") is None and "CI" not in os.environ
)  # where a machine tests, a test that is skipped is a lie
pytestmark = pytest.mark.skipif(MISSING, reason="NOT TESTED: the Node libraries, for there is no node")


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as one:
        yield one


@pytest.fixture(scope="module")
def program(provider: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    stripe, stripe_down = free_port(), free_port()
    lines = [
        "version: 1",
        LISTEN,
        "upstreams:",
        f"  stripe: {{integration: stripe, mode: mock, listen: '127.0.0.1:{stripe}'}}",
        "  slack: {integration: slack, mode: mock}",
        f"  octokit: {{integration: github, url: '{provider.url}', faults: [{UPLOADS}]}}",
        f"  openai: {{integration: openai, url: '{provider.url}/v1'}}",
        f"  stripe-down: {{integration: stripe, url: '{DEAD}', {DOWN}, listen: '127.0.0.1:{stripe_down}'}}",
        f"  slack-down: {{integration: slack, url: '{DEAD}/api', {DOWN}}}",
        f"  octokit-down: {{integration: github, url: '{DEAD}', {DOWN}}}",
        f"  openai-down: {{integration: openai, url: '{DEAD}/v1', {DOWN}}}",
    ]
    config: Path = tmp_path_factory.mktemp("node") / "config.yaml"
    config.write_text("\n".join(lines))
    started = Program(config, SECRETS)
    started.ports = {"stripe": stripe, "stripe-down": stripe_down}
    yield started
    started.stop()


@pytest.fixture
def node(program: Program) -> Callable[[str, str], dict[str, object]]:
    """`node("stripe", "call")`: what the library made of one call; `"stripe-down"`: at a provider that is down."""

    def run(upstream: str, what: str) -> dict[str, object]:
        port = program.ports.get(upstream)
        base = f"{program.proxy}/{upstream}" if port is None else f"http://127.0.0.1:{port}"
        command = [shutil.which("node") or "node", "call.mjs", upstream.removesuffix("-down"), what, base]
        ran = subprocess.run(  # noqa: S603 - our own script
            command, cwd=NODE, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr
        found: dict[str, object] = json.loads(ran.stdout.splitlines()[-1])
        return found

    return run


def test_stripe_makes_a_customer_and_pages_through_all(node):
    assert [node("stripe", "call")["value"] for _ in range(3)] == ["ada@example.com"] * 3
    assert node("stripe", "pages")["value"] >= 3


def test_stripe_declines_with_its_own_error(node):
    assert node("stripe", "decline")["error"]["name"] == "StripeCardError"


def test_slack_posts_pages_and_uploads(node):
    assert node("slack", "call")["value"] == "hi"
    assert node("slack", "pages")["value"] == ["C0GENERAL", "C0RANDOM", "C0ALERTS"]
    assert node("slack", "upload")["value"] == "r.txt"


def test_slack_refuses_with_its_own_error(node):
    error = node("slack", "refused")["error"]
    assert (error["code"], error["data"]["error"]) == ("slack_webapi_platform_error", "channel_not_found")


@pytest.mark.parametrize("library", ["stripe", "slack"])
def test_a_rate_limit_is_waited_out_here(node, calls, library):
    before = calls(library)
    found = node(library, "limited")
    assert (found["error"], found["seconds"] >= 1, calls(library) - before) == (None, True, 1)


def test_octokit_reads_and_follows_pages_through_the_proxy(node, provider):
    provider.play(said({"full_name": "octo/hello"}))
    assert node("octokit", "call")["value"] == "octo/hello"
    assert provider.requests[-1].values(b"authorization") == [b"Bearer made-up-github"]

    def first(seen):
        host = seen.values(b"host")[0].decode()
        return said([{"login": "a"}], 200, ("Link", f'<http://{host}/users?page=2>; rel="next"'))

    provider.play(paged({b"page=2": lambda seen: said([{"login": "b"}]), b"/users": first}))
    assert node("octokit", "pages")["value"] == ["a", "b"]


def test_octokit_uploads_to_the_host_for_uploads_through_the_proxy(node):
    assert node("octokit", "upload")["error"]["status"] == 418


def test_openai_answers_and_streams(node, provider):
    provider.play(said({"choices": [{"message": {"content": "hello"}}]}))
    assert node("openai", "call")["value"] == "hello"
    chunks = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in ("one", "two")]
    provider.play(streamed(*events(*chunks, "[DONE]")))
    assert node("openai", "stream")["value"] == ["one", "two"]


ANSWERS = {"octokit": {"full_name": "octo/hello"}, "openai": {"choices": [{"message": {"content": "hello"}}]}}


@pytest.mark.parametrize("library", ANSWERS)
def test_a_rate_limit_of_a_scripted_provider_is_waited_out_here(node, provider, calls, library):
    before = calls(library), len(provider.requests)
    provider.play(said({"message": "slower"}, 429, ("Retry-After", "1")), said(ANSWERS[library]))
    found = node(library, "call")
    assert (found["error"], found["seconds"] >= 1) == (None, True)
    assert (calls(library) - before[0], len(provider.requests) - before[1]) == (1, 2)


def test_openai_pages_and_uploads(node, provider):
    def page(*names: str, more: bool) -> bytes:
        return said({"object": "list", "data": [{"id": name} for name in names], "has_more": more})

    provider.play(
        paged({b"after=f2": lambda seen: page("f3", more=False), b"/files": lambda seen: page("f1", "f2", more=True)})
    )
    assert node("openai", "pages")["value"] == ["f1", "f2", "f3"]
    provider.play(said({"id": "f9"}))
    assert node("openai", "upload")["value"] == "f9"
    assert b"\7" * 2_000_000 in provider.requests[-1].body


ERRORS = {  # library -> its own error, and how many requests it may send for one call
    "stripe": ("StripeAPIError", 1),
    "slack": ("WebAPIPlatformError", 1),
    "octokit": ("RequestError", 1),
    "openai": ("InternalServerError", 1),
}


@pytest.mark.parametrize("library", ERRORS)
def test_a_provider_that_is_down_is_its_own_error_and_a_quick_one(node, calls, library):
    upstream, (name, most) = f"{library}-down", ERRORS[library]
    node(upstream, "call")
    before = calls(upstream)
    found = node(upstream, "call")
    assert found["error"] is not None
    assert (found["error"]["name"], found["seconds"] < QUICK, calls(upstream) - before <= most) == (name, True, True)
