"""Slack in memory: one workspace with three channels. Refusals are HTTP 200 with `ok: false`, as Slack's are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from proxy.integrations.ids import Ids
from proxy.integrations.slack import files, messages
from proxy.integrations.slack.arguments import Arguments
from proxy.integrations.slack.workspace import TEAM, Message, Record, Refused, Workspace
from proxy.integrations.stand_in import Asked, Said, StandIn, Tell, Told, said_json, silent
from proxy.pipeline import Handler

METHODS: dict[str, Callable[[Workspace, Arguments], Record]] = {
    "auth.test": messages.auth_test,
    "api.test": messages.api_test,
    "chat.postMessage": messages.post_message,
    "chat.update": messages.update,
    "chat.delete": messages.delete,
    "conversations.list": messages.list_channels,
    "conversations.info": messages.channel_info,
    "conversations.history": messages.history,
    "conversations.replies": messages.replies,
    "users.list": messages.list_users,
    "users.info": messages.user_info,
    "files.completeUploadExternal": files.complete,
    "files.info": files.info,
}
ERRORS = {  # status -> error; by Slack's own page of errors that every method may give
    401: "invalid_auth",
    403: "no_permission",
    404: "unknown_method",
    408: "request_timeout",
    429: "ratelimited",
    500: "internal_error",
    503: "service_unavailable",
}


def fake(*, wall: Callable[[], float], tell: Tell = silent) -> Handler:
    """A new workspace without messages. `wall`: Unix seconds."""
    return StandIn(Slack(wall), tell)


class Slack:
    """The provider: the Web API, and the host that takes files."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._workspace = Workspace(wall)
        self._events = Ids(f"slack event {wall():.0f}")  # a webhook remembers them across restarts of this

    def answer(self, asked: Asked) -> Said:
        if asked.origin == "files":
            return files.uploaded(self._workspace, asked)
        if asked.origin is not None:
            return Said(404, b"no_team", {"Content-Type": "text/plain"})
        try:
            said = said_json(200, {"ok": True, **self._act(asked)})
            posted, self._workspace.posted = self._workspace.posted, []
            return replace(said, told=tuple(map(self._told, posted)))
        except Refused as refused:
            return said_json(200, {"ok": False, "error": str(refused)})

    def error(self, status: int, _: Asked) -> Said:
        fallback = "fatal_error" if status >= 500 else "invalid_arguments"
        return said_json(status, {"ok": False, "error": ERRORS.get(status, fallback)})

    def request_id(self, ids: Ids) -> tuple[str, str]:
        return "X-Slack-Req-Id", ids.hexadecimal(32)

    def _told(self, message: Message) -> Told:
        event = {**message.shown(), "channel": message.channel, "event_ts": message.ts, "channel_type": "channel"}
        content = {
            "type": "event_callback",
            "team_id": TEAM,
            "api_app_id": "A0APP",
            "event": event,
            "event_id": f"Ev{self._events.letters(9).upper()}",
            "event_time": message.micros // 1_000_000,
        }
        return Told(json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _act(self, asked: Asked) -> Record:
        name = "/".join(asked.segments)
        if name == "files.getUploadURLExternal":
            return files.upload_url(self._workspace, Arguments(asked), asked.base)
        method = METHODS.get(name)
        if method is None:
            raise Refused("unknown_method")
        return method(self._workspace, Arguments(asked))
