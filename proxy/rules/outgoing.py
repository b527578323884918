"""What a credential that is computed from the whole request is given, and what it gives back.

The one thing a reader would get wrong: `target` is what the provider will see, the `url`'s own path in front, since
that is what both ends compute over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from proxy.model import Headers
from proxy.rules.credentials import Secret


class Place(NamedTuple):
    """One host of a provider: `path` stands in front of every target, without its last slash."""

    secure: bool
    authority: bytes
    path: bytes


class Outgoing(NamedTuple):
    """A request as it would leave. `body`: b"" where there is none, None where it streams and nobody reads it here."""

    method: str
    target: bytes
    headers: Headers
    body: bytes | None
    place: Place


class Moment(NamedTuple):
    """`wall`: Unix seconds. `nonce`: random bytes that no other request was given."""

    wall: float
    nonce: bytes


class Signed(NamedTuple):
    """The request's fields with the credential among them, and its body where the credential stands in it."""

    headers: Headers
    body: bytes | None = None


class Signer(Protocol):
    """A way to sign, compiled from its settings."""

    def cleaned(self, target: bytes) -> bytes:
        """The application's target less a credential of its own in the query."""

    def wants_body(self, headers: Headers, *, sized: bool, small: bool, secure: bool) -> bool:
        """Whether the body must be here, all of it. `sized`: its length is known; `small`: it may be kept whole.

        Raises `Refusal` for a request that cannot be signed.
        """

    def sign(self, outgoing: Outgoing, read: Callable[[str], Secret], moment: Moment) -> Signed:
        """The request with its credential. Raises what `read` raises, and `Refusal` for what cannot be signed."""
