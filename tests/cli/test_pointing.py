"""`outrigger snippet` and `outrigger env`, as a user calls them."""

import json

import pytest

from proxy.cli.pointing import base_of
from tests.support.command import outrigger
from tests.support.configuration import settings

TEXT = """\
upstreams:
  stripe: {integration: stripe, mode: mock}
  pay: {integration: stripe, mode: mock, listen: 127.0.0.1:8710}
  partner: {url: "https://partner.example"}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.yaml").write_text(TEXT)
    return tmp_path


def test_the_lines_of_a_language_with_the_address_of_this_configuration(folder):
    ended = outrigger(folder, "snippet", "stripe", "python")
    line = 'client = stripe.StripeClient("x", base_addresses={"api": "http://127.0.0.1:8600/stripe"})\n'
    assert (ended.code, ended.out, ended.err) == (0, line, "")


def test_an_upstream_with_a_listener_of_its_own_is_reached_there(folder):
    assert '"api": "http://127.0.0.1:8710"' in outrigger(folder, "snippet", "pay", "python").out
    assert 'host: "127.0.0.1", port: 8710' in outrigger(folder, "snippet", "pay", "node").out


def test_all_languages_where_none_is_named(folder):
    ended = outrigger(folder, "snippet", "stripe")
    assert [line for line in ended.out.splitlines() if not line.startswith(" ")][:2] == ["python:", "node:"]
    found = json.loads(outrigger(folder, "snippet", "stripe", "--json").out)
    assert (found["base"], "curl" in found["snippets"]) == ("http://127.0.0.1:8600/stripe", True)


def test_an_upstream_without_an_integration_is_shown_with_curl(folder):
    assert outrigger(folder, "snippet", "partner").out == "curl:\n  curl http://127.0.0.1:8600/partner/\n"


WRONG = {
    "an unknown language": (("stripe", "pyhton"), "did you mean python?"),
    "an unknown upstream": (("strip",), "did you mean stripe?"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG)
def test_what_is_not_there_is_said_with_what_is(folder, arguments, words):
    ended = outrigger(folder, "snippet", *arguments)
    assert (ended.code, ended.out, words in ended.err) == (2, "", True)


def test_env_says_of_a_unix_socket_that_no_base_url_can_name_it(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "listen: {proxy: 'unix:/run/p.sock'}\nupstreams: {a: {url: 'http://a.example'}}\n"
    )
    ended = outrigger(tmp_path, "env")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "# a: unix:/run/p.sock is a Unix socket, which no base URL can name\n"


def test_env_prints_lines_that_a_shell_can_read(folder):
    ended = outrigger(folder, "env")
    assert ended.code == 0
    assert all(line.startswith(("#", "export ")) for line in ended.out.splitlines())
    assert "# stripe: http://127.0.0.1:8600/stripe" in ended.out
    assert json.loads(outrigger(folder, "env", "--json").out) == {}


def test_env_warns_of_variables_that_the_program_itself_reads(tmp_path):
    (tmp_path / "config.yaml").write_text("upstreams: {openai: {integration: openai}}\n")
    first, *rest = outrigger(tmp_path, "env").out.splitlines()
    assert first.startswith("# for the application alone")
    assert first.endswith(" OPENAI_API_KEY")
    assert "export OPENAI_BASE_URL=http://127.0.0.1:8600/openai" in rest


LISTENERS = {
    "a usual one": ("127.0.0.1:8600", "http://127.0.0.1:8600/a"),
    "on all addresses: this machine": ("0.0.0.0:8600", "http://127.0.0.1:8600/a"),
    "IPv6": ("'[::1]:8600'", "http://[::1]:8600/a"),
    "a port that only the program knows": ("127.0.0.1:0", "http://127.0.0.1:PORT/a"),
}


@pytest.mark.parametrize(("listen", "url"), LISTENERS.values(), ids=LISTENERS)
def test_base(tmp_path, listen, url):
    callers = "callers: {networks: [10.0.0.0/8]}\n" if listen.startswith("0.") else ""
    found = settings(
        tmp_path, f"listen: {{proxy: {listen}}}\n{callers}upstreams: {{a: {{url: 'https://a.example'}}}}\n"
    )
    assert base_of(found, found.upstreams["a"]).url == url


def test_a_unix_socket_cannot_be_pointed_at(tmp_path):
    found = settings(tmp_path, "listen: {proxy: unix:/run/o.sock}\nupstreams: {a: {url: 'https://a.example'}}\n")
    with pytest.raises(ValueError, match="Unix socket"):
        base_of(found, found.upstreams["a"])
