"""Claims of JSON Web Tokens (RFC 7519) that carry a digest of the body, as Plaid and Vonage send them.

The one thing a reader would get wrong: nothing in the token chooses a key. `kid`, `jwk`, `jku` and `x5u` are not read,
`alg` only picks from the list that is configured, and that list never mixes shared secrets with public keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from proxy.rules.claims import Claim, Stop
from proxy.rules.incoming import DuplicateName, Incoming, unambiguous_json
from proxy.rules.locators import Locator
from proxy.rules.signed_values import signature_bytes

MOST_BYTES = 16 << 10  # of a token
_DATE = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,9})?")

Shape = Callable[[bytes], bytes | None]  # a signature's bytes -> as its key wants them, None for another length


class Algorithm(NamedTuple):
    """`hash`: as the key knows it. `shape`: what such a signature must look like."""

    hash: str
    shape: Shape


@dataclass(slots=True, kw_only=True, eq=False)
class JwtReader:
    """`algorithms`: by the name in `alg`. `body_claim`: the claim that holds the body's SHA-256."""

    signature: tuple[Locator, ...]
    prefix: bytes
    algorithms: Mapping[str, Algorithm]
    issued_at: str | None
    body_claim: str
    body_encoding: str

    headers: frozenset[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = frozenset(locator.name for locator in self.signature if locator.kind == "header")

    def read(self, incoming: Incoming) -> Claim:
        """Raises `Stop`. The token's claims can be located from here on."""
        token = self._token(incoming)
        signed, _, last = token.rpartition(b".")
        head, dot, payload = signed.partition(b".")
        if len(token) > MOST_BYTES or not dot or b"." in payload:
            raise _malformed("it is no token of three parts within 16 KiB")
        algorithm = self._algorithm(_object(head))
        signature = algorithm.shape(_decoded(last))
        if signature is None:
            raise _malformed("the token's signature has another length than such signatures")
        incoming.claims = claims = _object(payload)
        when = self._issued(claims)
        starts, ends = _date(claims, "nbf"), _date(claims, "exp")
        self._check_body(claims, incoming.body)
        return Claim([signature], [[signed]], algorithm.hash, when, starts=starts, ends=ends)

    def late_time(self, incoming: Incoming) -> None:
        """Always None: the token is what is signed, and its times are in it."""

    def _token(self, incoming: Incoming) -> bytes:
        found = [value for locator in self.signature for value in locator.find(incoming) if value]
        if not found:
            raise Stop("missing_signature", "no token where it should be")
        if len(found) > 1 or not found[0].startswith(self.prefix):
            raise _malformed("there are two tokens, or its prefix is another")
        return found[0].removeprefix(self.prefix)

    def _algorithm(self, head: Mapping[str, object]) -> Algorithm:
        if "crit" in head:
            raise _malformed("the token says crit, and no extension is known here")
        name = head.get("alg")
        found = self.algorithms.get(name) if isinstance(name, str) else None
        if found is None:
            raise Stop("algorithm_not_allowed", "the token's alg is none of verify.algorithms")
        return found

    def _issued(self, claims: Mapping[str, object]) -> float | None:
        if self.issued_at is None:
            return None
        when = _date(claims, self.issued_at)
        if when is None:
            raise Stop("missing_timestamp", f"the token has no claim {self.issued_at}")
        return when

    def _check_body(self, claims: Mapping[str, object], body: bytes) -> None:
        said = claims.get(self.body_claim)
        if said is None or said == "":
            raise Stop("body_not_signed", f"the token has no claim {self.body_claim}, which covers the body")
        written = said.encode("utf-8", "surrogatepass") if isinstance(said, str) else b""
        digest = signature_bytes(written, self.body_encoding)
        if digest is None or len(digest) != hashlib.sha256().digest_size:
            raise _malformed(f"claim {self.body_claim} is no SHA-256 in {self.body_encoding}")
        if not hmac.compare_digest(digest, hashlib.sha256(body).digest()):
            raise Stop("bad_signature", f"claim {self.body_claim} is not the digest of the body")


def of_size(size: int) -> Shape:
    """The shape of signatures that are always that long."""
    return lambda value: value if len(value) == size else None


def _malformed(detail: str) -> Stop:
    return Stop("malformed_signature", detail)


def _decoded(part: bytes) -> bytes:
    """RFC 7515, 2: base64url without padding; other spellings of the same bytes are refused."""
    try:
        found = base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        found = b""
    if not part or base64.urlsafe_b64encode(found).rstrip(b"=") != part:
        raise _malformed("a part of the token is no base64url")
    return found


def _object(part: bytes) -> Mapping[str, object]:
    try:
        found = unambiguous_json(_decoded(part))
    except DuplicateName:
        raise _malformed("a part of the token says a name twice") from None
    if not isinstance(found, dict):
        raise _malformed("a part of the token is no JSON object")
    return found


def _date(claims: Mapping[str, object], name: str) -> float | None:
    """RFC 7519, 2: seconds, perhaps with a fraction. The text as it came, so that no huge number is computed."""
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise Stop("malformed_timestamp", f"claim {name} is not written as seconds")
    return float(value)
