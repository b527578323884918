"""S2, S4, S5, S6, S8, S12: where a call goes, what arrives there byte for byte, and whose credential it carries."""

from collections.abc import Iterator

import pytest

from tests.support.raw import get
from tests.support.scripted import plain
from tests.support.standing import Pair, standing

KEY = "the-real-credential"
INJECT = "inject: {headers: {Authorization: 'Bearer {key}', X-Api-Key: '{key}'}, query: {api_key: '{key}'}}\n"
SECRETS = "secrets: {key: {env: KEY}}\n"
ANSWER = plain(200, b"fine", ("Set-Cookie", "sid=1"))


@pytest.fixture(scope="module")
def injecting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    nowhere = "http://127.0.0.1:1"
    variables = {"HTTP_PROXY": nowhere, "http_proxy": nowhere, "ALL_PROXY": nowhere, "KEY": KEY}
    folder = tmp_path_factory.mktemp("injecting")
    with standing(folder, [ANSWER], INJECT, SECRETS, **variables) as both:
        yield both


@pytest.fixture(scope="module")
def fenced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with standing(tmp_path_factory.mktemp("fenced"), [plain(200)], path="/v2") as both:
        yield both


@pytest.fixture(scope="module")
def scoped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    keys = "scope: {allow: ['GET /v1/**', 'POST /v1/charges'], deny: ['* /v1/admin/**']}\n"
    with standing(tmp_path_factory.mktemp("scoped"), [plain(200)], keys) as both:
        yield both


@pytest.fixture(scope="module")
def plainly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with standing(tmp_path_factory.mktemp("plainly"), [plain(200)]) as both:
        yield both


COPIES = {
    "the same name": ["Authorization: Bearer mine"],
    "another case": ["aUTHORIZATION: Bearer mine", "x-api-KEY: mine"],
    "twice": ["Authorization: Bearer mine", "Authorization: mine"],
    "an underscore": ["X_Api_Key: mine", "x-api_key: mine"],
    "named in Connection": ["Connection: authorization, x-api-key", "Authorization: mine"],
    "another usual name": ["Api-Key: mine", "X-Auth-Token: mine", "Proxy-Authorization: mine"],
}


@pytest.mark.parametrize("fields", COPIES.values(), ids=COPIES)
def test_the_injected_value_replaces_every_copy(injecting: Pair, fields: list[str]):
    program, upstream = injecting
    assert get(program.proxy, "/api/x?a=1&api_key=mine&api%5Fkey=mine&b=", *fields).status == 200
    seen = upstream.requests[-1]
    assert seen.values(b"authorization") == [b"Bearer " + KEY.encode()]
    assert seen.values(b"x-api-key") == [KEY.encode()]
    assert not any(b"mine" in value for _, value in seen.headers)
    assert seen.target == b"/x?a=1&b=&api_key=" + KEY.encode()


def test_nothing_else_is_added_and_nothing_of_ours_goes_on(injecting: Pair):
    program, upstream = injecting
    get(program.proxy, "/api/x", "Outrigger-Retry: off", "Outrigger_Timeout: 3", "TE: trailers", "Keep-Alive: 3")
    names = sorted(name.lower() for name, _ in upstream.requests[-1].headers)
    assert names == [b"authorization", b"host", b"x-api-key"]
    assert upstream.requests[-1].values(b"host") == [upstream.url.removeprefix("http://").encode()]


def test_no_cookie_of_the_provider_is_sent_again(injecting: Pair):
    program, upstream = injecting
    assert get(program.proxy, "/api/a").values(b"set-cookie") == [b"sid=1"]
    get(program.proxy, "/api/b")
    assert upstream.requests[-1].values(b"cookie") == []


def test_a_challenge_is_passed_on_and_remembered_by_nobody(through):
    challenges = ["Basic realm=x", "Digest realm=x, nonce=y", "Negotiate"]
    program, upstream = through([*(plain(401, b"", ("WWW-Authenticate", one)) for one in challenges), plain(200)])
    for challenge in challenges:
        got = get(program.proxy, "/api/a", "Authorization: Basic bWU6bWU=")
        assert (got.status, got.value(b"www-authenticate")) == (401, challenge.encode())
    assert get(program.proxy, "/api/b").status == 200
    assert [seen.values(b"authorization") for seen in upstream.requests] == [[b"Basic bWU6bWU="]] * 3 + [[]]


ELSEWHERE = {
    "X-Forwarded-Host": ["X-Forwarded-Host: evil.example"],
    "Forwarded": ["Forwarded: host=evil.example"],
    "X-Original-URL": ["X-Original-URL: http://evil.example/", "X-Rewrite-URL: /other"],
    "X-Forwarded-For": ["X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1"],
}


@pytest.mark.parametrize("fields", ELSEWHERE.values(), ids=ELSEWHERE)
def test_no_header_says_where_a_call_goes(injecting: Pair, fields: list[str]):
    program, upstream = injecting
    assert get(program.proxy, "/api/here?x", *fields).status == 200
    assert upstream.requests[-1].target.startswith(b"/here?x")


def test_an_upstreams_name_in_absolute_form_is_the_same_as_in_the_path(plainly: Pair):
    program, upstream = plainly
    assert get(program.proxy, "http://api/v1/x?y", host="api").status == 200
    assert upstream.requests[-1].target == b"/v1/x?y"


NOWHERE = [
    *("/", "/nobody/x", "//api/x", "/./api/x", "/%61pi/x", "/api;x/y", "/api:80/x", "/x@api/y", "/API/x", "*"),
    *("http://evil.example/x", "http://api:80/x", "http://a@api/x", "https://api/x", "http://API/x", "ftp://api/x"),
    *("http://127.0.0.1/api/x", "api/x", "/..//api/x", "/api%2Fx", "/api\\x"),
]


@pytest.mark.parametrize("target", NOWHERE)
def test_what_names_no_upstream_goes_nowhere_and_lists_none(plainly: Pair, target: str):
    program, upstream = plainly
    before = len(upstream.requests)
    got = get(program.proxy, target)
    assert (got.status, got.code) in ((404, "unknown_upstream"), (400, "bad_request"))
    assert b"api" not in got.body
    assert len(upstream.requests) == before


def test_redirects_are_passed_on_and_not_followed(through, provider):
    other = provider(plain())
    statuses = [301, 302, 303, 307, 308]
    program, _ = through([plain(status, b"", ("Location", f"{other.url}/else")) for status in statuses])
    for status in statuses:
        got = get(program.proxy, "/api/x")
        assert (got.status, got.value(b"location")) == (status, f"{other.url}/else".encode())
    assert other.requests == []


EXACT = [
    *(
        "/a%2Fb",
        "//a///b",
        "/a+b%20c",
        "/a;p=1;q/b",
        "/a?",
        "/a?b=&c",
        "/a?b=%00&&c=+",
        "/?a?b/c",
        "/a%2fb%2F",
        "/~x/%7Ey",
    ),
    *("/a?x=../..", "/%zz", "/a?[b]=1&c[]=2", "/a:b@c", "?a=1", "/..", "/a/../b", "/%2e%2e/x"),
]


@pytest.mark.parametrize("rest", EXACT)
def test_path_and_query_arrive_byte_for_byte(plainly: Pair, rest: str):
    program, upstream = plainly
    assert get(program.proxy, f"/api{rest}").status == 200
    wanted = rest if rest.startswith("/") else f"/{rest}"
    assert upstream.requests[-1].target == wanted.encode()


def test_behind_a_base_path_they_arrive_byte_for_byte_too(fenced: Pair):
    program, upstream = fenced
    for rest in ("/a%2Fb//c;d?e=..&f", "/a?", "", "/", "?x=1"):
        assert get(program.proxy, f"/api{rest}").status == 200
        assert upstream.requests[-1].target == f"/v2{rest}".encode()


DOTS = [
    "/..",
    "/../v1",
    "/%2e%2e/x",
    "/.%2E/x",
    "/a/%2E./b",
    "/./a",
    "/..;x/a",
    "/a/..%2Fb",
    "/a\\..\\b",
    "/%252e%252e/x",
]


@pytest.mark.parametrize("rest", DOTS)
def test_a_base_path_is_a_fence(fenced: Pair, rest: str):
    program, upstream = fenced
    before = len(upstream.requests)
    got = get(program.proxy, f"/api{rest}")
    assert (got.status, got.code) in ((403, "out_of_scope"), (400, "bad_request"))
    assert len(upstream.requests) == before


OUTSIDE = {
    "another path": ("GET", "/v2/x"),
    "another method": ("DELETE", "/v1/charges"),
    "denied": ("GET", "/v1/admin/keys"),
    "denied, encoded": ("GET", "/v1/%61dmin/keys"),
    "denied, doubled slash": ("GET", "/v1//admin/keys"),
    "denied, encoded slash": ("GET", "/v1%2Fadmin%2Fkeys"),
    "denied, parameter": ("GET", "/v1/admin;x=1/keys"),
    "denied, encoded parameter": ("GET", "/v1/admin%3Bx/keys"),
    "denied, final slash": ("GET", "/v1/admin/"),
    "denied, backslash": ("GET", "/v1/%5Cadmin/keys"),
    "denied, dots": ("GET", "/v1/x/../admin/keys"),
    "denied, encoded dots": ("GET", "/v1/x/%2e%2e/admin/keys"),
    "encoded twice": ("GET", "/v1/%2561dmin/keys"),
    "not UTF-8": ("GET", "/v1/%c0%afadmin"),
    "a control byte": ("GET", "/v1/a%00b"),
    "HEAD of what only POST may": ("HEAD", "/v2/x"),
}


@pytest.mark.parametrize(("method", "rest"), OUTSIDE.values(), ids=OUTSIDE)
def test_nothing_outside_the_scope_is_sent(scoped: Pair, method: str, rest: str):
    program, upstream = scoped
    before = len(upstream.requests)
    got = get(program.proxy, f"/api{rest}", method=method)
    assert (got.status, got.code) == (403, "out_of_scope")
    assert len(upstream.requests) == before


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "x-method-override", "X_HTTP_Method"])
def test_a_method_override_must_be_in_scope_too(scoped: Pair, name: str):
    program, upstream = scoped
    before = len(upstream.requests)
    assert get(program.proxy, "/api/v1/charges", f"{name}: DELETE", method="POST").code == "out_of_scope"
    assert len(upstream.requests) == before
    assert get(program.proxy, "/api/v1/charges", f"{name}: GET", method="POST").status == 200


def test_a_listener_of_its_own_passes_what_it_is_sent(run, provider, tmp_path):
    upstream = provider(plain())
    path = tmp_path / "own.sock"
    program = run(f"upstreams: {{api: {{url: '{upstream.url}', listen: 'unix:{path}'}}}}")
    for target in ("/a%2Fb//c?", "//x", "/api/y"):
        assert get(f"http://unix:{path}", target).status == 200
        assert upstream.requests[-1].target == target.encode()
    assert get(f"http://unix:{path}", "http://api/x").code == "unknown_upstream"
    assert get(f"http://unix:{path}", "/x", "Origin: null").code == "browser_refused"
    assert path.stat().st_mode & 0o007 == 0
    assert program.process.poll() is None


def test_a_name_that_leads_to_loopback_is_refused_unless_it_is_listed(run, provider):
    upstream = provider(plain())
    there = f"http://localhost:{upstream.port}"
    refused, listed = f"{{url: '{there}'}}", f"{{url: '{there}', egress: {{allow: [127.0.0.0/8, '::1/128']}}}}"
    metadata = "{url: 'http://169.254.169.254', egress: {allow: [169.254.0.0/16]}}"
    program = run(f"upstreams: {{refused: {refused}, listed: {listed}, metadata: {metadata}}}")
    for name in ("refused", "metadata"):
        got = get(program.proxy, f"/{name}/x")
        assert (got.status, got.code) == (502, "egress_denied")
        assert not any(word in got.body for word in (b"127.0.0.1", b"::1", b"localhost", b"169.254"))
    assert upstream.connections == 0
    assert get(program.proxy, "/listed/x").status == 200
