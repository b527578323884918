"""Stripe's error object, and the exception that carries one through the fake."""

from __future__ import annotations

from typing import Any

SHAPES = {  # status -> type, code, message
    400: ("invalid_request_error", None, "The request could not be understood."),
    401: ("invalid_request_error", None, "The API key is not valid."),
    402: ("card_error", "card_declined", "The card was declined."),
    403: ("invalid_request_error", None, "The API key does not allow this request."),
    404: ("invalid_request_error", "resource_missing", "There is nothing at this address."),
    409: ("invalid_request_error", "idempotency_key_in_use", "Another request with this key is in progress."),
    429: ("invalid_request_error", "rate_limit", "Too many requests were made in a short time."),
}


class Refused(Exception):
    """The request is answered with an error. `more`: further fields of the error object."""

    def __init__(self, status: int, type: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"type": type, "message": message, **more}


def invalid(message: str, param: str | None = None, code: str | None = None, *, status: int = 400) -> Refused:
    """A request that can never work as it stands."""
    more = {name: value for name, value in (("code", code), ("param", param)) if value is not None}
    return Refused(status, "invalid_request_error", message, **more)


def missing(kind: str, id: str, param: str, *, status: int = 404) -> Refused:
    """An object that is not there. `status`: 404 where the path names it, 400 where a parameter does."""
    return invalid(f"No such {kind}: '{id}'", param, "resource_missing", status=status)


def shape(status: int) -> dict[str, Any]:
    """The error object of a status for which nothing more is known."""
    kind, code, message = SHAPES.get(status, ("api_error", None, "Something went wrong on our side."))
    return {"type": kind, "message": message} | ({} if code is None else {"code": code})
