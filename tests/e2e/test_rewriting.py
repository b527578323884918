"""URLs in answers, as presets name their fields: they lead back through the proxy."""

import gzip
import json

import httpx

from tests.support.scripted import plain

TWILIO = {"TWILIO_ACCOUNT_SID": "AC" + "1" * 32, "TWILIO_AUTH_TOKEN": "token-0123456789"}
JSON = ("Content-Type", "application/json")


def test_paging_through_the_proxy(run, provider):
    upstream = provider()
    meta = f'"next_page_url": "{upstream.url}/v1/Services?Page=1", "n": 1.0, "url": null'
    page = f'{{"meta": {{{meta}}},  "x":"{upstream.url}/"}}'
    upstream.play(plain(200, page.encode(), JSON, ("ETag", '"1"')), plain(200, b"{}", JSON))
    program = run(f"upstreams: {{twilio: {{integration: twilio, url: '{upstream.url}'}}}}\n", **TWILIO)
    answer = httpx.get(f"{program.proxy}/twilio/v1/Services")
    assert answer.text == page.replace(f"{upstream.url}/v1", f"{program.proxy}/twilio/v1")
    assert "etag" not in answer.headers
    httpx.get(answer.json()["meta"]["next_page_url"])
    assert upstream.requests[1].target == b"/v1/Services?Page=1"


def test_an_account_in_the_path_is_filled_in(run, provider):
    upstream = provider()
    program = run(f"upstreams: {{twilio: {{integration: twilio, url: '{upstream.url}'}}}}\n", **TWILIO)
    placeholder = "AC" + "0" * 32
    httpx.get(f"{program.proxy}/twilio/2010-04-01/Accounts/{placeholder}/Messages.json?To=%2B1")
    httpx.get(f"{program.proxy}/twilio/2010-04-01/Accounts/{placeholder}.json")
    assert [seen.target.decode() for seen in upstream.requests] == [
        f"/2010-04-01/Accounts/{TWILIO['TWILIO_ACCOUNT_SID']}/Messages.json?To=%2B1",
        f"/2010-04-01/Accounts/{TWILIO['TWILIO_ACCOUNT_SID']}.json",
    ]


def test_an_upload_address_leads_to_the_further_host(run, provider):
    upstream = provider()
    body = json.dumps({"ok": True, "upload_url": "https://files.slack.com/upload/v1/abc?x=1", "file_id": "F1"}).encode()
    upstream.play(plain(200, gzip.compress(body), JSON, ("Content-Encoding", "gzip")))
    program = run(
        f"upstreams: {{slack: {{integration: slack, url: '{upstream.url}/api'}}}}\n", SLACK_BOT_TOKEN="xoxb-" + "x" * 20
    )
    answer = httpx.post(f"{program.proxy}/slack/files.getUploadURLExternal")
    assert answer.json()["upload_url"] == f"{program.proxy}/slack/~files/upload/v1/abc?x=1"
    assert "content-encoding" not in answer.headers
    other = httpx.post(f"{program.proxy}/slack/files.info")
    assert other.json()["upload_url"] == "https://files.slack.com/upload/v1/abc?x=1"


def test_a_wsdl_of_an_inner_host_leads_back_through_the_proxy(run, provider):
    wsdl = (
        b'<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><service><port><address xmlns="urn:soap" '
        b'location="http://inner.corp:8080/svc"/></port></service></definitions>'
    )
    upstream = provider(plain(200, wsdl, ("Content-Type", "text/xml; charset=utf-8")))
    program = run(
        f"upstreams: {{inventory: {{integration: soap, url: '{upstream.url}'}}}}\n",
        SOAP_USERNAME="user-0123456789",
        SOAP_PASSWORD="password-0123456789",
    )
    answer = httpx.get(f"{program.proxy}/inventory/svc?wsdl")
    assert answer.content == wsdl.replace(b"http://inner.corp:8080", f"{program.proxy}/inventory".encode())


def test_a_token_in_a_form_does_not_leave(run, provider):
    upstream = provider()
    program = run(
        f"upstreams: {{slack: {{integration: slack, url: '{upstream.url}/api'}}}}\n", SLACK_BOT_TOKEN="xoxb-" + "x" * 20
    )
    httpx.post(f"{program.proxy}/slack/chat.postMessage", data={"token": "own", "text": "hi"})
    [seen] = upstream.requests
    assert (seen.body, seen.values(b"authorization")) == (b"text=hi", [b"Bearer xoxb-" + b"x" * 20])
