"""Twilio's Messages in memory, with the magic numbers of its test credentials.

The one thing a reader would get wrong: a message's status is not stored, it follows from its age.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from proxy.capabilities.memory import Shelf
from proxy.integrations import forms
from proxy.integrations.ids import Ids
from proxy.integrations.routes import Routes
from proxy.integrations.stand_in import Asked, Said, StandIn, Tell, Told, said_json, silent
from proxy.integrations.twilio.segments import segments
from proxy.pipeline import Handler

Record = dict[str, Any]

VERSION = "2010-04-01"
BAD_RECIPIENTS = {  # test number -> error
    "+15005550001": (21211, "The 'To' number is not a valid phone number."),
    "+15005550002": (21612, "There is no route from the 'From' number to the 'To' number."),
    "+15005550003": (21408, "Sending to the region of the 'To' number is not enabled."),
    "+15005550004": (21610, "The recipient has opted out of messages from this number."),
    "+15005550009": (21614, "The 'To' number cannot receive messages."),
}
BAD_SENDERS = {
    "+15005550001": (21212, "The 'From' number is not a valid phone number or sender id."),
    "+15005550007": (21606, "The 'From' number is not one of this account's that can send messages."),
    "+15005550008": (21611, "The 'From' number's queue of messages is full."),
}
AGES = ((0.2, "delivered"), (0.1, "sent"), (0.0, "queued"))  # seconds since it was made -> status
_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_PHONE = re.compile(r"(whatsapp:)?\+[1-9]\d{6,14}")
_SENDER = re.compile(r"(whatsapp:)?\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")
_LONGEST = 1600  # characters of a text
_LARGEST_PAGE = 1000


class Refused(Exception):
    """The request is answered with one of Twilio's error codes."""

    def __init__(self, code: int, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.status = status


def fake(*, wall: Callable[[], float], tell: Tell = silent) -> Handler:
    """New, empty accounts. `wall`: Unix seconds."""
    return StandIn(Twilio(wall), tell)


class Twilio:
    """The provider: messages of every account that is named."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._ids = Ids("twilio message")
        self._tokens = Ids(f"twilio token {wall():.0f}")  # a webhook remembers them across restarts of this
        self._messages: Shelf[_Message] = Shelf()
        self._routes = Routes[Callable[..., Said]](
            {
                f"GET /{VERSION}/Accounts/{{account}}.json": self._account,
                f"POST /{VERSION}/Accounts/{{account}}/Messages.json": self._send,
                f"GET /{VERSION}/Accounts/{{account}}/Messages.json": self._list,
                f"GET /{VERSION}/Accounts/{{account}}/Messages/{{sid}}.json": self._read,
                f"DELETE /{VERSION}/Accounts/{{account}}/Messages/{{sid}}.json": self._delete,
            }
        )

    def answer(self, asked: Asked) -> Said:
        found = self._routes.find(asked.method, asked.segments) if asked.origin is None else None
        try:
            if found is not None and _ACCOUNT.fullmatch(found[1][0]):
                return found[0](asked, *found[1])
            if found is None and asked.origin is None and self._routes.knows(asked.segments):
                raise Refused(20004, f"{asked.method} is not allowed here.", 405)
            raise _absent(asked)
        except Refused as refused:
            return said_json(refused.status, _error(refused.code, refused.words, refused.status))

    def error(self, status: int, _: Asked) -> Said:
        code = 20003 if status == 401 else 20000 + status
        return said_json(status, _error(code, "The request was not carried out.", status))

    def request_id(self, ids: Ids) -> tuple[str, str]:
        return "Twilio-Request-Id", f"RQ{ids.hexadecimal(32)}"

    def _account(self, _: Asked, account: str) -> Said:
        uri = f"/{VERSION}/Accounts/{account}"
        fields = {"sid": account, "owner_account_sid": account, "friendly_name": "Outrigger", "type": "Trial"}
        uris = {"uri": f"{uri}.json", "subresource_uris": {"messages": f"{uri}/Messages.json"}}
        return said_json(200, {**fields, "status": "active", **uris})

    def _send(self, asked: Asked, account: str) -> Said:
        given = dict(forms.pairs(asked.body))
        sender = given.get("From") or given.get("MessagingServiceSid")
        _check(given, sender)
        now = self._wall()
        media = sum(name == "MediaUrl" for name, _ in forms.pairs(asked.body))
        sid = f"{'MM' if media else 'SM'}{self._ids.hexadecimal(32)}"
        message = _Message(
            sid=sid,
            account=account,
            made=now,
            to=given["To"],
            sender=given.get("From") or None,
            service=given.get("MessagingServiceSid") or None,
            text=given.get("Body", ""),
            media=media,
        )
        self._messages.put(sid, message)
        said = said_json(201, message.shown(now))
        return replace(said, told=self._callbacks(message)) if given.get("StatusCallback") else said

    def _callbacks(self, message: _Message) -> tuple[Told, ...]:
        """What a `StatusCallback` is told, when the message has that age."""
        ages = sorted((age, status) for age, status in AGES if status != "queued")
        return tuple(message.callback(status, age, self._tokens.hexadecimal(32)) for age, status in ages)

    def _read(self, asked: Asked, account: str, sid: str) -> Said:
        return said_json(200, self._find(asked, account, sid).shown(self._wall()))

    def _delete(self, asked: Asked, account: str, sid: str) -> Said:
        self._messages.drop(self._find(asked, account, sid).sid)
        return Said(204, b"")

    def _find(self, asked: Asked, account: str, sid: str) -> _Message:
        message = self._messages.get(sid)
        if message is None or message.account != account:
            raise _absent(asked)
        return message

    def _list(self, asked: Asked, account: str) -> Said:
        given = dict(asked.query)
        size = min(_number(given, "PageSize", 50, least=1), _LARGEST_PAGE)
        number = _number(given, "Page", 0, least=0)
        wanted = [
            message
            for message in self._messages.newest_first()
            if message.account == account
            and given.get("To") in {None, "", message.to}
            and given.get("From") in {None, "", message.sender}
        ]
        start = _start(wanted, given.get("PageToken", ""), number * size)
        shown = wanted[start : start + size]
        more = len(wanted) > start + size
        page = _Page(f"/{VERSION}/Accounts/{account}/Messages.json", given, size)
        now = self._wall()
        return said_json(
            200,
            {
                "messages": [message.shown(now) for message in shown],
                "page": number,
                "page_size": size,
                "start": start,
                "end": max(start + len(shown) - 1, 0),
                "uri": page.uri(number, given.get("PageToken")),
                "first_page_uri": page.uri(0),
                "next_page_uri": page.uri(number + 1, f"PA{shown[-1].sid}") if more else None,
                "previous_page_uri": page.uri(number - 1) if number > 0 else None,
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    sid: str
    account: str
    made: float
    to: str
    sender: str | None
    service: str | None
    text: str
    media: int

    def callback(self, status: str, age: float, token: str) -> Told:
        """One status callback. `token`: names it for whoever gets it twice."""
        fields = {
            "AccountSid": self.account,
            "ApiVersion": VERSION,
            "From": self.sender or "",
            "MessageSid": self.sid,
            "MessageStatus": status,
            "SmsSid": self.sid,
            "SmsStatus": status,
            "To": self.to,
        } | ({} if self.service is None else {"MessagingServiceSid": self.service})
        kind = "application/x-www-form-urlencoded; charset=UTF-8"
        headers = {"Content-Type": kind, "User-Agent": "TwilioProxy/1.1", "I-Twilio-Idempotency-Token": token}
        return Told(urlencode(fields).encode(), headers, age)

    def shown(self, now: float) -> Record:
        age = now - self.made
        status = next((status for least, status in AGES if age >= least), "queued")
        uri = f"/{VERSION}/Accounts/{self.account}/Messages/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account,
            "api_version": VERSION,
            "body": self.text,
            "date_created": _date(self.made),
            "date_sent": None if status == "queued" else _date(self.made),
            "date_updated": _date(self.made),
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": self.sender,
            "messaging_service_sid": self.service,
            "num_media": str(self.media),
            "num_segments": str(segments(self.text)),
            "price": None,
            "price_unit": "USD",
            "status": status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }


class _Page:
    """The addresses of one list's pages: bare paths, which libraries join to their own base."""

    def __init__(self, path: str, given: dict[str, str], size: int) -> None:
        self._path = path
        self._fixed = {name: given[name] for name in ("To", "From") if given.get(name)} | {"PageSize": str(size)}

    def uri(self, number: int, token: str | None = None) -> str:
        """`token` names the last message of the page before, so that newer ones shift nothing."""
        place = {"Page": str(number)} | ({"PageToken": token} if token else {})
        return f"{self._path}?{urlencode(self._fixed | place)}"


def _check(given: dict[str, str], sender: str | None) -> None:
    """Raises `Refused` in the order in which Twilio looks."""
    to = given.get("To", "")
    if not to:
        raise Refused(21604, "A 'To' number is required.")
    if not sender:
        raise Refused(21603, "A 'From' number or a 'MessagingServiceSid' is required.")
    if not (given.get("Body") or given.get("MediaUrl") or given.get("ContentSid")):
        raise Refused(21602, "A 'Body', 'MediaUrl' or 'ContentSid' is required.")
    if len(given.get("Body", "")) > _LONGEST:
        raise Refused(21617, f"The 'Body' is over {_LONGEST} characters.")
    _check_number(given.get("From"), _SENDER, BAD_SENDERS, 21212)
    _check_number(to, _PHONE, BAD_RECIPIENTS, 21211)


def _check_number(number: str | None, pattern: re.Pattern[str], bad: dict[str, tuple[int, str]], code: int) -> None:
    if not number:
        return
    if number in bad:
        raise Refused(*bad[number])
    if not pattern.fullmatch(number):
        raise Refused(code, bad["+15005550001"][1])


def _number(given: dict[str, str], name: str, default: int, *, least: int) -> int:
    value = given.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) < least:
        raise Refused(20001, f"{name} must be a whole number from {least}.")
    return int(value)


def _start(wanted: Iterable[_Message], token: str, default: int) -> int:
    sids = [message.sid for message in wanted]
    last = token.removeprefix("PA")
    return sids.index(last) + 1 if last in sids else default


def _absent(asked: Asked) -> Refused:
    return Refused(20404, f"The requested resource {asked.path} was not found.", 404)


def _error(code: int, words: str, status: int) -> Record:
    return {"code": code, "message": words, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}


def _date(wall: float) -> str:
    return format_datetime(datetime.fromtimestamp(wall, UTC))
