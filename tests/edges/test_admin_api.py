"""What the admin listener answers, and to whom."""

import json
import re
from pathlib import Path

import pytest

from proxy.edges import admin_api
from proxy.edges.admin_connection import SAFE
from proxy.edges.debug_reader import Unreadable, Wanted
from tests.support.admin import TOKEN, Admin

pytestmark = pytest.mark.usefixtures("loops")
BREAKER = "/api/upstreams/stripe/breaker"

READ = {
    "health": ("/healthz", {"status": "ok"}),
    "readiness": ("/readyz", {"ready": True, "reasons": []}),
    "all upstreams": ("/api/upstreams", {"upstreams": [{"name": "stripe"}], "unsafe": ["raw capture in live"]}),
    "one upstream": ("/api/upstreams/stripe", {"name": "stripe"}),
    "calls": ("/api/requests", {"requests": [{"id": "c-1"}], "next": None}),
    "one call": ("/api/requests/c-1", {"id": "c-1", "decisions": []}),
    "events, without a webhook": ("/api/webhooks/events", {"events": [], "next": None}),
    "refusals, without a webhook": ("/api/webhooks/refused", {"refused": []}),
    "no webhook": ("/api/webhooks", {"webhooks": []}),
    "in absolute form": ("http://localhost/healthz", {"status": "ok"}),
}  # fmt: skip


@pytest.mark.parametrize(("target", "content"), READ.values(), ids=READ)
async def test_read(target, content):
    async with Admin() as admin:
        answer = await admin.get(target)
    assert (answer.status, answer.json, answer.headers["content-type"]) == (200, content, "application/json")


async def test_metrics_come_in_the_format_that_is_asked_for():
    async with Admin() as admin:
        text = await admin.get("/metrics")
        openmetrics = await admin.get("/metrics", "Accept: application/openmetrics-text; version=1.0.0")
    assert b'outrigger_in_flight{upstream="stripe"} 2.0\n' in text.body
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.body.endswith(b"# EOF\n")


async def test_readiness_says_why_not():
    async with Admin() as admin:
        admin.program.reasons = ["secret stripe_key: missing"]
        answer = await admin.get("/readyz")
    assert (answer.status, answer.json) == (503, {"ready": False, "reasons": ["secret stripe_key: missing"]})


async def test_head_gets_the_head_alone():
    async with Admin() as admin:
        answer = await admin.get("/healthz", method="HEAD")
    assert (answer.status, answer.headers["content-length"]) == (200, "16")


async def test_every_answer_forbids_guessing_and_keeping_and_names_no_software():
    async with Admin() as admin:
        answers = [
            await admin.get("/healthz"),
            await admin.get("/nothing"),
            await admin.get("/healthz", "Host: evil.example"),
            await admin.post("/api/reload", {}, token=None),
            await admin.raw(b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n"),
        ]
    assert [answer.status for answer in answers] == [200, 404, 421, 401, 400]
    for answer in answers:
        assert {name.lower(): value for name, value in SAFE.items()}.items() <= answer.headers.items()
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


async def test_the_page_has_no_script_and_no_style_of_its_own_and_what_it_names_is_served():
    async with Admin() as admin:
        page = await admin.get("/")
        named = [await admin.get(path) for path in re.findall(r'(?:href|src)="(/[^"]*)"', page.body.decode())]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert b"script-src 'self'; style-src 'self'" in page.headers["content-security-policy"].encode()
    assert not re.search(rb"<style|<script(?! src)| on\w+=| style=", page.body)
    assert len(named) == 7
    assert {answer.status for answer in named} == {200}


async def test_a_browser_is_told_of_an_icon_and_asks_for_none():
    async with Admin() as admin:
        page = await admin.get("/")
    assert b'<link rel="icon" href="data:,">' in page.body


def test_the_page_sets_what_it_is_given_as_text():
    script = (Path(admin_api.__file__).parent / "dashboard.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval", script)


MISSING = {
    "an unknown path": ("GET", "/nothing", 404, None),
    "an unknown upstream": ("GET", "/api/upstreams/nobody", 404, None),
    "a name that is none": ("GET", "/api/upstreams/No%2Fbody", 404, None),
    "an unknown call": ("GET", "/api/requests/c-2", 404, None),
    "a call's id that is none": ("GET", "/api/requests/..%2f", 404, None),
    "a path with a slash too many": ("GET", "/healthz/", 404, None),
    "a method that is not served": ("DELETE", "/healthz", 405, "GET, HEAD"),
    "reading what only changes": ("GET", "/api/reload", 405, "POST"),
    "an event, without a webhook": ("GET", "/api/webhooks/events/0199", 404, None),
}


@pytest.mark.parametrize(("method", "target", "status", "allow"), MISSING.values(), ids=MISSING)
async def test_missing(method, target, status, allow):
    async with Admin() as admin:
        answer = await admin.get(target, method=method)
    assert (answer.status, answer.headers.get("allow")) == (status, allow)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status


QUERIES = {
    "": Wanted(),
    "?upstream=stripe&code=circuit_open": Wanted(upstream="stripe", code="circuit_open"),
    "?status=503": Wanted(status=503),
    "?status=5xx&limit=1000": Wanted(status=5, hundred=True, limit=1000),
    "?after=17&limit=1": Wanted(after=17, limit=1),
    "?upstream=&status=&code=&limit=&after=": Wanted(),
    "?limit=0": None,
    "?limit=1001": None,
    "?limit=x": None,
    "?after=-1": None,
    "?status=600": None,
    "?status=5": None,
    "?code=a&code=b": None,
    "?colour=red": None,
}


@pytest.mark.parametrize(("query", "wanted"), QUERIES.items(), ids=QUERIES)
async def test_query(query, wanted):
    async with Admin() as admin:
        answer = await admin.get(f"/api/requests{query}")
        asked = admin.program.history.wanted
    assert (answer.status, asked) == ((200, [wanted]) if wanted else (400, []))


async def test_a_debug_log_that_is_off_is_empty_and_says_so():
    async with Admin() as admin:
        admin.program.history = None
        page, one = await admin.get("/api/requests"), await admin.get("/api/requests/c-1")
    assert page.json == {"requests": [], "next": None, "enabled": False}
    assert one.status == 404
    assert "debug_log.enabled" in one.json["detail"]


async def test_a_debug_log_that_cannot_be_read_is_an_error_without_its_path():
    class Broken:
        async def requests(self, wanted: Wanted) -> dict[str, object]:
            raise Unreadable("/some/where: broken")

    async with Admin() as admin:
        admin.program.history = Broken()
        answer = await admin.get("/api/requests")
    assert answer.status == 500
    assert b"/some/where" not in answer.body


async def test_a_bug_is_reported_and_not_explained():
    async with Admin() as admin:
        answer = await admin.get("/api/upstreams/broken")
        healthy = await admin.get("/healthz")
    assert [type(error) for error in admin.program.bugs] == [ValueError]
    assert (answer.status, healthy.status) == (500, 200)
    assert b"quoting" not in answer.body


@pytest.mark.parametrize("state", ["open", "closed", "auto"])
async def test_a_breaker_is_set_by_hand(state):
    async with Admin() as admin:
        answer = await admin.post(BREAKER, {"state": state})
    assert (answer.status, answer.json, admin.program.done) == (200, {"name": "stripe"}, [f"stripe {state}"])


async def test_a_breaker_that_is_off_or_not_there_cannot_be_set():
    async with Admin() as admin:
        nobody = await admin.post("/api/upstreams/nobody/breaker", {"state": "open"})
        admin.program.breaker_is_on = False
        off = await admin.post(BREAKER, {"state": "open"})
    assert (nobody.status, off.status) == (404, 409)


async def test_a_reload_is_done_or_says_what_is_wrong():
    async with Admin() as admin:
        done = await admin.post("/api/reload", {})
        admin.program.complaints = ["config.yaml:3: wrong"]
        refused = await admin.post("/api/reload", b"")
    assert (done.status, done.json, admin.program.done) == (200, {"reloaded": True}, ["reload", "reload"])
    assert (refused.status, refused.json["complaints"]) == (422, ["config.yaml:3: wrong"])


DEEP = b"[" * 33 + b"]" * 33
BODIES = {
    "no object": (b'"open"', ()),
    "no JSON": (b"{", ()),
    "an unknown state": (b'{"state":"ajar"}', ()),
    "a state that is no text": (b'{"state":null}', ()),
    "a state that is a list": (b'{"state":["open"]}', ()),
    "a key too many": (b'{"state":"open","for":"5m"}', ()),
    "nothing": (b"", ()),
    "a form": (b'{"state":"open"}', ("Content-Type: application/x-www-form-urlencoded",)),
    "plain text": (b'{"state":"open"}', ("Content-Type: text/plain",)),
    "nested too deep": (b'{"state":"open","a":' + DEEP + b"}", ()),
}


@pytest.mark.parametrize(("body", "fields"), BODIES.values(), ids=BODIES)
async def test_a_body_that_is_not_understood_changes_nothing(body, fields):
    async with Admin() as admin:
        answer = await admin.post(BREAKER, body, *fields)
    assert (answer.status, answer.json["code"], admin.program.done) == (400, "bad_request", [])
    assert answer.headers["connection"] == "close"


async def test_brackets_inside_text_are_not_depth():
    async with Admin() as admin:
        answer = await admin.post("/api/reload", json.dumps({"a": "[" * 100 + '\\"' * 5}).encode())
    assert answer.status == 200


WHO = {  # token of the program, fields, status
    "the token": (TOKEN, (f"Authorization: Bearer {TOKEN.decode()}",), 200),
    "in another case of the scheme": (TOKEN, (f"Authorization: bearer {TOKEN.decode()}",), 200),
    "nothing": (TOKEN, (), 401),
    "another token": (TOKEN, ("Authorization: Bearer operator-token-2",), 401),
    "the token's beginning": (TOKEN, ("Authorization: Bearer operator",), 401),
    "another scheme": (TOKEN, (f"Authorization: Basic {TOKEN.decode()}",), 401),
    "the token twice": (TOKEN, (f"Authorization: Bearer {TOKEN.decode()}",) * 2, 401),
    "no token configured": (None, (f"Authorization: Bearer {TOKEN.decode()}",), 403),
    "a token that cannot be read": (b"", ("Authorization: Bearer ",), 401),
    "the own origin": (TOKEN, ("Origin: http://localhost", f"Authorization: Bearer {TOKEN.decode()}"), 200),
    "another origin": (TOKEN, ("Origin: http://localhost:3000", f"Authorization: Bearer {TOKEN.decode()}"), 403),
    "no page's origin": (TOKEN, ("Origin: null", f"Authorization: Bearer {TOKEN.decode()}"), 403),
    "another origin, without a token": (TOKEN, ("Origin: http://evil.example",), 403),
}


@pytest.mark.parametrize(("token", "fields", "status"), WHO.values(), ids=WHO)
async def test_who_may_change(token, fields, status):
    async with Admin() as admin:
        admin.program.given_token = token
        answer = await admin.post("/api/reload", {}, *fields, token=None)
    assert (answer.status, admin.program.done) == (status, ["reload"] if status == 200 else [])
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize("target", ["/metrics", "/api/upstreams", "/api/requests/c-1", "/nothing"])
async def test_off_loopback_reading_needs_the_token_too(target):
    async with Admin() as admin:
        admin.program.loopback = False
        without = await admin.get(target)
        given = await admin.get(target, f"Authorization: Bearer {TOKEN.decode()}")
    assert (without.status, given.status) == (401, 404 if target == "/nothing" else 200)


@pytest.mark.parametrize("target", ["/healthz", "/readyz"])
async def test_off_loopback_probes_need_no_token(target):
    async with Admin() as admin:
        admin.program.loopback = False
        assert (await admin.get(target)).status == 200


FAULTS = {  # body; status, what was asked of the program
    "for a while": ({"faults": [{"reset": True}], "for": "1m"}, 200, ["stripe [{'reset': True}] 1m"]),
    "for as long as usual": ({"faults": []}, 200, ["stripe [] 5m"]),
    "without faults": ({"for": "1m"}, 400, []),
    "with another key": ({"faults": [], "until": 3}, 400, []),
}


@pytest.mark.parametrize(("body", "status", "done"), FAULTS.values(), ids=FAULTS)
async def test_faults_are_asked_for(body, status, done):
    async with Admin() as admin:
        answer = await admin.post("/api/upstreams/stripe/faults", body)
    assert (answer.status, admin.program.done) == (status, done)


async def test_faults_that_are_wrong_are_refused_with_all_that_is_wrong():
    async with Admin() as admin:
        admin.program.complaints = ["faults[0]: given none of them"]
        answer = await admin.post("/api/upstreams/stripe/faults", {"faults": [{}]})
        unknown = await admin.post("/api/upstreams/nobody/faults", {"faults": []})
    assert (answer.status, answer.json["complaints"]) == (400, ["faults[0]: given none of them"])
    assert (unknown.status, unknown.json["code"]) == (404, "unknown_upstream")
