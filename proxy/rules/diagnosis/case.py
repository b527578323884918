"""What a diagnosis is asked about, what it may find, and the one question that every hypothesis puts: does it fit now?

The one thing a reader would get wrong: `fits` ignores the clock. Whether a time is right is a question of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from proxy.rules.claims import Stop
from proxy.rules.credentials import Secret
from proxy.rules.incoming import Incoming, TooManyPairs
from proxy.rules.locators import parse_locator
from proxy.rules.schemes import SCHEMES, compile_scheme
from proxy.rules.signatures import Rejected, SecretUnusable, Verified, VerifySettings

ABOUT_TIME = ("expired", "future")  # the window is looked at only when the MAC has fitted
_SHOWN_BODY = 48  # bytes of a body that are shown
_LONG = 400  # bytes from which another piece is shortened too: a token, a message of SNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The webhook under its settings, and all that is configured around it.

    `others`: further secrets, each with whose it is. `presets`: the other providers' rows. `wall`: Unix seconds at
    which the request is judged. `skews`: for each of the last refusals the seconds by which its signed time was behind.
    """

    webhook: str
    settings: VerifySettings
    secrets: Sequence[Secret]
    wall: float
    public_url: str | None = None
    others: Sequence[tuple[str, Secret]] = ()
    presets: Mapping[str, VerifySettings] = field(default_factory=dict)
    skews: Sequence[float] = ()

    def key(self, name: str) -> str:
        """A key of this webhook as `config.yaml` spells it."""
        return f"webhooks.{self.webhook}.{name}"

    def under(self, settings: VerifySettings) -> Asked:
        """The same question under another `verify:`."""
        return replace(self, settings=settings)


class Finding(NamedTuple):
    """`finding`: a word of `webhooks.md` §4. `proof`: with that one change the MAC fits. `fix`: what to do, and where.

    `secret`: the one that fits. `signed`: what it fits over.
    """

    finding: str
    proof: bool
    what: str
    fix: str
    secret: str | None = None
    signed: str | None = None


def proven(finding: str, what: str, fix: str, secret: str | None, signed: str | None = None) -> Finding:
    """A finding whose one change makes the MAC fit."""
    return Finding(finding=finding, proof=True, what=what, fix=fix, secret=secret, signed=signed)


def hinted(finding: str, what: str, fix: str) -> Finding:
    """A finding that only looks like it."""
    return Finding(finding=finding, proof=False, what=what, fix=fix)


Hypothesis = Callable[[Asked, Incoming, Rejected], Iterator[Finding]]


def judged(asked: Asked, incoming: Incoming) -> Verified | Rejected:
    """What the webhook listener says of the request. Raises `ValueError` for settings that cannot be served."""
    scheme = compile_scheme(asked.settings, asked.public_url)
    try:
        keys = scheme.keys(asked.secrets)
    except SecretUnusable as error:
        return Rejected("secret_unavailable", 503, str(error))
    return scheme.verify(incoming, keys, asked.wall)


def fits(asked: Asked, incoming: Incoming) -> str | None:
    """The name of the secret that the request is signed with, at whatever time; None where it does not fit."""
    for secret in asked.secrets:
        try:
            found = judged(replace(asked, secrets=(secret,)), _fresh(incoming))
        except ValueError:
            return None  # a change that makes the settings impossible is no explanation
        if isinstance(found, Verified) or found.outcome in ABOUT_TIME:
            return secret.name
    return None


def values(settings: VerifySettings, incoming: Incoming) -> list[bytes]:
    """What stands where the signature should be, as it was written."""
    try:
        return [value for where in settings.signature for value in parse_locator(where).find(incoming) if value]
    except TooManyPairs:
        return []


def signed_time(settings: VerifySettings, public_url: str | None, incoming: Incoming) -> float | None:
    """Unix seconds of the time that the request carries; None where it has none that can be read."""
    try:
        reader = SCHEMES[settings.scheme](settings, public_url).reader
        incoming = _fresh(incoming)
        when = reader.read(incoming).when
        return reader.late_time(incoming) if when is None else when
    except (KeyError, ValueError, Stop):
        return None


def signed_text(asked: Asked, incoming: Incoming) -> str | None:
    """The bytes that are signed, for people: escaped, the body shortened. None where the request cannot be read."""
    try:
        claim = SCHEMES[asked.settings.scheme](asked.settings, asked.public_url).reader.read(_fresh(incoming))
    except (KeyError, ValueError, Stop):
        return None
    if not claim.messages:
        return None
    pieces = claim.messages[0]
    if asked.settings.scheme == "twilio":  # URL, query, and then the body's parameters one by one
        return _escaped(b"".join(pieces[:2])) + shortened(b"".join(pieces[2:]))
    return "".join(
        shortened(piece) if piece is incoming.body or len(piece) > _LONG else _escaped(piece) for piece in pieces
    )


def shortened(body: bytes) -> str:
    """The beginning and the end of a body, and how long it is."""
    if len(body) <= _SHOWN_BODY:
        return _escaped(body)
    ends = _SHOWN_BODY // 2
    return f"{_escaped(body[:ends])}…{_escaped(body[-ends:])} ({len(body)} bytes)"


def with_body(incoming: Incoming, body: bytes) -> Incoming:
    """The same request with another body."""
    return Incoming(incoming.method, _target(incoming), incoming.headers, body)


def with_headers(incoming: Incoming, headers: Sequence[tuple[bytes, bytes]]) -> Incoming:
    """The same request with other fields."""
    return Incoming(incoming.method, _target(incoming), tuple(headers), incoming.body)


def _fresh(incoming: Incoming) -> Incoming:
    return with_body(incoming, incoming.body)  # what another scheme read of it must not be seen


def _target(incoming: Incoming) -> bytes:
    return incoming.path if incoming.query is None else incoming.path + b"?" + incoming.query


def _escaped(piece: bytes) -> str:
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in _text(piece))


def _text(piece: bytes) -> str:
    return piece.decode("utf-8", "backslashreplace")
