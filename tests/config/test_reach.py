"""Listeners and urls: who can reach us, and what would come back to ourselves."""

import pytest

from proxy.config.addresses import Address, address, clash, is_loopback, leads_to, url_problem
from proxy.config.schema import CallerSettings, CallerToken
from tests.support.configuration import complaints, settings

ADDRESSES = {
    "127.0.0.1:8600": Address("127.0.0.1", 8600),
    "localhost:0": Address("localhost", 0),
    "[::1]:8600": Address("::1", 8600),
    "Proxy.Example:65535": Address("proxy.example", 65535),
    "unix:/run/outrigger.sock": Address(path="/run/outrigger.sock"),
}
NO_ADDRESSES = [
    "8600",
    ":8600",
    "127.0.0.1",
    "127.0.0.1:65536",
    "::1:8600",
    "[::1]",
    "127.1:80",
    "unix:relative",
    "a b:1",
    "",
]

CLASHES = {
    "the same address": ("127.0.0.1:80", "127.0.0.1:80", True),
    "two ports": ("127.0.0.1:80", "127.0.0.1:81", False),
    "two hosts": ("127.0.0.1:80", "127.0.0.2:80", False),
    "all hosts and one of them": ("0.0.0.0:80", "127.0.0.1:80", True),
    "any port twice": ("127.0.0.1:0", "127.0.0.1:0", False),
    "one socket": ("unix:/a", "unix:/a", True),
    "two sockets": ("unix:/a", "unix:/b", False),
    "a socket and a port": ("unix:/a", "127.0.0.1:80", False),
}

URLS = {  # url; what is wrong with it
    "https://api.example": None,
    "http://127.0.0.1:8000/v1": None,
    "http://[::1]:8000/": None,
    "https://xn--bcher-kva.example/a%2Fb": None,
    "ftp://api.example": "no url of http or https",
    "api.example": "no url of http or https",
    "https://": "no url of http or https",
    "https://u:p@api.example": "a url with user info",
    "https://@api.example": "a url with user info",
    "https://127.1/": "a url whose host is no name, and no address in its usual form",
    "https://0x7f000001/": "a url whose host is no name, and no address in its usual form",
    "https://2130706433/": "a url whose host is no name, and no address in its usual form",
    "https://0177.0.0.1/": "a url whose host is no name, and no address in its usual form",
    "https://[fe80::1%25eth0]/": "a url whose host is no name, and no address in its usual form",
    "https://api.example:0/": "a url with port 0",
    "https://api.example:99999/": "a url that cannot be read",
    "https://api.example:x/": "a url that cannot be read",
    "https://api.example/?a=1": "a url with a query, a fragment or a backslash",
    "https://api.example/#a": "a url with a query, a fragment or a backslash",
    "https://api.example\\@b/": "a url with user info",
    "https://api.example/a/../b": "a url with a . or .. in its path",
    "https://api.example/a b": "a url with blanks, control characters or letters beyond ASCII",
    "https://bücher.example/": "a url with blanks, control characters or letters beyond ASCII",
}

OWN = {  # url; our listener; whether it leads there
    "the same": ("http://127.0.0.1:8600/x", "127.0.0.1:8600", True),
    "by name": ("http://localhost:8600/", "127.0.0.1:8600", True),
    "by the other loopback": ("http://[::1]:8600/", "127.0.0.1:8600", True),
    "through all addresses": ("http://127.0.0.1:8600/", "0.0.0.0:8600", True),
    "the usual port": ("http://proxy.example/", "proxy.example:80", True),
    "the usual port of TLS": ("https://proxy.example/", "proxy.example:443", True),
    "by no address in particular": ("http://0.0.0.0:8600/", "127.0.0.1:8600", True),
    "by none of the sixth kind": ("http://[::]:8600/", "localhost:8600", True),
    "by an address inside another": ("http://[::ffff:127.0.0.1]:8600/", "127.0.0.1:8600", True),
    "by its own address inside another": ("http://[::ffff:10.1.2.3]:8600/", "10.1.2.3:8600", True),
    "another port": ("http://127.0.0.1:8000/", "127.0.0.1:8600", False),
    "another host": ("http://api.example:8600/", "127.0.0.1:8600", False),
    "a port that is picked later": ("http://127.0.0.1:8600/", "127.0.0.1:0", False),
    "a socket": ("http://127.0.0.1:8600/", "unix:/run/a", False),
}


@pytest.mark.parametrize(("text", "expected"), ADDRESSES.items())
def test_an_address_is_read(text, expected):
    assert address(text) == expected


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"host:port, \[v6\]:port or unix:/path"):
        address(text)


@pytest.mark.parametrize(("one", "other", "expected"), CLASHES.values(), ids=CLASHES)
def test_two_addresses_clash_when_only_one_can_be_bound(one, other, expected):
    assert clash(address(one), address(other)) is clash(address(other), address(one)) is expected


@pytest.mark.parametrize(("url", "problem"), URLS.items())
def test_a_url_is_held_to_the_rules(url, problem):
    assert url_problem(url) == problem


@pytest.mark.parametrize(("url", "listener", "expected"), OWN.values(), ids=OWN)
def test_a_url_that_leads_back_to_us_is_recognised(url, listener, expected):
    assert leads_to(url, address(listener)) is expected


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.9", True), ("::1", True), ("LOCALHOST", True), ("a.localhost", False)]
)
def test_loopback_is_this_machine_alone(host, expected):
    assert is_loopback(host) is expected


UPSTREAM = "upstreams: {a: {url: 'https://a.example'}}\n"
OPEN = {  # text; the key of the complaint, None: it is right
    "the proxy off loopback": ("listen: {proxy: '0.0.0.0:8600'}", "listen.proxy"),
    "the proxy by name": ("listen: {proxy: 'proxy.example:8600'}", "listen.proxy"),
    "with callers that are any": ("listen: {proxy: '0.0.0.0:8600'}\ncallers: any", None),
    "with callers that are not written": ("listen: {proxy: '0.0.0.0:8600'}\ncallers:", "listen.proxy"),
    "with a network": ("listen: {proxy: '0.0.0.0:8600'}\ncallers: {networks: [10.0.0.0/8]}", None),
    "a socket": ("listen: {proxy: 'unix:/run/a.sock'}", None),
    "the admin listener off loopback": ("listen: {admin: '[::]:8602'}", "listen.admin"),
    "with a token": ("listen: {admin: '[::]:8602'}\nsecrets: {t: {env: T}}\nadmin: {token: t}", None),
    "the webhook listener off loopback": ("listen: {webhooks: '0.0.0.0:8601'}", None),
    "an upstream's own off loopback": (
        "upstreams: {a: {url: 'https://a.example', listen: '0.0.0.0:8610'}}",
        "upstreams.a.listen",
    ),
    "an upstream's own on a port that is taken": (
        "upstreams: {a: {url: 'https://a.example', listen: '127.0.0.1:8600'}}",
        "upstreams.a.listen",
    ),
    "two listeners on one port": ("listen: {admin: '127.0.0.1:8600'}", "listen.admin"),
    "an upstream that is our proxy": ("upstreams: {a: {url: 'http://localhost:8600/stripe'}}", "upstreams.a.url"),
    "an upstream that is our metrics": ("upstreams: {a: {url: 'http://127.0.0.1:8602'}}", "upstreams.a.url"),
    "a token that is no secret": ("admin: {token: nope}", "admin.token"),
    "a caller's token that is no secret": ("callers: {tokens: [nope]}", "callers.tokens[0]"),
    "callers that are nobody": ("callers: {}", "callers"),
    "callers that are a word": ("callers: all", "callers"),
    "a network with stray bits": ("callers: {networks: [10.0.0.1/8]}", "callers.networks[0]"),
    "a caller of an unknown upstream": (
        "secrets: {t: {env: T}}\ncallers: {tokens: [{secret: t, upstreams: [b]}]}",
        "callers.tokens[0].upstreams[0]",
    ),
    "a host with a port": ("hosts: ['proxy.example:8600']", "hosts[0]"),
}


@pytest.mark.parametrize(("text", "key"), OPEN.values(), ids=OPEN)
def test_who_can_reach_us_is_settled_before_anything_is_bound(tmp_path, text, key):
    text = text if "upstreams: {a" in text else UPSTREAM + text
    assert [one.key for one in complaints(tmp_path, text)] == ([] if key is None else [key])


SAID = {  # text; what the complaint says was given
    "an address": ("listen: {proxy: '0.0.0.0:8600'}", "'0.0.0.0:8600', an address off loopback"),
    "a variable, by its name": (
        "listen: {proxy: '${P:-0.0.0.0:8600}'}",
        "${P:-0.0.0.0:8600}, an address off loopback",
    ),
    "an address twice": ("listen: {admin: '127.0.0.1:8600'}", "'127.0.0.1:8600', an address that is used twice"),
    "an upstream of a caller": (
        "secrets: {t: {env: T}}\ncallers: {tokens: [{secret: t, upstreams: [b]}]}",
        "b, an unknown upstream",
    ),
}


@pytest.mark.parametrize(("text", "given"), SAID.values(), ids=SAID)
def test_a_complaint_about_who_reaches_us_says_what_was_given(tmp_path, text, given):
    assert [one.given for one in complaints(tmp_path, text + "\n" + UPSTREAM)] == [given]


def test_a_near_miss_of_an_upstream_is_named_to_a_caller(tmp_path):
    callers = "secrets: {t: {env: T}}\ncallers: {tokens: [{secret: t, upstreams: [strpe]}]}\n"
    text = callers + "upstreams: {stripe: {integration: stripe}}"
    assert [one.meant for one in complaints(tmp_path, text)] == ["stripe"]


def test_callers_are_names_of_secrets_and_networks(tmp_path):
    text = (
        "secrets: {t: {env: T}}\n"
        + UPSTREAM
        + "callers: {tokens: [t, {secret: t, upstreams: [a]}], networks: ['::1/128']}"
    )
    assert settings(tmp_path, text).callers == CallerSettings(
        tokens=(CallerToken(secret="t"), CallerToken(secret="t", upstreams=("a",))), networks=("::1/128",)
    )
