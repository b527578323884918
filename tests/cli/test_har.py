"""The debug log as an HTTP Archive."""

from proxy.cli.har import har
from proxy.upstream import Origin, UpstreamSettings

API = UpstreamSettings(
    name="api", url="https://api.example/base/", origins={"files": Origin(url="https://files.example")}
)


def call(request_body="a=1", response_body='{"ok":true}', status=200, target="/v1?a=b&c="):
    request = {
        "method": "POST", "target": "/v1?a=b&c=", "headers": [["Content-Type", "text/plain"]], "body": request_body,
    }  # fmt: skip
    response = {"status": status, "headers": [["Location", "/there"]], "body": response_body}
    exchange = {"attempt": 2, "started_ms": 500.0, "duration_ms": 40.0, "outcome": "ok", "request": request,
                "response": response if status else None}  # fmt: skip
    return {
        "id": "x",
        "upstream": "api",
        "target": target,
        "code": None,
        "stopped": None,
        "started": 1_790_000_000.0,
        "exchanges": [exchange],
    }


def entry(**about):
    [found] = har([call(**about)], {"api": API})["log"]["entries"]
    return found


def test_an_attempt_is_an_entry_with_the_providers_url():
    found = entry()
    assert found["startedDateTime"] == "2026-09-21T14:13:20.500+00:00"
    assert found["request"]["url"] == "https://api.example/base/v1?a=b&c="
    assert found["request"]["queryString"] == [{"name": "a", "value": "b"}, {"name": "c", "value": ""}]
    assert found["request"]["postData"] == {"mimeType": "text/plain", "text": "a=1", "params": []}
    assert (found["response"]["status"], found["response"]["statusText"]) == (200, "OK")
    assert found["response"]["content"]["text"] == '{"ok":true}'
    assert found["response"]["redirectURL"] == "/there"
    assert found["_outrigger"]["attempt"] == 2


def test_a_further_host_of_the_provider_has_its_own_url():
    assert entry(target="/~files/v1?a=b&c=")["request"]["url"] == "https://files.example/v1?a=b&c="


def test_a_body_that_is_no_text_says_its_coding():
    content = entry(response_body={"base64": "/w=="})["response"]["content"]
    assert (content["text"], content["encoding"]) == ("/w==", "base64")


def test_an_attempt_without_an_answer_has_the_status_0():
    assert (entry(status=0)["response"]["status"], entry(request_body="")["request"].get("postData")) == (0, None)


def test_the_keys_that_readers_of_the_format_need_are_there():
    log = har([call()], {})["log"]
    assert (log["version"], log["creator"]["name"], log["pages"]) == ("1.2", "Outrigger", [])
    needed = {"startedDateTime", "time", "request", "response", "cache", "timings"}
    assert needed <= log["entries"][0].keys()
    assert log["entries"][0]["timings"].keys() == {"send", "wait", "receive"}
