"""Payments on Stripe: one call for a charge, one for a refund, and Stripe's words in ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from proxy.capabilities import checks
from proxy.capabilities.calling import Answer, CallUpstream, refusal, unreadable
from proxy.capabilities.errors import IntegrationError, failure
from proxy.capabilities.payments import Charge, Order, PaymentProvider, PaymentSettings, Refund, order, reversal

REASONS = {  # decline_code, else code -> why, in our words; anything new is `generic_decline`
    "insufficient_funds": "insufficient_funds",
    "expired_card": "expired_card",
    "incorrect_cvc": "incorrect_cvc",
    "invalid_cvc": "incorrect_cvc",
    "incorrect_number": "incorrect_number",
    "invalid_number": "incorrect_number",
    "lost_card": "lost_card",
    "stolen_card": "stolen_card",
    "fraudulent": "fraudulent",
    "authentication_required": "authentication_required",
    "authentication_not_handled": "authentication_required",
    "card_velocity_exceeded": "limit_exceeded",
    "withdrawal_count_limit_exceeded": "limit_exceeded",
    "processing_error": "processing_error",
    "issuer_not_available": "processing_error",
}
FIELDS = {  # Stripe's parameter -> the field of ours that it came from
    "payment_method": "source",
    "payment_method_data[card][token]": "source",
    "source": "source",
    "payment_intent": "charge",
    "intent": "charge",
    "id": "charge",
}
STATUSES = {"succeeded": "succeeded", "processing": "processing", "pending": "processing"}
_PARAM = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")


class StripePayments(PaymentProvider):
    """`call`: the pipeline of the upstream `stripe`."""

    keyed: ClassVar[bool] = True

    def __init__(self, call: CallUpstream, settings: PaymentSettings) -> None:  # noqa: ARG002 - as all adapters
        self._call = call

    async def charge(  # noqa: PLR0913 - as the interface
        self,
        amount: int,
        currency: str,
        source: str,
        *,
        idempotency_key: str,
        description: str | None = None,
        customer: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Charge:
        asked = order(amount, currency, source, description, customer, metadata)
        path, form = _request(asked)
        answer = await self._call("POST", path, form=form, idempotency_key=checks.idempotency_key(idempotency_key))
        found = _checked(answer)
        return Charge(
            id=found["id"],
            status=STATUSES[found["status"]],
            amount=found["amount"],
            currency=found["currency"],
            provider="stripe",
            request_id=answer.request_id,
        )

    async def refund(self, charge: str, amount: int | None = None, *, idempotency_key: str) -> Refund:
        asked = reversal(charge, amount)
        form = {"payment_intent" if asked.charge.startswith("pi_") else "charge": asked.charge}
        if asked.amount is not None:
            form["amount"] = str(asked.amount)
        key = checks.idempotency_key(idempotency_key)
        answer = await self._call("POST", "/v1/refunds", form=form, idempotency_key=key)
        found = _checked(answer)
        return Refund(
            id=found["id"],
            status=STATUSES[found["status"]],
            amount=found["amount"],
            currency=found["currency"],
            charge=asked.charge,
            provider="stripe",
            request_id=answer.request_id,
        )


def _request(asked: Order) -> tuple[str, dict[str, str]]:
    """The path and the form of a charge, by what kind of source is charged."""
    form = {"amount": str(asked.amount), "currency": asked.currency}
    form |= {f"metadata[{name}]": value for name, value in asked.metadata.items()}
    more = {"description": asked.description, "customer": asked.customer}
    form |= {name: value for name, value in more.items() if value is not None}
    if asked.source.startswith(("src_", "card_")):
        return "/v1/charges", {**form, "source": asked.source}
    if asked.source.startswith("pm_"):
        form["payment_method"] = asked.source
    elif asked.source.startswith("tok_"):
        form |= {"payment_method_data[type]": "card", "payment_method_data[card][token]": asked.source}
    else:
        raise checks.invalid("source", "source begins with tok_, pm_, src_ or card_.")
    return "/v1/payment_intents", {
        **form,
        "confirm": "true",
        "error_on_requires_action": "true",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
    }


def _checked(answer: Answer) -> Mapping[str, Any]:
    """The object that was made. Raises what an answer means that is none."""
    found = answer.json
    if answer.status >= 300:
        error = found.get("error")
        raise _refusal(answer, error if isinstance(error, dict) else {})
    kinds = {"id": str, "status": str, "amount": int, "currency": str}
    if not all(isinstance(found.get(name), kind) for name, kind in kinds.items()) or found["status"] not in STATUSES:
        raise unreadable(answer)
    return found


def _refusal(answer: Answer, error: Mapping[str, Any]) -> IntegrationError:
    kind, code, ours = error.get("type"), error.get("code"), answer.request_id
    if answer.status == 402:
        reason = REASONS.get(str(error.get("decline_code") or code), "generic_decline")
        return failure("payment_declined", reason=reason, request_id=ours)
    if kind == "idempotency_error":
        return failure("idempotency_conflict", request_id=ours)
    if answer.status == 409:
        return failure("in_progress", request_id=ours)
    if code == "lock_timeout":
        return failure("unavailable", cause="server_error", request_id=ours)
    if kind == "invalid_request_error" and answer.status in {400, 404}:
        code = "not_found" if code == "resource_missing" else "invalid_request"
        return failure(code, field=_field(error.get("param")), request_id=ours)
    return refusal(answer)


def _field(param: object) -> str | None:
    if not isinstance(param, str) or not _PARAM.fullmatch(param):
        return None
    return FIELDS.get(param, param)
