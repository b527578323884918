"""Messages to people's channels, whoever runs the chat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

from proxy.capabilities import checks
from proxy.capabilities.memory import Once

LONGEST = 40_000  # characters of a text


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """`provider` None: the upstream's integration."""

    provider: str | None = None
    upstream: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message that was posted. `channel`: its id with the provider, whatever name it was asked for by."""

    id: str
    channel: str
    provider: str
    request_id: str


class ChatProvider(ABC):
    """Every method raises `IntegrationError` of `capabilities/errors.py` and nothing else."""

    keyed: ClassVar[bool] = False  # the provider itself does only once what it gets twice under one key

    @abstractmethod
    async def post(self, channel: str, text: str, *, idempotency_key: str, thread: str | None = None) -> Post:
        """Posts `text`; `thread`: the id of the message that it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A message as it was asked for, checked."""

    channel: str
    text: str
    thread: str | None


def note(channel: object, text: object, thread: object = None) -> Note:
    """Raises `InvalidRequest`."""
    return Note(
        channel=checks.text("channel", channel, 100),
        text=checks.text("text", text, LONGEST),
        thread=checks.optional("thread", thread, 64),
    )


class MockChatAdapter(ChatProvider):
    """Plain memory, for unit tests; `posted` holds what would have been shown."""

    def __init__(self) -> None:
        self.posted: list[Note] = []
        self._posts: Once[Post] = Once()
        self._numbers = count(1)

    async def post(self, channel: str, text: str, *, idempotency_key: str, thread: str | None = None) -> Post:
        asked = note(channel, text, thread)
        known = self._posts.before(idempotency_key, asked)
        if known is not None:
            return known
        number = next(self._numbers)
        self.posted = [*self.posted[-99:], asked]
        post = Post(id=f"mock_msg_{number}", channel=asked.channel, provider="mock", request_id=f"mock-{number}")
        return self._posts.keep(idempotency_key, asked, post)
