"""What a webhook request says of itself before anything is proven: signatures, what they may be over, the time.

A `Reader` gets that out of a request, or stops with the outcome of `webhooks.md` §2.2 that says why it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from proxy.rules.incoming import Incoming

MOST_SIGNATURES = 16  # candidates that are tried


class Claim(NamedTuple):
    """`messages`: spellings, in pieces, of the one message that was signed. `when`: Unix seconds, None if unknown.

    One of `signatures` must fit, or with `every` all of them. `starts`, `ends`: Unix seconds outside of which the
    signer himself does not want it taken. `also`: what the same secret must have signed besides.
    """

    signatures: Sequence[bytes]
    messages: Sequence[Sequence[bytes]] = ()
    algorithm: str = ""
    when: float | None = None
    every: bool = False
    starts: float | None = None
    ends: float | None = None
    also: Sequence[Claim] = ()


class Stop(Exception):
    """A request that cannot be genuine as it is. `detail`: for the log; it holds nothing of the request's values."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.detail = detail


class Reader(Protocol):
    """Knows one way of signing, without the secrets."""

    @property
    def headers(self) -> frozenset[bytes]:
        """Lower-case names of those that take part in the proof and must not come twice."""

    def read(self, incoming: Incoming) -> Claim:
        """Raises `Stop`."""

    def late_time(self, incoming: Incoming) -> float | None:
        """A time that stands in the body unsigned by itself, read once the body is proven. Raises `Stop`."""


class Key(Protocol):
    """A secret, ready to check with."""

    def proves(self, claim: Claim) -> bool:
        """True if the claim was signed with this secret. The time it takes does not tell which signature fitted."""


class Parts(NamedTuple):
    """What a scheme is made of. `body_covered`: what it signs covers the body.

    `certificate_url`: where the signer's certificate is to be got, for a scheme that is not given it as a secret;
    raises `Stop`.
    """

    reader: Reader
    prepare: Callable[[bytes], Key]
    body_covered: bool
    certificate_url: Callable[[Incoming], str] | None = None


def no_header_twice(incoming: Incoming, names: frozenset[bytes]) -> None:
    """Raises `Stop` where a header that must not come twice does, with the same value or another."""
    for name in names:
        if len(incoming.lines(name)) > 1:
            raise Stop("ambiguous_signature", f"two {name.decode()} headers")
