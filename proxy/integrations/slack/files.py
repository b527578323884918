"""Slack's way to upload: ask for an address, send the bytes there, say that it is done.

What was sent is counted and hashed, not kept.
"""

from __future__ import annotations

import re
from hashlib import sha256

from proxy.integrations.slack.arguments import Arguments, with_cursor
from proxy.integrations.slack.workspace import File, Record, Refused, Workspace
from proxy.integrations.stand_in import Asked, Said

_UPLOAD = "upload/v1/"
_BOUNDARY = re.compile(r"boundary=\"?([^\";,]{1,70})\"?")


def upload_url(workspace: Workspace, given: Arguments, base: str) -> Record:
    name, length = given.text("filename"), given.text("length")
    if not name or not length.isascii() or not length.isdecimal() or not int(length[:18]):
        raise Refused("invalid_arguments")
    file = workspace.expect(name)
    origin = f"{base}/~files" if base else "https://files.slack.com"
    return {"upload_url": f"{origin}/{_UPLOAD}{file.token}", "file_id": file.id}


def uploaded(workspace: Workspace, asked: Asked) -> Said:
    """What is sent to an upload address, as it is or as the one part of a form."""
    token = asked.path.removeprefix(f"/{_UPLOAD}")
    file = workspace.expected(token) if asked.method in {"POST", "PUT"} and f"/{_UPLOAD}{token}" == asked.path else None
    if file is None:
        return Said(404, b"File not found", {"Content-Type": "text/plain"})
    file.size, file.sha256 = _measured(asked)
    return Said(200, f"OK - {file.size}".encode(), {"Content-Type": "text/plain; charset=utf-8"})


def complete(workspace: Workspace, given: Arguments) -> Record:
    wanted = given.structure("files")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(item, dict) for item in wanted):
        raise Refused("invalid_arguments")
    files = [(_sent(workspace, item), str(item.get("title") or "")) for item in wanted]
    channels = [workspace.channel(named) for named in _channels(given)]
    for file, title in files:
        workspace.complete(file, title or file.name)
        file.channels = channels
    shown = [file.shown() for file, _ in files]
    for channel in channels:
        workspace.post(channel, given.text("initial_comment"), {"files": shown}, given.text("thread_ts") or None)
    return {"files": shown}


def info(workspace: Workspace, given: Arguments) -> Record:
    file = workspace.file(given.text("file"))
    if not file.complete:
        raise Refused("file_not_found")
    return with_cursor({"file": file.shown(), "comments": []}, "")


def _channels(given: Arguments) -> list[str]:
    return [name for name in [given.text("channel_id"), *given.text("channels").split(",")] if name]


def _sent(workspace: Workspace, item: Record) -> File:
    file = workspace.file(str(item.get("id")))
    if file.size is None:
        raise Refused("file_not_found")
    return file


def _measured(asked: Asked) -> tuple[int, str]:
    boundary = _BOUNDARY.search(asked.headers.get("content-type", ""))
    if asked.content_type != "multipart/form-data" or boundary is None or not asked.kept:
        return asked.size, asked.sha256
    content = _part(asked.body, b"--" + boundary[1].encode("latin-1"))
    return len(content), sha256(content).hexdigest()


def _part(body: bytes, line: bytes) -> bytes:
    """The content of a form's first part that is a file, else of its first part."""
    parts = [part.partition(b"\r\n\r\n") for part in (b"\r\n" + body).split(b"\r\n" + line)[1:-1]]
    contents = [content for head, _, content in parts if b"filename" in head.lower()]
    return contents[0] if contents else parts[0][2] if parts else b""
