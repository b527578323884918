"""Errors and Outrigger-* headers as bytes: problem+json, Proxy-Status, native shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSettings:
    style: Literal["problem", "native"] = "problem"
    retry_after: bool = True  # whether own refusals carry Retry-After


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeShape:
    """A provider's own error, as a template over {code} {status} {detail} {request_id} {retry_after}."""

    status: int | None = None  # None: that of the code
    content_type: str = "application/json"  # `as_request`: text/xml, or application/soap+xml for SOAP 1.2
    body: str = ""
    body_soap12: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeSettings:
    default: NativeShape
    by_code: Mapping[str, NativeShape] = field(default_factory=dict)
