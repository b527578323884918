"""The token that old Slack libraries put into their forms: ours goes in the header, theirs nowhere."""

import httpx

from tests.support.scripted import plain

OTHERS = "xoxb-of-the-application"


def test_the_applications_token_leaves_the_form_and_ours_stands_in_the_header(run, provider):
    upstream = provider(plain(200, b'{"ok":true}', ("Content-Type", "application/json")))
    program = run(
        f"upstreams:\n  slack: {{integration: slack, url: {upstream.url}, body: {{replay: 64KiB}}}}\n",
        SLACK_BOT_TOKEN="xoxb-ours",
    )
    long = "x" * 100_000
    forms = {"channel=C0%2B&text=a+b": "short", f"channel=C0%2B&text={long}": "long"}
    for form in forms:
        httpx.post(
            f"{program.proxy}/slack/chat.postMessage",
            content=f"token={OTHERS}&{form}",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    short, streamed = upstream.requests
    assert [seen.body.decode() for seen in (short, streamed)] == list(forms)
    assert (short.values(b"content-length"), short.values(b"transfer-encoding")) == ([b"22"], [])
    assert (streamed.values(b"content-length"), streamed.values(b"transfer-encoding")) == ([], [b"chunked"])
    assert short.values(b"authorization") == streamed.values(b"authorization") == [b"Bearer xoxb-ours"]
