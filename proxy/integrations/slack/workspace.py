"""All that one fake Slack workspace remembers: channels, people, messages, files; and how each is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from proxy.capabilities.memory import Shelf
from proxy.integrations.ids import Ids

Record = dict[str, Any]

TEAM = "T0TEAM"
BOT = "U0BOT"
CHANNELS = {"C0GENERAL": "general", "C0RANDOM": "random", "C0ALERTS": "alerts"}
PEOPLE = {BOT: "outrigger", "U0ALICE": "alice", "U0BOB": "bob"}


class Refused(Exception):
    """The call is answered with `ok: false` and this error."""


@dataclass(slots=True, kw_only=True)
class Message:
    """`micros`: microseconds since 1970, the message's name within its channel."""

    micros: int
    channel: str
    text: str
    extras: Record = field(default_factory=dict)  # blocks, attachments, files
    thread: str | None = None
    edited: int | None = None

    @property
    def ts(self) -> str:
        return timestamp(self.micros)

    def shown(self) -> Record:
        shown: Record = {
            "type": "message",
            "user": BOT,
            "bot_id": "B0BOT",
            "team": TEAM,
            "ts": self.ts,
            "text": self.text,
        }
        if self.thread is not None:
            shown["thread_ts"] = self.thread
        if self.edited is not None:
            shown["edited"] = {"user": BOT, "ts": timestamp(self.edited)}
        return shown | self.extras


@dataclass(slots=True, kw_only=True)
class File:
    """`size` and `sha256` are those of what was uploaded; None before that."""

    id: str
    name: str
    token: str  # the last part of its upload address
    title: str = ""
    created: int = 0
    size: int | None = None
    sha256: str | None = None
    complete: bool = False
    channels: list[str] = field(default_factory=list)

    def shown(self) -> Record:
        ending = self.name.rpartition(".")[2].lower() if "." in self.name else "text"
        fields = {"id": self.id, "name": self.name, "title": self.title, "filetype": ending, "mode": "hosted"}
        more = {"created": self.created, "timestamp": self.created, "user": BOT, "channels": self.channels}
        return {**fields, **more, "size": self.size, "sha256": self.sha256}


class Workspace:
    """`wall`: Unix seconds."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._last = 0
        self._ids = Ids("slack file")
        self._messages: dict[str, Shelf[Message]] = {channel: Shelf() for channel in CHANNELS}
        self._files: Shelf[File] = Shelf()
        self.posted: list[Message] = []  # messages that nobody was told of yet

    def tick(self) -> int:
        """The time in microseconds, later than any told before."""
        self._last = max(int(self._wall() * 1_000_000), self._last + 1)
        return self._last

    def channel(self, named: str) -> str:
        """The id of a channel given by id, name or `#name`. Raises `Refused`."""
        for channel, name in CHANNELS.items():
            if named in {channel, name, f"#{name}"}:
                return channel
        raise Refused("channel_not_found")

    def post(self, channel: str, text: str, extras: Record, thread: str | None = None) -> Message:
        message = Message(micros=self.tick(), channel=channel, text=text, extras=extras, thread=thread)
        self._messages[channel].put(message.ts, message)
        self.posted.append(message)
        return message

    def message(self, channel: str, ts: str) -> Message:
        """Raises `Refused` where there is none of that `ts`."""
        message = self._messages[channel].get(ts)
        if message is None:
            raise Refused("message_not_found")
        return message

    def remove(self, message: Message) -> None:
        self._messages[message.channel].drop(message.ts)

    def newest_first(self, channel: str) -> Iterator[Message]:
        return self._messages[channel].newest_first()

    def expect(self, name: str) -> File:
        """A file that is to be uploaded."""
        file = File(id=f"F{self._ids.hexadecimal(10).upper()}", name=name, token=self._ids.letters(24))
        self._files.put(file.id, file)
        return file

    def file(self, id: str) -> File:
        """Raises `Refused` where there is none of that id."""
        file = self._files.get(id)
        if file is None:
            raise Refused("file_not_found")
        return file

    def expected(self, token: str) -> File | None:
        """The file whose upload address ends in `token`."""
        return next((file for file in self._files.newest_first() if file.token == token), None)

    def complete(self, file: File, title: str) -> None:
        """The upload is over: from now on the file is shown."""
        file.complete, file.title, file.created = True, title, int(self._wall())


def timestamp(micros: int) -> str:
    """A `ts` as Slack writes it: seconds, a point, six digits."""
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def micros(ts: str) -> int:
    """Back from a `ts`, with or without its fraction. Raises `Refused`."""
    seconds, _, fraction = ts.partition(".")
    if not (seconds + fraction).isdecimal() or not (seconds + fraction).isascii() or len(ts) > 24:
        raise Refused("invalid_arguments")
    return int(seconds or "0") * 1_000_000 + int(fraction[:6].ljust(6, "0"))
