"""The pass over a request's headers, and the rewriting of addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.headers import Address, AddressPass, HeaderPass, fold, rewritten

REQUESTS = {  # what came; what goes on; notes
    "what the application says of itself goes on as it was written": (
        [(b"X-Custom", b"a"), (b"accept", b"*/*"), (b"X-Custom", b"b")],
        [(b"X-Custom", b"a"), (b"accept", b"*/*"), (b"X-Custom", b"b")],
        {},
    ),
    "bytes above 0x7f stay": ([(b"X-Name", b"Gr\xfc\xdfe")], [(b"X-Name", b"Gr\xfc\xdfe")], {}),
    "the host is noted and comes off": ([(b"Host", b"localhost")], [], {b"host": b"localhost"}),
    "hop-by-hop fields come off": (
        [(b"Keep-Alive", b"5"), (b"TE", b"trailers"), (b"Trailer", b"x"), (b"Proxy-Authorization", b"x")],
        [],
        {},
    ),
    "an upgrade comes off": (
        [(b"Connection", b"Upgrade, HTTP2-Settings"), (b"Upgrade", b"h2c"), (b"HTTP2-Settings", b"AA")],
        [],
        {b"connection": b"Upgrade, HTTP2-Settings"},
    ),
    "what a Connection line names comes off": (
        [(b"Connection", b"close, X-Hop"), (b"x_hop", b"1"), (b"X-Stay", b"2")],
        [(b"X-Stay", b"2")],
        {b"connection": b"close, X-Hop"},
    ),
    "a second Connection line counts too": (
        [(b"Connection", b"close"), (b"X-Hop", b"1"), (b"Connection", b"x-hop")],
        [],
        {b"connection": b"close, x-hop"},
    ),
    "a Connection line cannot take off what the body is": (
        [(b"Connection", b"content-type"), (b"Content-Type", b"a/b")],
        [(b"Content-Type", b"a/b")],
        {b"connection": b"content-type", b"content-type": b"a/b"},
    ),
    "our own fields come off and are noted": (
        [(b"Outrigger-Timeout", b"2"), (b"outrigger_retry", b"off")],
        [],
        {b"outrigger-timeout": b"2", b"outrigger-retry": b"off"},
    ),
    "a repeated field of ours is noted as one list": (
        [(b"Outrigger-Timeout", b"2"), (b"Outrigger-Timeout", b"3")],
        [],
        {b"outrigger-timeout": b"2, 3"},
    ),
    "a browser's marks are noted": (
        [(b"Origin", b""), (b"Sec-Fetch-Site", b"none")],
        [(b"Origin", b""), (b"Sec-Fetch-Site", b"none")],
        {b"origin": b"", b"sec-fetch-site": b"none"},
    ),
    "the length is written anew": ([(b"Content-Length", b"5")], [], {}),
    "an expectation is noted and comes off": ([(b"Expect", b"100-continue")], [], {b"expect": b"100-continue"}),
}


@pytest.mark.parametrize(("came", "goes", "notes"), REQUESTS.values(), ids=REQUESTS)
def test_request(came, goes, notes):
    assert HeaderPass()(tuple(came)) == (tuple(goes), notes)


@given(st.lists(st.tuples(st.sampled_from([b"A", b"Connection", b"Outrigger-X", b"te", b"b_c"]), st.binary())))
def test_a_second_request_is_read_as_the_first(headers):
    once = HeaderPass()
    assert once(tuple(headers)) == once(tuple(headers)) == HeaderPass()(tuple(headers))


def test_many_names_do_not_fill_the_memory():
    once = HeaderPass()
    for number in range(5000):
        assert once(((b"X-%d" % number, b""),))[0] == ((b"X-%d" % number, b""),)
    assert sum(map(len, vars(once).values())) <= 1024


@given(st.binary())
def test_names_that_servers_fold_are_equal(name):
    assert fold(name) == fold(name.upper().replace(b"-", b"_"))


PARTNER = Address(b"https", b"api.partner.example", b"/v2", b"http://127.0.0.1:8600/partner")
FILES = Address(b"https", b"files.partner.example", b"", b"http://127.0.0.1:8600/partner/~files")
OWN = Address(b"http", b"inner:8080", b"", b"http://127.0.0.1:8610")

REFERENCES = {
    "an address below the url": (b"https://api.partner.example/v2/a?b#c", b"http://127.0.0.1:8600/partner/a?b#c"),
    "the url itself": (b"https://api.partner.example/v2", b"http://127.0.0.1:8600/partner"),
    "a query right behind the url": (b"https://api.partner.example/v2?x", b"http://127.0.0.1:8600/partner?x"),
    "the default port written out": (b"https://api.partner.example:443/v2/", b"http://127.0.0.1:8600/partner/"),
    "host in other case": (b"HTTPS://API.Partner.Example/v2/a", b"http://127.0.0.1:8600/partner/a"),
    "no scheme": (b"//api.partner.example/v2/a", b"http://127.0.0.1:8600/partner/a"),
    "a further host": (b"https://files.partner.example/f/1", b"http://127.0.0.1:8600/partner/~files/f/1"),
    "a path alone": (b"/v2/a", b"/partner/a"),
    "a path that only begins alike": (b"https://api.partner.example/v22", b"https://api.partner.example/v22"),
    "another scheme": (b"http://api.partner.example/v2/a", b"http://api.partner.example/v2/a"),
    "another port": (b"https://api.partner.example:8443/v2", b"https://api.partner.example:8443/v2"),
    "a longer name": (b"https://api.partner.example.evil/v2", b"https://api.partner.example.evil/v2"),
    "user info": (b"https://x@api.partner.example/v2", b"https://x@api.partner.example/v2"),
    "a path elsewhere": (b"/v1/a", b"/v1/a"),
    "a relative reference": (b"a/b", b"a/b"),
    "nothing": (b"", b""),
}


@pytest.mark.parametrize(("came", "goes"), REFERENCES.values(), ids=REFERENCES)
def test_reference(came, goes):
    assert rewritten(came, [PARTNER, FILES]) == goes


def test_a_path_stays_as_it_is_on_a_listener_of_its_own():
    assert rewritten(b"/a", [OWN]) == b"/a"
    assert rewritten(b"http://inner:8080/a", [OWN]) == b"http://127.0.0.1:8610/a"


def test_every_address_of_a_link_is_rewritten_and_its_parameters_stay():
    value = b'<https://api.partner.example/v2/a?page=2>; rel="next", <https://elsewhere.example/>; rel="help"'
    wanted = b'<http://127.0.0.1:8600/partner/a?page=2>; rel="next", <https://elsewhere.example/>; rel="help"'
    assert AddressPass()(((b"LINK", value), (b"ETag", b"x")), lambda _base: [PARTNER], b"") == (
        (b"LINK", wanted),
        (b"ETag", b"x"),
    )


def test_headers_without_an_address_are_handed_back_as_they_are():
    headers = ((b"Content-Type", b"text/plain"), (b"X-Location", b"https://api.partner.example/v2"))
    assert AddressPass()(headers, lambda _base: [PARTNER], b"") is headers
