"""Text messages on Twilio. It knows no idempotency keys, so what was sent and not answered is never sent again."""

from __future__ import annotations

from typing import NamedTuple

from proxy.capabilities import checks
from proxy.capabilities.calling import Answer, CallUpstream, refusal, unreadable
from proxy.capabilities.errors import IntegrationError, failure
from proxy.capabilities.sms import Message, SmsProvider, SmsSettings, outgoing

PATH = "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json"  # the account is put in on the way


class _Row(NamedTuple):
    code: str
    field: str | None = None


CODES = {  # Twilio's number of an error -> ours
    21211: _Row("invalid_request", "to"),
    21214: _Row("invalid_request", "to"),
    21614: _Row("invalid_request", "to"),
    21408: _Row("invalid_request", "to"),
    21612: _Row("invalid_request", "to"),
    21212: _Row("invalid_request", "from"),
    21606: _Row("invalid_request", "from"),
    21617: _Row("invalid_request", "text"),
    21609: _Row("invalid_request", "callback"),
    21610: _Row("recipient_opted_out", "to"),
    21611: _Row("rate_limited"),
    20003: _Row("provider_rejected_credentials"),
    20429: _Row("rate_limited"),
}
STATUSES = {"accepted": "queued", "scheduled": "queued", "queued": "queued"}  # every later one: `sent`


class TwilioSms(SmsProvider):
    """`call`: the pipeline of the upstream `twilio`."""

    def __init__(self, call: CallUpstream, settings: SmsSettings) -> None:
        self._call = call
        self._sender = settings.from_

    async def send(
        self, to: str, text: str, *, idempotency_key: str, from_: str | None = None, callback: str | None = None
    ) -> Message:
        checks.idempotency_key(idempotency_key)
        asked = outgoing(to, text, from_ or self._sender, callback)
        if asked.sender is None:
            raise checks.invalid("from", "from is required, here or as `from` in the configuration.")
        sender = "MessagingServiceSid" if asked.sender.startswith("MG") else "From"
        form = {"To": asked.to, sender: asked.sender, "Body": asked.text}
        if asked.callback is not None:
            form["StatusCallback"] = asked.callback
        answer = await self._call("POST", PATH, form=form)
        if answer.status >= 300:
            raise _refusal(answer)
        return _message(answer)


def _message(answer: Answer) -> Message:
    found = answer.json
    sid, status, segments = found.get("sid"), found.get("status"), found.get("num_segments")
    if not isinstance(sid, str) or not isinstance(status, str):
        raise unreadable(answer)
    return Message(
        id=sid,
        status=STATUSES.get(status, "sent"),
        segments=int(segments) if isinstance(segments, str) and segments.isdecimal() else 1,
        provider="twilio",
        request_id=answer.request_id,
    )


def _refusal(answer: Answer) -> IntegrationError:
    code = answer.json.get("code")
    row = CODES.get(code) if isinstance(code, int) else None
    if row is None:
        return refusal(answer)
    return failure(row.code, field=row.field, retry_after=answer.retry_after, request_id=answer.request_id)
