"""Who is let in."""

import pytest

from proxy.errors import Refusal
from proxy.rules.callers import Callers, Hosts, Token, no_browser

HOSTS = {  # Host, the connection's own address, let in
    "localhost": (b"localhost", "127.0.0.1", True),
    "with a port": (b"localhost:8600", "127.0.0.1", True),
    "in capitals": (b"LocalHost", "127.0.0.1", True),
    "loopback v4": (b"127.0.0.1:1", "127.0.0.1", True),
    "loopback v6": (b"[::1]:8600", "::1", True),
    "an upstream's name": (b"stripe", "127.0.0.1", True),
    "a name of hosts": (b"proxy.internal:8600", "10.0.0.5", True),
    "the connection's own address": (b"10.0.0.5:8600", "10.0.0.5", True),
    "its own v6 address": (b"[fd00::5]", "fd00::5", True),
    "its own address behind a mapped one": (b"10.0.0.5", "::ffff:10.0.0.5", True),
    "another address": (b"10.0.0.6", "10.0.0.5", False),
    "a page's name": (b"evil.example", "127.0.0.1", False),
    "a longer name": (b"localhost.evil.example", "127.0.0.1", False),
    "a final dot": (b"localhost.", "127.0.0.1", False),
    "the wildcard": (b"0.0.0.0", "0.0.0.0", False),  # noqa: S104 - nothing is bound here
    "the v6 wildcard": (b"[::]", "::", False),
    "a mapped address": (b"[::ffff:127.0.0.1]", "127.0.0.1", False),
    "a short address": (b"127.1", "127.0.0.1", False),
    "a decimal address": (b"2130706433", "127.0.0.1", False),
    "loopback elsewhere": (b"127.0.0.2", "127.0.0.1", False),
    "a long spelling of v6": (b"[0:0:0:0:0:0:0:1]", "::1", False),
    "nothing": (b"", "127.0.0.1", False),
    "user info": (b"x@localhost", "127.0.0.1", False),
    "an address on a Unix socket": (b"10.0.0.5", "", False),
    "a name on a Unix socket": (b"localhost", "", True),
}


@pytest.mark.parametrize(("host", "local", "in_"), HOSTS.values(), ids=HOSTS)
def test_host(host, local, in_):
    hosts = Hosts(["stripe", "proxy.internal"])
    for _ in range(2):  # the second time from memory
        if in_:
            hosts.check(host, local)
        else:
            with pytest.raises(Refusal, match="misdirected"):
                hosts.check(host, local)


@pytest.mark.parametrize("notes", [{b"origin": b""}, {b"origin": b"null"}, {b"sec-fetch-site": b"same-origin"}])
def test_a_browser_is_refused(notes):
    with pytest.raises(Refusal, match="browser_refused"):
        no_browser(notes)


def test_a_server_that_says_how_it_fetches_is_no_browser():
    no_browser({b"sec-fetch-mode": b"cors"})


TOKENS = [Token(b"all"), Token(b"some", frozenset(["stripe"])), Token(b"")]
ADMITTED = {
    "a token for all": ({b"outrigger-caller-token": b"all"}, "8.8.8.8", None),
    "a token for some": ({b"outrigger-caller-token": b"some"}, "8.8.8.8", frozenset(["stripe"])),
    "a listed network": ({}, "10.1.2.3", None),
    "a listed network behind a mapped address": ({}, "::ffff:10.1.2.3", None),
}
REFUSED = {
    "no token": ({}, "8.8.8.8"),
    "a wrong one": ({b"outrigger-caller-token": b"al"}, "8.8.8.8"),
    "an empty one": ({b"outrigger-caller-token": b""}, "8.8.8.8"),
    "two lines of it": ({b"outrigger-caller-token": b"all, all"}, "8.8.8.8"),
    "a Unix socket's peer": ({}, ""),
}


@pytest.mark.parametrize(("notes", "peer", "upstreams"), ADMITTED.values(), ids=ADMITTED)
def test_admitted(notes, peer, upstreams):
    assert Callers(TOKENS, ["10.0.0.0/8"], restricted=True).admit(notes, peer) == upstreams


@pytest.mark.parametrize(("notes", "peer"), REFUSED.values(), ids=REFUSED)
def test_refused(notes, peer):
    with pytest.raises(Refusal, match="unauthorized_caller"):
        Callers(TOKENS, ["10.0.0.0/8"], restricted=True).admit(notes, peer)


def test_without_a_restriction_everybody_is_admitted():
    assert Callers().admit({}, "8.8.8.8") is None
