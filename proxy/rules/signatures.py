"""Verifying a webhook: (request, secrets, time) -> by which secret it was signed, or why it is not proven.

What differs between schemes is behind `Reader` and `Key`; `schemes.py` makes both from the settings that stand here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from proxy.rules.claims import Claim, Key, Parts, Stop, no_header_twice
from proxy.rules.credentials import Secret
from proxy.rules.incoming import Incoming, TooManyPairs
from proxy.rules.locators import Locator, first, parse_locator
from proxy.units import Seconds

STATUSES = {"ambiguous_signature": 400, "too_large": 413, "secret_unavailable": 503}  # all other outcomes: 401


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    encoding: Literal["raw", "hex", "base64", "spki_base64", "pem"] = "raw"
    strip_prefix: str | None = None  # taken off when present


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySettings:
    """The keys of `verify:`. Lists in the file are tuples here; a single locator is a tuple of one."""

    scheme: Literal["hmac", "ed25519", "ecdsa", "rsa", "token", "basic", "jwt", "twilio", "aws_sns", "adyen"]
    signature: tuple[str, ...] = ()  # locators; any of them may match
    format: Literal["raw", "params"] = "raw"
    separator: str = ","
    assign: str = "="
    param: str | None = None
    prefix: str | None = None
    repeat: bool = False
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["hex", "base64", "base64url"] = "hex"
    signed: str | None = None  # template of the signed bytes
    timestamp: str | None = None  # locator, or `param:NAME`
    timestamp_unit: Literal["s", "ms", "iso8601"] = "s"
    tolerance: Seconds | None = None  # None: any age (the loader has put 5m where a time is signed)
    algorithms: tuple[str, ...] = ()  # jwt: those that a token may say in `alg`
    issued_at: str | None = None  # jwt: the claim that is the signed time
    body_claim: str | None = None  # jwt: the claim that holds the body's SHA-256
    body_encoding: Literal["hex", "base64", "base64url"] = "hex"  # of that claim
    key: KeySettings = KeySettings()
    id: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    nonce: str | None = None
    methods: tuple[str, ...] | None = None  # None: POST, and with `twilio` GET too
    handshake: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    body_signed: bool = True
    secrets: tuple[str, ...] = ()  # names, newest first

    @property
    def named_secrets(self) -> tuple[str, ...]:
        """The names of all secrets that are needed, the one that is told to a handshake among them."""
        token = self.options.get("verify_token")
        return (*self.secrets, token) if isinstance(token, str) else self.secrets


class Verified(NamedTuple):
    """`secret`: the name of the one that fitted. `when`: the signed time in Unix seconds, None if there is none.

    `nonce`: the value that names this one request, None where the scheme has none.
    """

    secret: str
    when: float | None
    nonce: bytes | None = None


class Rejected(NamedTuple):
    """`outcome`: a word of `webhooks.md` §2.2. `detail`: for the log; neither is ever told to the sender."""

    outcome: str
    status: int
    detail: str


class Naming(NamedTuple):
    """What the sender calls an event; None where it does not say, or says it twice."""

    id: bytes | None
    type: bytes | None


class NamedKey(NamedTuple):
    secret: str
    key: Key


class SecretUnusable(ValueError):
    """A secret's value does not fit what `key:` says of it. The text names the secret, never the value."""


class Scheme:
    """One webhook's `verify:`, compiled."""

    def __init__(self, settings: VerifySettings, parts: Parts, methods: tuple[str, ...]) -> None:
        self.methods = methods
        self._reader = parts.reader
        self._prepare = parts.prepare
        self._certificate_url = parts.certificate_url
        self._tolerance = settings.tolerance
        self._id = locators_of(settings.id)
        self._type = locators_of(settings.type)
        self._nonce = () if settings.nonce is None else locators_of((settings.nonce,))
        named = {locator.name for locator in (*self._id, *self._nonce) if locator.kind == "header"}
        self._once = parts.reader.headers | named
        self._prepared: dict[str, tuple[bytes, Key]] = {}
        self._secrets: list[Secret] = []
        self._keys: list[NamedKey] = []

    def keys(self, secrets: Sequence[Secret]) -> list[NamedKey]:
        """The secrets made ready, once per value. Raises `SecretUnusable`."""
        if secrets == self._secrets:  # the same ones as before: a new value comes as a new secret
            return self._keys
        found = []
        for secret in secrets:
            value = secret.reveal()
            known = self._prepared.get(secret.name)
            if known is None or known[0] != value:
                known = self._prepared[secret.name] = (value, self._key(secret.name, value))
            found.append(NamedKey(secret.name, known[1]))
        self._secrets, self._keys = list(secrets), found
        return found

    def certificate_url(self, incoming: Incoming) -> str | None:
        """Where the certificate is that `keys` has to be made of for this request; None: it needs none.

        That is so where secrets are configured, and for a request that `verify` refuses whatever the keys.
        """
        if self._certificate_url is None:
            return None
        try:
            no_header_twice(incoming, self._once)
            return self._certificate_url(incoming)
        except Stop:
            return None

    def verify(self, incoming: Incoming, keys: Sequence[NamedKey], wall: float) -> Verified | Rejected:
        """Steps 7 to 10 of `webhooks.md` §2.1. `wall`: Unix seconds."""
        try:
            return self._verify(incoming, keys, wall)
        except Stop as stop:
            return Rejected(stop.outcome, STATUSES.get(stop.outcome, 401), stop.detail)
        except TooManyPairs as error:
            return Rejected("too_large", 413, str(error))

    def naming(self, incoming: Incoming) -> Naming:
        """The event's id and type. This parses the body, so it is asked only once that is proven."""
        try:
            return Naming(first(self._id, incoming), first(self._type, incoming))
        except TooManyPairs:
            return Naming(None, None)

    def _verify(self, incoming: Incoming, keys: Sequence[NamedKey], wall: float) -> Verified:
        no_header_twice(incoming, self._once)
        claim = self._reader.read(incoming)
        proven = [named.secret for named in keys if _proves(named.key, claim)]  # every key is tried
        if not proven:
            raise Stop("bad_signature", _none_fits(claim, len(keys)))
        when = self._reader.late_time(incoming) if claim.when is None else claim.when
        if self._tolerance is not None and when is not None:
            _check_window(when, wall, self._tolerance)
        _check_life(claim, wall)
        return Verified(proven[0], when, self._named_once(incoming) if self._nonce else None)

    def _named_once(self, incoming: Incoming) -> bytes:
        found = first(self._nonce, incoming)
        if found is None:
            raise Stop("missing_id", "the nonce is not there")
        return found

    def _key(self, name: str, value: bytes) -> Key:
        try:
            return self._prepare(value)
        except ValueError as error:
            raise SecretUnusable(f"secret {name} {error}") from None


def locators_of(texts: Sequence[str]) -> tuple[Locator, ...]:
    """Raises `ValueError` that says what is allowed."""
    return tuple(parse_locator(text) for text in texts)


def _check_window(when: float, wall: float, tolerance: float) -> None:
    if wall - when > tolerance:
        raise Stop("expired", f"signed {wall - when:.0f} s ago; the tolerance is {tolerance:g} s")
    if when - wall > tolerance:
        raise Stop("future", f"signed {when - wall:.0f} s ahead of our clock; the tolerance is {tolerance:g} s")


def _check_life(claim: Claim, wall: float) -> None:
    if claim.ends is not None and wall >= claim.ends:
        raise Stop("expired", f"its own end was {wall - claim.ends:.0f} s ago")
    if claim.starts is not None and wall < claim.starts:
        raise Stop("future", f"it begins to count in {claim.starts - wall:.0f} s")


def _proves(key: Key, claim: Claim) -> bool:
    fits = [key.proves(one) for one in (claim, *claim.also)]  # all of them, so that the time does not tell which
    return all(fits)


def _none_fits(claim: Claim, keys: int) -> str:
    return f"none of {len(claim.signatures)} signatures fits one of {keys} secrets"
