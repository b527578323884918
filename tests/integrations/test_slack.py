"""The fake of Slack: messages, cursors, uploads, and refusals that are HTTP 200."""

import json
from hashlib import sha256
from urllib.parse import quote

import pytest

from proxy import integrations
from proxy.pipeline import Handler
from tests.support.asking import BASE, Answer, ask
from tests.support.provider import EPOCH

JSON = {"Content-Type": "application/json; charset=utf-8"}


@pytest.fixture
def fake() -> Handler:
    return integrations.fake("slack", wall=lambda: EPOCH)


async def call(fake: Handler, method: str, **arguments: object) -> Answer:
    return await ask(fake, f"POST /{method}", arguments)


async def fine(fake: Handler, method: str, **arguments: object) -> dict[str, object]:
    answer = await call(fake, method, **arguments)
    assert (answer.status, answer.json["ok"]) == (200, True), answer.body
    return answer.json


REFUSED = {  # method, arguments -> error
    "an unknown method": (("chat.shout", {}), "unknown_method"),
    "a path below a method": (("chat.postMessage/x", {}), "unknown_method"),
    "an unknown channel": (("chat.postMessage", {"channel": "C0NONE", "text": "x"}), "channel_not_found"),
    "no channel": (("chat.postMessage", {"text": "x"}), "channel_not_found"),
    "no text": (("chat.postMessage", {"channel": "C0ALERTS"}), "no_text"),
    "a text over 40,000 characters": (
        ("chat.postMessage", {"channel": "alerts", "text": "x" * 40_001}),
        "msg_too_long",
    ),
    "blocks that are no JSON": (("chat.postMessage", {"channel": "alerts", "blocks": "[{"}), "invalid_arguments"),
    "a change of nothing": (("chat.update", {"channel": "alerts", "ts": "1.000000", "text": "x"}), "message_not_found"),
    "deleting nothing": (("chat.delete", {"channel": "C0ALERTS", "ts": "1.000000"}), "message_not_found"),
    "history of an unknown channel": (("conversations.history", {"channel": "x"}), "channel_not_found"),
    "info of an unknown channel": (("conversations.info", {"channel": "x"}), "channel_not_found"),
    "a thread of nothing": (("conversations.replies", {"channel": "alerts", "ts": "1.0"}), "thread_not_found"),
    "a time that is none": (("conversations.history", {"channel": "alerts", "oldest": "now"}), "invalid_arguments"),
    "a limit of 0": (("conversations.list", {"limit": "0"}), "invalid_limit"),
    "a limit that is no number": (("users.list", {"limit": "all"}), "invalid_limit"),
    "a cursor that is none": (("users.list", {"cursor": "x"}), "invalid_cursor"),
    "another's cursor": (("users.list", {"cursor": "dXNlcjpVMA=="}), "invalid_cursor"),
    "an unknown user": (("users.info", {"user": "U0NONE"}), "user_not_found"),
    "an upload without a name": (("files.getUploadURLExternal", {"length": "1"}), "invalid_arguments"),
    "an upload of nothing": (("files.getUploadURLExternal", {"filename": "a", "length": "0"}), "invalid_arguments"),
    "completing nothing": (("files.completeUploadExternal", {"files": "[]"}), "invalid_arguments"),
    "completing an unknown file": (("files.completeUploadExternal", {"files": '[{"id":"F0"}]'}), "file_not_found"),
    "info of an unknown file": (("files.info", {"file": "F0"}), "file_not_found"),
    "an error that was asked for": (("api.test", {"error": "my_error"}), "my_error"),
}


@pytest.mark.parametrize(("asked", "error"), REFUSED.values(), ids=REFUSED)
async def test_refused(fake, asked, error):
    method, arguments = asked
    answer = await call(fake, method, **arguments)
    assert (answer.status, answer.json["ok"], answer.json["error"]) == (200, False, error)
    assert len(answer.headers["X-Slack-Req-Id"]) == 32
    assert answer.headers["Outrigger-Mock"] == "true"


BODIES = {
    "no JSON": (b"{", "invalid_json"),
    "JSON without end": (b"[" * 100_000, "invalid_json"),
    "a list": (b"[]", "json_not_object"),
}


@pytest.mark.parametrize(("content", "error"), BODIES.values(), ids=BODIES)
async def test_a_body_that_is_not_an_object_is_refused(fake, content, error):
    answer = await ask(fake, "POST /chat.postMessage", content=content, headers=JSON)
    assert answer.json == {"ok": False, "error": error}


@pytest.mark.parametrize("named", ["C0ALERTS", "alerts", "#alerts"])
async def test_a_channel_is_named_by_id_or_name(fake, named):
    assert (await fine(fake, "chat.postMessage", channel=named, text="x"))["channel"] == "C0ALERTS"


async def test_arguments_come_as_query_form_or_json_and_the_token_is_not_told(fake):
    expected = {"ok": True, "args": {"a": "ä b"}}
    query = await ask(fake, f"GET /api.test?a={quote('ä b')}&token=x")
    form = await ask(fake, "POST /api.test", {"a": "ä b", "token": "x"})
    body = await ask(fake, "POST /api.test", content=json.dumps({"a": "ä b", "token": "x"}).encode(), headers=JSON)
    assert [answer.json for answer in (query, form, body)] == [expected] * 3


async def test_a_message_s_ts_rises_strictly_though_the_clock_stands_still(fake):
    posted = [(await fine(fake, "chat.postMessage", channel="random", text="x"))["ts"] for _ in range(3)]
    assert posted == ["1790000000.000000", "1790000000.000001", "1790000000.000002"]


async def test_a_message_is_changed_and_deleted(fake):
    posted = await fine(fake, "chat.postMessage", channel="C0RANDOM", text="one", blocks='[{"type":"divider"}]')
    await fine(fake, "chat.update", channel="C0RANDOM", ts=posted["ts"], text="two")
    (found,) = (await fine(fake, "conversations.history", channel="C0RANDOM"))["messages"]
    assert (found["text"], found["blocks"], found["user"]) == ("two", [{"type": "divider"}], "U0BOT")
    assert found["edited"]["ts"] > posted["ts"]
    await fine(fake, "chat.delete", channel="C0RANDOM", ts=posted["ts"])
    assert (await fine(fake, "conversations.history", channel="C0RANDOM"))["messages"] == []


async def test_history_is_newest_first_within_its_bounds_and_without_replies(fake):
    first, second, third = [
        (await fine(fake, "chat.postMessage", channel="alerts", text=text))["ts"] for text in ("1", "2", "3")
    ]
    await fine(fake, "chat.postMessage", channel="alerts", text="reply", thread_ts=first)

    async def texts(**bounds: str) -> list[str]:
        messages = (await fine(fake, "conversations.history", channel="alerts", **bounds))["messages"]
        return [message["text"] for message in messages]

    assert await texts() == ["3", "2", "1"]
    assert await texts(oldest=first) == ["3", "2"]
    assert await texts(oldest=first, inclusive="true") == ["3", "2", "1"]
    assert await texts(latest=third) == ["2", "1"]
    assert await texts(oldest=second, latest=second, inclusive="1") == ["2"]
    thread = (await fine(fake, "conversations.replies", channel="alerts", ts=first))["messages"]
    assert [message["text"] for message in thread] == ["1", "reply"]


async def test_a_cursor_leads_through_a_list_to_its_end(fake):
    found, cursor = [], ""
    for _ in range(3):
        page = await fine(fake, "conversations.list", limit="1", cursor=cursor)
        found += [channel["name"] for channel in page["channels"]]
        cursor = page["response_metadata"]["next_cursor"]
    assert (found, cursor) == (["general", "random", "alerts"], "")
    assert (await fine(fake, "conversations.list", types="private_channel"))["channels"] == []


async def test_the_bot_is_among_the_users(fake):
    assert (await fine(fake, "auth.test"))["user_id"] == "U0BOT"
    assert "U0BOT" in [user["id"] for user in (await fine(fake, "users.list"))["members"]]
    assert (await fine(fake, "users.info", user="U0BOT"))["user"]["is_bot"] is True


CONTENT = b"\x00\r\n--\xff\r\n" * 3
MULTIPART = b'--B\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + CONTENT + b"\r\n--B--\r\n"
SENT = {
    "as it is": (CONTENT, "application/octet-stream"),
    "as the part of a form": (MULTIPART, "multipart/form-data; boundary=B"),
}


@pytest.mark.parametrize(("content", "kind"), SENT.values(), ids=SENT)
async def test_a_file_is_uploaded_to_the_address_that_was_given(fake, content, kind):
    asked = await fine(fake, "files.getUploadURLExternal", filename="a.bin", length=str(len(CONTENT)))
    path = asked["upload_url"].removeprefix(f"{BASE.decode()}/~files")
    assert path.startswith("/upload/v1/")
    assert (await call(fake, "files.info", file=asked["file_id"])).json["error"] == "file_not_found"
    done = json.dumps([{"id": asked["file_id"], "title": "A"}])
    assert (await call(fake, "files.completeUploadExternal", files=done)).json["error"] == "file_not_found"
    sent = await ask(fake, f"POST {path}", content=content, headers={"Content-Type": kind}, origin="files")
    assert (sent.status, sent.body) == (200, b"OK - %d" % len(CONTENT))
    await fine(fake, "files.completeUploadExternal", files=done, channel_id="C0RANDOM", initial_comment="look")
    file = (await fine(fake, "files.info", file=asked["file_id"]))["file"]
    assert (file["size"], file["sha256"], file["title"]) == (len(CONTENT), sha256(CONTENT).hexdigest(), "A")
    (message,) = (await fine(fake, "conversations.history", channel="random"))["messages"]
    assert (message["text"], message["files"][0]["id"]) == ("look", file["id"])


async def test_a_file_over_8_mib_is_counted_and_hashed_all_the_same(fake):
    content = bytes(9 << 20)
    asked = await fine(fake, "files.getUploadURLExternal", filename="a.bin", length=str(len(content)))
    path = asked["upload_url"].removeprefix(f"{BASE.decode()}/~files")
    assert (await ask(fake, f"POST {path}", content=content, origin="files")).body == b"OK - %d" % len(content)
    await fine(fake, "files.completeUploadExternal", files=json.dumps([{"id": asked["file_id"]}]))
    file = (await fine(fake, "files.info", file=asked["file_id"]))["file"]
    assert (file["size"], file["sha256"]) == (len(content), sha256(content).hexdigest())


async def test_a_file_for_an_unknown_channel_stays_unshown(fake):
    asked = await fine(fake, "files.getUploadURLExternal", filename="a", length="1")
    await ask(fake, f"POST {asked['upload_url'].partition('~files')[2]}", content=b"x", origin="files")
    done = json.dumps([{"id": asked["file_id"]}])
    refused = await call(fake, "files.completeUploadExternal", files=done, channel_id="C0NONE")
    assert refused.json["error"] == "channel_not_found"
    assert (await call(fake, "files.info", file=asked["file_id"])).json["ok"] is False


@pytest.mark.parametrize(
    ("line", "origin"),
    [("POST /upload/v1/unknown", "files"), ("GET /upload/v1/", "files"), ("POST /services/T/B/x", "hooks")],
)
async def test_further_hosts_answer_unknown_paths_with_404(fake, line, origin):
    assert (await ask(fake, line, content=b"x", origin=origin)).status == 404


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, "ratelimited"), (503, "service_unavailable"), (500, "internal_error"), (502, "fatal_error")],
)
async def test_a_rehearsed_failure_has_slack_s_error(fake, status, error):
    answer = await call(fake, "chat.postMessage", channel="alerts", text=f"[[{status}]]")
    assert (answer.status, answer.json) == (status, {"ok": False, "error": error})
