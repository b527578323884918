"""Chat on Slack, whose refusals come with status 200."""

from __future__ import annotations

from typing import NamedTuple

from proxy.capabilities import checks
from proxy.capabilities.calling import Answer, CallUpstream, refusal, unreadable
from proxy.capabilities.chat import ChatProvider, ChatSettings, Post, note
from proxy.capabilities.errors import IntegrationError, failure


class _Row(NamedTuple):
    code: str
    field: str | None = None


_OURS = _Row("provider_rejected_credentials")
_THEIRS = _Row("unavailable")
_LATER = _Row("rate_limited")
CODES = {  # Slack's word -> ours
    "msg_too_long": _Row("invalid_request", "text"),
    "no_text": _Row("invalid_request", "text"),
    "is_archived": _Row("invalid_request", "channel"),
    "channel_not_found": _Row("not_found", "channel"),
    "not_in_channel": _Row("not_found", "channel"),
    "thread_not_found": _Row("not_found", "thread"),
    "ratelimited": _LATER,
    "rate_limited": _LATER,
    "message_limit_exceeded": _LATER,
    "invalid_auth": _OURS,
    "not_authed": _OURS,
    "token_revoked": _OURS,
    "token_expired": _OURS,
    "account_inactive": _OURS,
    "missing_scope": _OURS,
    "no_permission": _OURS,
    "not_allowed_token_type": _OURS,
    "internal_error": _THEIRS,
    "fatal_error": _THEIRS,
    "service_unavailable": _THEIRS,
    "request_timeout": _THEIRS,
    "team_added_to_org": _THEIRS,
}


class SlackChat(ChatProvider):
    """`call`: the pipeline of the upstream `slack`."""

    def __init__(self, call: CallUpstream, settings: ChatSettings) -> None:  # noqa: ARG002 - as all adapters
        self._call = call

    async def post(self, channel: str, text: str, *, idempotency_key: str, thread: str | None = None) -> Post:
        checks.idempotency_key(idempotency_key)
        asked = note(channel, text, thread)
        content = {"channel": asked.channel, "text": asked.text}
        if asked.thread is not None:
            content["thread_ts"] = asked.thread
        answer = await self._call("POST", "/chat.postMessage", json=content)
        found = answer.json
        if found.get("ok") is not True:
            raise _refusal(answer, found.get("error"))
        ts, place = found.get("ts"), found.get("channel")
        if not isinstance(ts, str) or not isinstance(place, str):
            raise unreadable(answer)
        return Post(id=ts, channel=place, provider="slack", request_id=answer.request_id)


def _refusal(answer: Answer, word: object) -> IntegrationError:
    ours = answer.request_id
    if not isinstance(word, str):
        return unreadable(answer) if answer.status < 300 else refusal(answer)
    row = CODES.get(word)
    if row is None:
        return failure("invalid_request", request_id=ours) if answer.status < 300 else refusal(answer)
    cause = "server_error" if row is _THEIRS else None
    return failure(row.code, field=row.field, cause=cause, retry_after=answer.retry_after, request_id=ours)
