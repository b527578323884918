"""What can go wrong, by name: one row per error code, and the few exceptions that cross a stage.

A `Refusal` was decided here and says nothing about the upstream; an `UpstreamFailure` is an attempt that ended without
an answer. Everything else that reaches the gateway is a bug.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """How a code looks to the application: HTTP status, RFC 9209 error token, title of the problem document."""

    status: int
    token: str
    title: str


CODES: dict[str, Code] = {
    "bad_request": Code(400, "http_request_error", "Bad request"),
    "unauthorized_caller": Code(401, "http_request_denied", "Unauthorized caller"),
    "browser_refused": Code(403, "http_request_denied", "Browser refused"),
    "out_of_scope": Code(403, "http_request_denied", "Out of scope"),
    "unknown_upstream": Code(404, "destination_not_found", "Unknown upstream"),
    "method_not_allowed": Code(405, "http_request_denied", "Method not allowed"),
    "request_timeout": Code(408, "http_request_error", "Request timeout"),
    "request_too_large": Code(413, "http_request_denied", "Request too large"),
    "expectation_failed": Code(417, "http_request_error", "Expectation failed"),
    "misdirected": Code(421, "http_request_denied", "Misdirected request"),
    "cooldown": Code(429, "http_request_denied", "Cooldown"),
    "rate_limited": Code(429, "http_request_denied", "Rate limited"),
    "head_too_large": Code(431, "http_request_denied", "Request head too large"),
    "internal_error": Code(500, "proxy_internal_error", "Internal error"),
    "connect_refused": Code(502, "connection_refused", "Connection refused"),
    "dns_error": Code(502, "dns_error", "DNS error"),
    "tls_error": Code(502, "tls_protocol_error", "TLS error"),
    "upstream_reset": Code(502, "connection_terminated", "Upstream reset"),
    "upstream_protocol_error": Code(502, "http_protocol_error", "Upstream protocol error"),
    "egress_denied": Code(502, "destination_ip_prohibited", "Egress denied"),
    "circuit_open": Code(503, "destination_unavailable", "Circuit open"),
    "concurrency_full": Code(503, "connection_limit_reached", "Concurrency full"),
    "secret_unavailable": Code(503, "proxy_configuration_error", "Secret unavailable"),
    "draining": Code(503, "destination_unavailable", "Draining"),
    "connect_timeout": Code(504, "connection_timeout", "Connect timeout"),
    "upstream_timeout": Code(504, "http_response_timeout", "Upstream timeout"),
    "deadline_exceeded": Code(504, "http_response_timeout", "Deadline exceeded"),
}


class ProxyError(Exception):
    """A row of `CODES` with the particulars of one case.

    `detail`: our own words, safe to show to anyone. `retry_after`: seconds until it may work, or None.
    """

    def __init__(self, code: str, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


class Refusal(ProxyError):
    """Decided here; never repeated, no evidence for the breaker."""


class ClientGone(ProxyError):
    """The application closed its connection before it had its answer; nobody is there to be told."""

    def __init__(self) -> None:
        super().__init__("client_gone")


class UpstreamFailure(ProxyError):
    """An attempt that ended without a response head, or a response body that broke off.

    `sent`: False only if no byte of the request can have reached the provider. `token`: an RFC 9209 error more exact
    than the code's own (`tls_certificate_error`).
    """

    def __init__(self, code: str, detail: str = "", *, sent: bool, token: str | None = None) -> None:
        super().__init__(code, detail)
        self.sent = sent
        self.token = token


class StaleConnection(UpstreamFailure):
    """A pooled connection that the upstream had closed before any byte of the answer: neither attempt nor evidence."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("upstream_reset", "The upstream closed a kept connection.", sent=sent)
