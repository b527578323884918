"""What can go wrong on the normalised side: one table of codes, and an exception for each kind.

The one thing a reader would get wrong: `outcome_unknown` is no failure. The provider may have done what was asked, so
whoever gets it looks the thing up, or repeats under the same key; all others say that nothing was done.
"""

from __future__ import annotations

from typing import NamedTuple


class IntegrationError(Exception):
    """A row of `CODES` with the particulars of one case; of `field`, `reason`, … those are None that say nothing.

    `detail`: our own words, safe to show to anyone. `field`: which part of the request. `reason`: why a payment was
    declined, a key of `MESSAGES`. `retry_after`: seconds until it may work. `cause`: the code that the call ended with
    (`circuit_open`, `upstream_timeout`, …). `request_id`: under which the call is logged.
    """

    def __init__(  # noqa: PLR0913 - the fields that a problem document may have
        self,
        code: str,
        detail: str = "",
        *,
        field: str | None = None,
        reason: str | None = None,
        retry_after: float | None = None,
        cause: str | None = None,
        request_id: str | None = None,
    ) -> None:
        row = CODES.get(code)
        self.code = code
        self.status = 500 if row is None else row.status
        self.detail = detail or (code if row is None else row.detail)
        self.field = field
        self.reason = reason
        self.retry_after = retry_after
        self.cause = cause
        self.request_id = request_id
        super().__init__(f"{code}: {self.detail}")

    @property
    def customer_message(self) -> str | None:
        """What a buyer may be told of a declined payment; None for everything else."""
        return None if self.reason is None else MESSAGES.get(self.reason, MESSAGES["generic_decline"])


class PaymentDeclined(IntegrationError):
    """The buyer's bank or the provider said no to this payment."""


class InvalidRequest(IntegrationError):
    """What was asked for can never work as it stands."""


class NotFound(IntegrationError):
    """What the request names is not there."""


class OutOfStock(IntegrationError):
    """There is less of it than was asked for."""


class IdempotencyError(IntegrationError):
    """The key is missing, belongs to another request, or to one that still runs."""


class RateLimited(IntegrationError):
    """Too much was asked of the provider; nothing was done."""


class Unavailable(IntegrationError):
    """The call had no effect, or the provider reported an error of its own."""


class OutcomeUnknown(IntegrationError):
    """It was sent and there was no answer: it may have been done."""


class Misconfigured(IntegrationError):
    """The provider refuses our credential; never the application's fault."""


class Row(NamedTuple):
    """How a code looks over HTTP: status, exception, RFC 9209 token, and what is said where nobody says more."""

    status: int
    kind: type[IntegrationError]
    token: str
    detail: str


CODES: dict[str, Row] = {
    "payment_declined": Row(402, PaymentDeclined, "http_request_denied", "The payment was declined."),
    "invalid_request": Row(422, InvalidRequest, "http_request_error", "The request cannot be carried out as it is."),
    "recipient_opted_out": Row(
        422, InvalidRequest, "http_request_error", "The recipient does not want messages from this sender."
    ),
    "not_found": Row(404, NotFound, "http_request_error", "What the request names is not there."),
    "out_of_stock": Row(409, OutOfStock, "http_request_denied", "There is not that much in stock."),
    "idempotency_key_required": Row(
        400, IdempotencyError, "http_request_error", "Idempotency-Key is required: 1 to 255 printable characters."
    ),
    "idempotency_conflict": Row(
        409, IdempotencyError, "http_request_denied", "The idempotency key was used for another request."
    ),
    "in_progress": Row(
        409, IdempotencyError, "http_request_denied", "A request with this idempotency key is still running."
    ),
    "rate_limited": Row(429, RateLimited, "http_request_denied", "Too many requests; none of this one was done."),
    "unavailable": Row(503, Unavailable, "destination_unavailable", "The provider cannot do it now."),
    "outcome_unknown": Row(
        504, OutcomeUnknown, "http_response_timeout", "It was sent and no answer came; it may have been done."
    ),
    "provider_rejected_credentials": Row(
        502, Misconfigured, "proxy_configuration_error", "The provider did not accept the configured credentials."
    ),
    "unknown_capability": Row(
        404, IntegrationError, "destination_not_found", "No such capability and operation is configured."
    ),
    "capability_unsupported": Row(501, IntegrationError, "http_request_denied", "The provider cannot do this."),
}

_DECLINED = "Your card was declined. Please use another card or contact your bank."
MESSAGES: dict[str, str] = {  # why a payment was declined -> what the buyer may be told
    "insufficient_funds": "Your card has insufficient funds. Please use another card.",
    "expired_card": "Your card has expired. Please use another card.",
    "incorrect_cvc": "Your card's security code is incorrect. Please check it and try again.",
    "incorrect_number": "Your card number is incorrect. Please check it and try again.",
    "lost_card": _DECLINED,  # whoever holds a lost or stolen card is not told that we know
    "stolen_card": _DECLINED,
    "fraudulent": _DECLINED,
    "authentication_required": "Your bank asks you to confirm this payment. Please try again and follow its steps.",
    "limit_exceeded": "This payment is over your card's limit. Please use another card.",
    "processing_error": "Your card could not be processed. Please try again in a moment.",
    "generic_decline": _DECLINED,
}


def failure(  # noqa: PLR0913 - as `IntegrationError`
    code: str,
    detail: str = "",
    *,
    field: str | None = None,
    reason: str | None = None,
    retry_after: float | None = None,
    cause: str | None = None,
    request_id: str | None = None,
) -> IntegrationError:
    """The exception of a code; `IntegrationError` itself for one that is not in the table."""
    row = CODES.get(code)
    kind = IntegrationError if row is None else row.kind
    return kind(code, detail, field=field, reason=reason, retry_after=retry_after, cause=cause, request_id=request_id)
