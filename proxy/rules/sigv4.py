"""AWS Signature Version 4 in a header.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

The one thing a reader would get wrong: S3 takes the path as the client encoded it, once; every other service wants it
normalised and encoded a second time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from proxy.errors import Refusal
from proxy.model import Headers
from proxy.rules.auth_settings import AwsSigV4Auth
from proxy.rules.credentials import Secret, one_line
from proxy.rules.headers import fold
from proxy.rules.outgoing import Moment, Outgoing, Signed

UNSIGNED = b"UNSIGNED-PAYLOAD"
_ALGORITHM = "AWS4-HMAC-SHA256"
_HASH = b"x-amz-content-sha256"
_BLANKS = re.compile(rb"[ \t]+")
_SIGNED = (b"content-type", b"content-md5")  # beside host and x-amz-*: what no hop on the way may change
_PRESIGNED = frozenset(
    b"X-Amz-Algorithm X-Amz-Credential X-Amz-Date X-Amz-Expires X-Amz-SignedHeaders X-Amz-Security-Token"
    b" X-Amz-Signature".split()
)
_SWITCH = (
    "This body is signed in chunks by the SDK, and cannot be signed again. Let the SDK send it unsigned or whole: "
    'request_checksum_calculation="when_required" (AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED) and '
    "payload_signing_enabled=False in boto3's Config(s3={…}), chunkedEncodingEnabled(false) in Java."
)


class Scope(NamedTuple):
    """Where and when a signature counts. `stamp`: `20150830T123600Z`."""

    stamp: str
    region: str
    service: str

    @property
    def text(self) -> str:
        return f"{self.stamp[:8]}/{self.region}/{self.service}/aws4_request"


class SigV4:
    """Signs for one region and service, and takes the application's own signature off."""

    def __init__(self, settings: AwsSigV4Auth) -> None:
        self._settings = settings
        self._s3 = settings.service.startswith("s3")

    def cleaned(self, target: bytes) -> bytes:
        """The target without an application's signature in the query, which would be a second one."""
        path, mark, query = target.partition(b"?")
        if b"X-Amz-" not in query:
            return target
        kept = [pair for pair in query.split(b"&") if unquote_to_bytes(pair.partition(b"=")[0]) not in _PRESIGNED]
        return path + mark + b"&".join(kept) if kept else path

    def wants_body(self, headers: Headers, *, sized: bool, small: bool, secure: bool) -> bool:
        """Where the application says no hash: for all small bodies; a larger one is signed as unsigned to S3 alone."""
        given = _given_hash(headers)
        if given is not None:
            if given.startswith(b"STREAMING-") and given != b"STREAMING-UNSIGNED-PAYLOAD-TRAILER":
                raise Refusal("bad_request", _SWITCH)
            return False
        if self._s3 and secure and not (sized and small):
            return False
        if not small:
            raise Refusal("request_too_large", "The body is over body.replay, and must be kept whole to be signed.")
        return True

    def sign(self, outgoing: Outgoing, read: Callable[[str], Secret], moment: Moment) -> Signed:
        """The request with `X-Amz-Date`, `Authorization` and what else it takes."""
        settings = self._settings
        scope = Scope(_stamp(moment.wall), settings.region, settings.service)
        headers = list(outgoing.headers)
        payload = _given_hash(outgoing.headers)
        if payload is None:
            payload = UNSIGNED if outgoing.body is None else hashlib.sha256(outgoing.body).hexdigest().encode()
            if self._s3:
                headers.append((b"X-Amz-Content-Sha256", payload))
        headers.append((b"X-Amz-Date", scope.stamp.encode()))
        if settings.session_token is not None:
            headers.append((b"X-Amz-Security-Token", one_line(read(settings.session_token))))
        names, canonical = canonical_request(
            outgoing.method,
            canonical_path(outgoing.target, once=self._s3),
            canonical_query(outgoing.target),
            [(b"host", outgoing.place.authority), *filter(_counts, headers)],
            payload,
        )
        secret = read(settings.secret_key).reveal()
        proof = signature(secret, scope, string_to_sign(canonical, scope))
        access = one_line(read(settings.access_key)).decode()
        value = f"{_ALGORITHM} Credential={access}/{scope.text}, SignedHeaders={names}, Signature={proof}"
        return Signed((*headers, (b"Authorization", value.encode())))


def canonical_path(target: bytes, *, once: bool) -> bytes:
    """The path in canonical form: `once` encoded for S3, else normalised and what is on the wire encoded again."""
    path = target.partition(b"?")[0] or b"/"
    if once:
        return quote(unquote_to_bytes(path), safe="/-_.~").encode()
    return quote(_normal(path), safe="/-_.~").encode()


def canonical_query(target: bytes) -> bytes:
    """Names and values encoded anew and sorted; `+` is a space, as every service reads it."""
    query = target.partition(b"?")[2]
    pairs = []
    for pair in query.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            pairs.append((_encoded(name), _encoded(value)))
    return b"&".join(name + b"=" + value for name, value in sorted(pairs))


def canonical_request(
    method: str, path: bytes, query: bytes, headers: Iterable[tuple[bytes, bytes]], payload: bytes
) -> tuple[str, bytes]:
    """`SignedHeaders`, and the canonical request over all of `headers`."""
    lines: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        lines.setdefault(name.lower(), []).append(_BLANKS.sub(b" ", value.strip()))
    names = b";".join(sorted(lines))
    fields = b"".join(name + b":" + b",".join(lines[name]) + b"\n" for name in sorted(lines))
    return names.decode(), b"\n".join([method.encode(), path, query, fields, names, payload])


def string_to_sign(canonical: bytes, scope: Scope) -> bytes:
    """Algorithm, time, scope and the canonical request's hash."""
    return "\n".join([_ALGORITHM, scope.stamp, scope.text, hashlib.sha256(canonical).hexdigest()]).encode()


def signature(secret: bytes, scope: Scope, text: bytes) -> str:
    """The signature in hex."""
    return hmac.new(_key(secret, scope.stamp[:8], scope.region, scope.service), text, hashlib.sha256).hexdigest()


def _key(secret: bytes, day: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _given_hash(headers: Headers) -> bytes | None:
    for name, value in headers:
        if fold(name) == _HASH:
            return value.strip()
    return None


def _counts(field: tuple[bytes, bytes]) -> bool:
    name = field[0].lower()
    return name in _SIGNED or name.startswith(b"x-amz-")


def _stamp(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).strftime("%Y%m%dT%H%M%SZ")


def _encoded(text: bytes) -> bytes:
    return quote(unquote_to_bytes(text.replace(b"+", b" ")), safe="-_.~").encode()


def _normal(path: bytes) -> bytes:
    """RFC 3986, 5.2.4, and doubled slashes as one."""
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    last = b"/" if kept and path.endswith((b"/", b"/.", b"/..")) else b""
    return b"/" + b"/".join(kept) + last
