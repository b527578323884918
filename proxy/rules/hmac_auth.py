"""A MAC over parts of a request, in a header: what providers of webhooks do, done by the caller."""

from __future__ import annotations

import hmac
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

from proxy.errors import Refusal
from proxy.model import Headers
from proxy.rules.auth_settings import HmacAuth
from proxy.rules.credentials import Secret
from proxy.rules.incoming import Incoming, TooManyPairs
from proxy.rules.outgoing import Moment, Outgoing, Signed
from proxy.rules.templates import Marks, Template, compile_template

_BODY = frozenset(("body", "crc32"))
_ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda digest: digest.hex().encode(),
    "base64": b64encode,
    "base64url": urlsafe_b64encode,
}


def compile_signed(settings: HmacAuth) -> Template:
    """The template of `signed`. Raises `ValueError` that says what is wrong with it."""
    template = compile_template(settings.signed, {})
    if "id" in template.names or any(locator.kind == "param" for locator in template.locators):
        raise ValueError("{id} and {param:…} are of webhooks; a request that leaves has none")
    if "timestamp" in template.names and settings.timestamp is None:
        raise ValueError("{timestamp} needs timestamp, the header that carries the time")
    if not template.names and not template.locators:
        raise ValueError("nothing of the request is signed")
    return template


class HmacSigner:
    """Puts the MAC into `header`, and the time into `timestamp` where that is set."""

    def __init__(self, settings: HmacAuth) -> None:
        self._settings = settings
        self._template = compile_signed(settings)
        self._body = bool(_BODY & self._template.names) or any(one.in_body for one in self._template.locators)

    def cleaned(self, target: bytes) -> bytes:
        """The target as it came."""
        return target

    def wants_body(self, headers: Headers, *, sized: bool, small: bool, secure: bool) -> bool:  # noqa: ARG002 - a Signer's
        """Where the template names the body or a part of it."""
        if self._body and not small:
            raise Refusal("request_too_large", "The body is over body.replay, and must be kept whole to be signed.")
        return self._body

    def sign(self, outgoing: Outgoing, read: Callable[[str], Secret], moment: Moment) -> Signed:
        """The request with the MAC. Raises `Refusal` `bad_request` where a signed part is not there."""
        settings = self._settings
        stamp = str(int(moment.wall)).encode()
        mac = hmac.new(read(settings.secret).reveal(), digestmod=settings.algorithm)
        for piece in self._message(outgoing, stamp):
            mac.update(piece)
        value = (settings.prefix or "").encode() + _ENCODE[settings.encoding](mac.digest())
        headers = outgoing.headers
        if settings.timestamp is not None:
            headers = (*headers, (settings.timestamp.encode(), stamp))
        return Signed((*headers, (settings.header.encode(), value)))

    def _message(self, outgoing: Outgoing, stamp: bytes) -> list[bytes]:
        place = outgoing.place
        address = (b"https://" if place.secure else b"http://") + place.authority + outgoing.target
        incoming = Incoming(outgoing.method, outgoing.target, outgoing.headers, outgoing.body or b"")
        values = {}
        for locator in self._template.locators:
            try:
                found = locator.find(incoming)
            except TooManyPairs:
                found = []
            if len(found) != 1:
                raise Refusal("bad_request", "A part of the request that has to be signed is not there, or twice.")
            values[locator] = found[0]
        return self._template.message(incoming, Marks(timestamp=stamp, url=address), values)
