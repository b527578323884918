"""Faults and fallbacks of a running program: from its file, and asked for while it runs."""

import httpx
import pytest

from tests.support.scripted import plain
from tests.support.standing import standing

AUTH = {"Authorization": "Bearer admin-token-of-ours"}
MORE = "secrets: {admin_token: {env: ADMIN}}\nadmin: {token: admin_token}\n"
ENVIRON = {"ADMIN": "admin-token-of-ours"}
FAULTS = """
retry: {attempts: 2, backoff: {base: 1ms}}
faults:
  - {match: "GET /reset", reset: true}
  - {match: "GET /late", delay: 100ms}
  - {match: "GET /busy", status: 429, headers: {Retry-After: 0, X-Why: drill}}
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    with standing(tmp_path_factory.mktemp("faulty"), [plain(200, b"real")], FAULTS, MORE, **ENVIRON) as pair:
        yield pair


def ask_for(program, content: object) -> httpx.Response:
    return httpx.post(f"{program.admin}/api/upstreams/api/faults", json=content, headers=AUTH)


def test_faults_of_the_file_are_announced_and_marked(faulty):
    program, upstream = faulty
    assert "makes faults on purpose: {match: GET /reset" in program.output
    reset = httpx.get(f"{program.proxy}/api/reset")
    assert (reset.status_code, reset.json()["code"], reset.headers["outrigger-fault"]) == (
        502,
        "upstream_reset",
        "true",
    )
    assert (reset.headers["outrigger-attempts"], reset.headers["outrigger-retry-stopped"]) == ("2", "attempts")
    busy = httpx.get(f"{program.proxy}/api/busy")
    assert (busy.status_code, busy.content, busy.headers["x-why"], busy.headers["outrigger-fault"]) == (
        429,
        b"",
        "drill",
        "true",
    )
    assert upstream.requests == []
    late = httpx.get(f"{program.proxy}/api/late")
    assert (late.content, late.headers["outrigger-fault"], late.elapsed.total_seconds() > 0.05) == (
        b"real",
        "true",
        True,
    )
    assert "outrigger-fault" not in httpx.get(f"{program.proxy}/api/other").headers
    assert program.metrics()['outrigger_attempts_total{outcome="upstream_reset",upstream="api"}'] == 2


def test_faults_are_asked_for_and_end_when_they_are_told_to(faulty):
    program, _ = faulty
    asked = ask_for(program, {"faults": [{"match": "GET /**", "status": 418}], "for": "5m"})
    assert asked.status_code == 200
    assert asked.json()["faults"]["in_force"] == ["{match: GET /**, percent: 100%, status: 418}"]
    assert 290 < asked.json()["faults"]["seconds_left"] <= 300
    assert httpx.get(f"{program.proxy}/api/reset").status_code == 418  # in place of the file's
    assert "upstreams.api makes faults on purpose for 300 s" in program.output
    ended = ask_for(program, {"faults": []})
    assert ended.json()["faults"]["seconds_left"] is None
    assert len(ended.json()["faults"]["in_force"]) == 3
    assert httpx.get(f"{program.proxy}/api/reset").status_code == 502


def test_faults_end_by_themselves_and_a_reload_does_not_end_them(faulty):
    program, _ = faulty
    ask_for(program, {"faults": [{"status": 418}], "for": "1500ms"})
    assert '"taken":true' in program.reload(program.config.read_text())
    assert httpx.get(f"{program.proxy}/api/x").status_code == 418
    program.until(lambda: httpx.get(f"{program.proxy}/api/x").status_code == 200)
    shown = httpx.get(f"{program.admin}/api/upstreams/api").json()["faults"]
    assert shown["seconds_left"] is None


def test_only_an_operator_asks_for_faults_and_only_for_right_ones(faulty):
    program, _ = faulty
    assert httpx.post(f"{program.admin}/api/upstreams/api/faults", json={"faults": []}).status_code == 401
    wrong = ask_for(program, {"faults": [{"status": 503, "reset": True}], "for": "1m"})
    assert wrong.status_code == 400
    assert "status or reset" in wrong.json()["complaints"][0]
    assert httpx.get(f"{program.proxy}/api/x").status_code == 200


FALLBACK = """
retry: {attempts: 1}
breaker: off
fallback: {stale: 5m, status: 203, headers: {X-From: config}, body: {items: []}}
"""


def test_a_kept_answer_is_given_and_else_the_prepared_one(tmp_path):
    with standing(tmp_path, keys=FALLBACK) as (program, upstream):
        moved = ("Location", f"{upstream.url}/next"), ("Content-Type", "text/csv")
        upstream.play(plain(200, b"a,b", *moved))
        assert httpx.get(f"{program.proxy}/api/list").content == b"a,b"
        upstream.close()
        kept, prepared = httpx.get(f"{program.proxy}/api/list"), httpx.get(f"{program.proxy}/api/other")
        assert (kept.status_code, kept.content, kept.headers["content-type"]) == (200, b"a,b", "text/csv")
        assert int(kept.headers["age"]) < 30
        assert kept.headers["location"] == f"{program.proxy}/api/next"
        assert (prepared.status_code, prepared.json(), prepared.headers["x-from"]) == (203, {"items": []}, "config")
        for answer in (kept, prepared):
            assert answer.headers["outrigger-fallback"] == "true"
            assert answer.headers["outrigger-error"] == "connect_refused"
            assert answer.headers["proxy-status"].startswith("outrigger; error=connection_refused")
        assert program.calls("connect_refused") == 1
        assert httpx.get(f"{program.proxy}/api/x", headers={"Expect": "else"}).status_code == 417
