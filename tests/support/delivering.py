"""Events that are stored and delivered, and what the application sees of them."""

from collections.abc import Sequence

from proxy.config.schema import WebhookSettings
from tests.support.webhooks import Answer, Listening, settings, signed

STORED = {"mode": "stored"}


def stored(**deliver: object) -> WebhookSettings:
    return settings(deliver={**STORED, **deliver})


def body(number: int) -> bytes:
    return b'{"id": "evt_%d", "object": {"id": "sub_%d"}}' % (number, number % 2)


async def take(listening: Listening, numbers: Sequence[int] = (1,)) -> list[Answer]:
    """Sends events and has them stored."""
    return [await listening.ask(body(number), signed(body(number))) for number in numbers]


def sent(listening: Listening, name: bytes) -> list[bytes | None]:
    """A header's value in each request that the application got."""
    return [dict(request.headers).get(name) for request in listening.application.requests]
