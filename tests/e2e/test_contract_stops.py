"""Each word of Outrigger-Retry-Stopped, and what an SDK is told with it, by one program with an upstream for each."""

import httpx

from tests.support.scripted import plain

FAST = "backoff: {base: 5ms}"
STOPS = {  # an upstream: its answer, its keys, method and headers of the call; the word, attempts, X-Should-Retry
    "spent": (500, "", f"retry: {{{FAST}}}", "GET", {}, ("attempts", "3", "false")),
    "unsafe": (500, "", f"retry: {{{FAST}}}", "POST", {}, ("not_idempotent", "1", None)),
    "large": (500, "", "body: {replay: 1}", "PUT", {}, ("body_not_replayable", "1", None)),
    "unwanted": (500, "", "", "GET", {"Outrigger-Retry": "off"}, ("off", "1", None)),
    "forbidden": (500, "X-Should-Retry: false", "", "GET", {}, ("provider_says_no", "1", "false")),
    "later": (429, "Retry-After: 100", "", "POST", {}, ("retry_after_too_long", "1", "false")),
    "late": (503, "Retry-After: 5", "", "GET", {"Outrigger-Timeout": "5"}, ("deadline", "1", "false")),
    "poor": (
        500,
        "",
        f"retry: {{{FAST}, budget: {{ratio: 0, min_per_second: 0.1}}}}",
        "GET",
        {},
        ("budget", "2", "false"),
    ),
    "open": (
        500,
        "",
        f"retry: {{{FAST}}}\nbreaker: {{failure_threshold: 2}}",
        "GET",
        {},
        ("circuit_open", "2", "false"),
    ),
    "rated": (
        500,
        "",
        f"retry: {{{FAST}}}\nrate_limit: {{rate: 1/m, burst: 1, mode: reject}}",
        "GET",
        {},
        ("rate_limited", "1", "false"),
    ),
}


def test_an_answer_that_is_not_repeated_says_why(run, provider):
    lines = []
    for name, (status, field, keys, *_) in STOPS.items():
        fields = [tuple(field.split(": "))] if field else []
        lines += [f"  {name}:", f"    url: {provider(plain(status, b'theirs', *fields)).url}"]
        lines += [f"    {line}" for line in keys.splitlines()]
    program = run("upstreams:\n" + "\n".join(lines) + "\n")
    said = {}
    for name, (status, _, _, method, headers, _) in STOPS.items():
        content = b"body" if method != "GET" else None
        answer = httpx.request(method, f"{program.proxy}/{name}/x", headers=headers, content=content)
        assert (answer.status_code, answer.content) == (status, b"theirs")
        words = ("outrigger-retry-stopped", "outrigger-attempts", "x-should-retry")
        said[name] = tuple(answer.headers.get(word) for word in words)
    assert said == {name: expected for name, (*_, expected) in STOPS.items()}
