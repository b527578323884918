"""S7: no page in a browser makes a call, reads an answer or changes anything."""

from collections.abc import Iterator

import pytest

from tests.support.raw import Got, ask, get
from tests.support.scripted import plain
from tests.support.standing import Pair, standing

TOKEN = "an-admin-token"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    more = "secrets: {admin_token: {env: TOKEN}}\nadmin: {token: admin_token}\n"
    with standing(tmp_path_factory.mktemp("browsers"), [plain(200, b"fine")], more=more, TOKEN=TOKEN) as both:
        yield both


PAGES = {
    "an origin": "Origin: http://evil.example",
    "our own origin": "Origin: http://localhost",
    "null": "Origin: null",
    "an empty origin": "Origin:",
    "Sec-Fetch-Site: none": "Sec-Fetch-Site: none",
    "Sec-Fetch-Site: same-origin": "sec-fetch-site: same-origin",
}


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("field", PAGES.values(), ids=PAGES)
def test_a_page_makes_no_call(pair: Pair, field: str, method: str):
    program, upstream = pair
    before = len(upstream.requests)
    got = get(program.proxy, "/api/x", field, method=method)
    assert (got.status, got.code) == (403, "browser_refused")
    assert not any(name.startswith(b"access-control-") for name, _ in got.headers)
    assert len(upstream.requests) == before


def test_a_servers_own_fetch_is_no_page(pair: Pair):
    assert get(pair[0].proxy, "/api/x", "Sec-Fetch-Mode: cors").status == 200


STRANGERS = ["evil.example", "localhost.evil.example", "[::]", "127.1", "2130706433", "[::ffff:127.0.0.1]"]


@pytest.mark.parametrize("listener", ["proxy", "admin"])
@pytest.mark.parametrize("host", [*STRANGERS, "127.0.0.1.", "127.0.0.2"])
def test_a_name_that_was_rebound_to_us_is_not_ours(pair: Pair, host: str, listener: str):
    program, upstream = pair
    before = len(upstream.requests)
    got = get(getattr(program, listener), "/api/upstreams" if listener == "admin" else "/api/x", host=host)
    assert got.status == 421
    assert len(upstream.requests) == before


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8600", "[::1]", "api"])
def test_our_own_names_are_accepted(pair: Pair, host: str):
    assert get(pair[0].proxy, "/api/x", host=host).status == 200


def change(program, *fields: str) -> Got:
    body = '{"state": "open"}'
    head = ["POST /api/upstreams/api/breaker HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *fields]
    return ask(program.admin, "\r\n".join([*head, "", body]).encode())


CHANGES = {
    "without a token": (["Content-Type: application/json"], 401),
    "with a wrong one": (["Content-Type: application/json", "Authorization: Bearer wrong"], 401),
    "with the token in a cookie": (["Content-Type: application/json", f"Cookie: token={TOKEN}"], 401),
    "from a page": (["Content-Type: application/json", f"Authorization: Bearer {TOKEN}", "Origin: http://evil"], 403),
    "from no origin": (["Content-Type: application/json", f"Authorization: Bearer {TOKEN}", "Origin: null"], 403),
}


@pytest.mark.parametrize(("fields", "status"), CHANGES.values(), ids=CHANGES)
def test_nothing_is_changed(pair: Pair, fields: list[str], status: int):
    assert change(pair[0], *fields).status == status
    assert get(pair[0].proxy, "/api/x").status == 200


def test_a_form_changes_nothing_even_with_the_token(pair: Pair):
    assert change(pair[0], f"Authorization: Bearer {TOKEN}", "Content-Type: text/plain").status in (400, 415)
    assert get(pair[0].proxy, "/api/x").status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/api/upstreams", "/nothing"])
def test_no_admin_answer_is_for_another_page(pair: Pair, path: str):
    got = get(pair[0].admin, path, "Origin: http://evil.example")
    assert got.value(b"x-content-type-options") == b"nosniff"
    assert got.value(b"cache-control") == b"no-store"
    assert got.value(b"referrer-policy") == b"no-referrer"
    assert not any(name.startswith(b"access-control-") or name == b"server" for name, _ in got.headers)


def test_without_an_admin_token_nothing_can_be_changed(through):
    program, _ = through()
    assert change(program, "Content-Type: application/json").status == 403
    assert change(program, "Content-Type: application/json", "Authorization: Bearer ").status == 403
