"""Text messages, whoever carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

from proxy.capabilities import checks
from proxy.capabilities.memory import Once

LONGEST = 1600  # characters of a text


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSettings:
    """`provider` None: the upstream's integration. `from_`: the sender of messages that name none."""

    provider: str | None = None
    upstream: str | None = None
    from_: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that was taken. `status`: `queued` or `sent`. `segments`: as how many it travels and is paid for."""

    id: str
    status: str
    segments: int
    provider: str
    request_id: str


class SmsProvider(ABC):
    """Every method raises `IntegrationError` of `capabilities/errors.py` and nothing else."""

    keyed: ClassVar[bool] = False  # the provider itself does only once what it gets twice under one key

    @abstractmethod
    async def send(
        self, to: str, text: str, *, idempotency_key: str, from_: str | None = None, callback: str | None = None
    ) -> Message:
        """Sends `text` to a number in E.164. `from_`: another sender; `callback`: where the provider reports to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A message as it was asked for, checked."""

    to: str
    text: str
    sender: str | None
    callback: str | None


def outgoing(to: object, text: object, sender: object = None, callback: object = None) -> Text:
    """Raises `InvalidRequest`."""
    return Text(
        to=checks.phone("to", to),
        text=checks.text("text", text, LONGEST),
        sender=checks.optional("from", sender, 64),
        callback=checks.url("callback", callback),
    )


class MockSmsAdapter(SmsProvider):
    """Plain memory, for unit tests; `sent` holds what would have gone out."""

    def __init__(self) -> None:
        self.sent: list[Text] = []
        self._messages: Once[Message] = Once()
        self._numbers = count(1)

    async def send(
        self, to: str, text: str, *, idempotency_key: str, from_: str | None = None, callback: str | None = None
    ) -> Message:
        asked = outgoing(to, text, from_, callback)
        known = self._messages.before(idempotency_key, asked)
        if known is not None:
            return known
        number = next(self._numbers)
        self.sent = [*self.sent[-99:], asked]
        message = Message(
            id=f"mock_sms_{number}",
            status="queued",
            segments=-(-len(asked.text) // 160),
            provider="mock",
            request_id=f"mock-{number}",
        )
        return self._messages.keep(idempotency_key, asked, message)
