"""Webhook schemes, templates first: (headers, body, secrets, now) -> by which key, or why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from proxy.units import Seconds


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
    key: KeySettings = KeySettings()
    id: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    nonce: str | None = None
    methods: tuple[str, ...] = ("POST",)
    handshake: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    body_signed: bool = True
    secrets: tuple[str, ...] = ()  # names, newest first
