"""`har`: calls of the debug log in the HTTP Archive format 1.2, which browsers and API tools open.

The one thing a reader would get wrong: an entry is an attempt, not a call, since that is what went over the wire;
`_outrigger` says to which call it belongs. Source: the specification at w3c.github.io/web-performance/specs/HAR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from proxy.edges.process import released
from proxy.upstream import UpstreamSettings

Call = dict[str, Any]  # in the shape of the admin API


def har(calls: Iterable[Call], upstreams: Mapping[str, UpstreamSettings]) -> dict[str, Any]:
    """The document. `upstreams`: by name, for the addresses that stand before the targets."""
    entries = [entry for call in calls for entry in _entries(call, _address(call, upstreams))]
    creator = {"name": "Outrigger", "version": released()}
    return {"log": {"version": "1.2", "creator": creator, "pages": [], "entries": entries}}


def _address(call: Call, upstreams: Mapping[str, UpstreamSettings]) -> str:
    upstream = upstreams.get(call["upstream"])
    if upstream is None:
        return f"http://{call['upstream']}"
    further = upstream.origins.get(call["target"][2:].partition("/")[0]) if call["target"].startswith("/~") else None
    return (further.url if further else upstream.url).rstrip("/") or f"http://{call['upstream']}"


def _entries(call: Call, url: str) -> Iterator[dict[str, Any]]:
    for one in call["exchanges"]:
        began = datetime.fromtimestamp(call["started"] + one["started_ms"] / 1000, UTC)
        yield {
            "startedDateTime": began.isoformat(timespec="milliseconds"),
            "time": one["duration_ms"],
            "request": _request(one["request"], url),
            "response": _response(one["response"], one["outcome"]),
            "cache": {},
            "timings": {"send": 0, "wait": one["duration_ms"], "receive": 0},
            "comment": one["outcome"],
            "_outrigger": {
                "id": call["id"],
                "upstream": call["upstream"],
                "attempt": one["attempt"],
                "code": call["code"],
                "stopped": call["stopped"],
            },
        }


def _request(request: Call, url: str) -> dict[str, Any]:
    text, encoding = _text(request["body"])
    shown: dict[str, Any] = {
        "method": request["method"],
        "url": f"{url}{request['target']}",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(request["headers"]),
        "queryString": _pairs(parse_qsl(request["target"].partition("?")[2], keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": len(text.encode()) if not encoding else -1,
    }
    if text:
        shown["postData"] = {"mimeType": _type(request), "text": text, "params": []}
        if encoding:  # the format has no word for it in a request
            shown["postData"]["comment"] = encoding
    return shown


def _response(response: Call | None, outcome: str) -> dict[str, Any]:
    if response is None:  # browsers write an attempt without an answer so
        response = {"status": 0, "headers": [], "body": ""}
    text, encoding = _text(response["body"])
    content = {"size": len(text.encode()), "mimeType": _type(response), "text": text}
    if encoding:
        content["encoding"] = encoding
    return {
        "status": response["status"],
        "statusText": _phrase(response["status"]) or outcome,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(response["headers"]),
        "content": content,
        "redirectURL": _field(response, "location"),
        "headersSize": -1,
        "bodySize": -1,
    }


def _text(body: str | dict[str, str] | None) -> tuple[str, str]:
    return (body["base64"], "base64") if isinstance(body, dict) else (body or "", "")


def _type(message: Call) -> str:
    return _field(message, "content-type") or "application/octet-stream"


def _field(message: Call, wanted: str) -> str:
    return next((value for name, value in message["headers"] if name.lower() == wanted), "")


def _pairs(pairs: Iterable[Any]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
