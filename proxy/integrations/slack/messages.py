"""Slack's methods for messages, channels and people."""

from __future__ import annotations

import math

from proxy.integrations.slack.arguments import Arguments, with_cursor
from proxy.integrations.slack.workspace import BOT, CHANNELS, PEOPLE, TEAM, Message, Record, Refused, Workspace, micros

LONGEST = 40_000  # characters of a text
_EXTRAS = ("blocks", "attachments")


def auth_test(_: Workspace, _given: Arguments) -> Record:
    names = {"team": "Outrigger", "team_id": TEAM, "user": PEOPLE[BOT], "user_id": BOT, "bot_id": "B0BOT"}
    return {"url": "https://outrigger.slack.com/", **names, "is_enterprise_install": False}


def api_test(_: Workspace, given: Arguments) -> Record:
    error = given.text("error")
    return {"args": given.all()} | ({"ok": False, "error": error} if error else {})


def post_message(workspace: Workspace, given: Arguments) -> Record:
    channel = workspace.channel(given.text("channel"))
    text, extras = _content(given)
    message = workspace.post(channel, text, extras, given.text("thread_ts") or None)
    return {"channel": channel, "ts": message.ts, "message": message.shown()}


def update(workspace: Workspace, given: Arguments) -> Record:
    message = _message(workspace, given)
    message.text, extras = _content(given)
    message.extras |= extras
    message.edited = workspace.tick()
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": message.shown()}


def delete(workspace: Workspace, given: Arguments) -> Record:
    message = _message(workspace, given)
    workspace.remove(message)
    return {"channel": message.channel, "ts": message.ts}


def list_channels(_: Workspace, given: Arguments) -> Record:
    types = given.text("types").replace(" ", "").split(",")
    open_to_all = [_channel(channel) for channel in CHANNELS] if "public_channel" in types or types == [""] else []
    shown, cursor = given.page(open_to_all)
    return with_cursor({"channels": list(shown)}, cursor)


def channel_info(workspace: Workspace, given: Arguments) -> Record:
    return {"channel": _channel(workspace.channel(given.text("channel")))}


def history(workspace: Workspace, given: Arguments) -> Record:
    channel = workspace.channel(given.text("channel"))
    oldest = micros(given.text("oldest") or "0")
    latest = micros(given.text("latest")) if given.text("latest") else math.inf
    edge = 0 if given.text("inclusive") in {"1", "true"} else 1
    chosen = [
        message
        for message in workspace.newest_first(channel)
        if oldest + edge <= message.micros <= latest - edge and message.thread in {None, message.ts}
    ]
    return _messages(given, chosen)


def replies(workspace: Workspace, given: Arguments) -> Record:
    channel = workspace.channel(given.text("channel"))
    first = given.text("ts")
    chosen = [message for message in workspace.newest_first(channel) if first in {message.ts, message.thread}]
    if not chosen:
        raise Refused("thread_not_found")
    return _messages(given, chosen[::-1])


def list_users(_: Workspace, given: Arguments) -> Record:
    shown, cursor = given.page([_person(user) for user in PEOPLE])
    return with_cursor({"members": list(shown), "cache_ts": 0}, cursor)


def user_info(_: Workspace, given: Arguments) -> Record:
    if given.text("user") not in PEOPLE:
        raise Refused("user_not_found")
    return {"user": _person(given.text("user"))}


def _content(given: Arguments) -> tuple[str, Record]:
    extras = {name: given.structure(name) for name in _EXTRAS if given.structure(name)}
    text = given.text("text")
    if not text and not extras:
        raise Refused("no_text")
    if len(text) > LONGEST:
        raise Refused("msg_too_long")
    return text, extras


def _message(workspace: Workspace, given: Arguments) -> Message:
    return workspace.message(workspace.channel(given.text("channel")), given.text("ts"))


def _messages(given: Arguments, chosen: list[Message]) -> Record:
    shown, cursor = given.page([message.shown() for message in chosen])
    return with_cursor({"messages": list(shown), "has_more": bool(cursor), "pin_count": 0}, cursor)


def _channel(id: str) -> Record:
    about = {"is_channel": True, "is_private": False, "is_archived": False, "is_member": True, "num_members": 3}
    named = {"id": id, "name": CHANNELS[id], "name_normalized": CHANNELS[id], "is_general": id == "C0GENERAL"}
    return {**named, **about, "created": 0, "creator": BOT, "topic": {"value": ""}, "purpose": {"value": ""}}


def _person(id: str) -> Record:
    profile = {"real_name": PEOPLE[id].title(), "display_name": PEOPLE[id]}
    return {"id": id, "team_id": TEAM, "name": PEOPLE[id], "deleted": False, "is_bot": id == BOT, "profile": profile}
