"""WS-Security UsernameToken, put into the header of a SOAP request.

https://docs.oasis-open.org/wss-m/wss/v1.1.1/os/wss-UsernameTokenProfile-v1.1.1-os.html

The one thing a reader would get wrong: the digest is over the nonce's bytes, not over its base64 text.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Sequence

from proxy.errors import Refusal
from proxy.model import Headers
from proxy.rules.auth_settings import WsSecurityAuth
from proxy.rules.credentials import Secret
from proxy.rules.headers import without_digests
from proxy.rules.outgoing import Moment, Outgoing, Signed
from proxy.rules.xml_spans import Element, elements, escaped, prefix
from proxy.units import rfc3339

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{_OASIS}wssecurity-secext-1.0.xsd"
WSU = f"{_OASIS}wssecurity-utility-1.0.xsd"
_PROFILE = f"{_OASIS}username-token-profile-1.0"
_BASE64 = f"{_OASIS}soap-message-security-1.0#Base64Binary"
ENVELOPES = frozenset(["http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"])
_NO_ENVELOPE = "The body is not one SOAP 1.1 or 1.2 envelope in UTF-8, and ws_security has nowhere to stand in it."


class WsSecurity:
    """Replaces the `Security` header of each envelope; a request without a body passes as it is."""

    def __init__(self, settings: WsSecurityAuth) -> None:
        self._settings = settings

    def cleaned(self, target: bytes) -> bytes:
        """The target as it came."""
        return target

    def wants_body(self, headers: Headers, *, sized: bool, small: bool, secure: bool) -> bool:  # noqa: ARG002 - a Signer's
        """Always."""
        if not small:
            raise Refusal("request_too_large", "The body is over body.replay, and must be kept whole to be changed.")
        return True

    def sign(self, outgoing: Outgoing, read: Callable[[str], Secret], moment: Moment) -> Signed:
        """The request with the token in its body. Raises `Refusal` `bad_request` for a body that is no envelope."""
        if not outgoing.body:
            return Signed(outgoing.headers)
        settings = self._settings
        user, password = read(settings.username).reveal(), read(settings.password).reveal()
        digest = settings.password_type == "digest"  # noqa: S105 - a word
        token = username_token(user, password, moment, digest=digest)
        try:
            return Signed(without_digests(outgoing.headers), with_security(outgoing.body, token))
        except ValueError:
            raise Refusal("bad_request", _NO_ENVELOPE) from None


def username_token(user: bytes, password: bytes, moment: Moment, *, digest: bool) -> bytes:
    """The element with a nonce and the time; the password as it is, or as a digest that serves once."""
    created = rfc3339(moment.wall)
    kind = "PasswordDigest" if digest else "PasswordText"
    proof = password
    if digest:  # SHA-1 is the profile's choice
        proof = b64encode(hashlib.sha1(moment.nonce + created.encode() + password, usedforsecurity=False).digest())
    return (
        b"<wsse:UsernameToken><wsse:Username>%b</wsse:Username>"
        b'<wsse:Password Type="%b">%b</wsse:Password>'
        b'<wsse:Nonce EncodingType="%b">%b</wsse:Nonce><wsu:Created>%b</wsu:Created></wsse:UsernameToken>'
    ) % (
        _ascii(user),
        f"{_PROFILE}#{kind}".encode(),
        _ascii(proof),
        _BASE64.encode(),
        b64encode(moment.nonce),
        created.encode(),
    )


def with_security(document: bytes, token: bytes) -> bytes:
    """The envelope with one `Security` header that holds `token`. Raises `ValueError` for another document."""
    found = elements(document)
    envelope = found[0]
    if envelope.name != "Envelope" or envelope.namespace not in ENVELOPES or envelope.collapsed:
        raise ValueError("not an envelope")
    security = (
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" xmlns:o="{envelope.namespace}" '
        f'o:mustUnderstand="1">{token.decode()}</wsse:Security>'
    ).encode()
    headers = [one for one in found if one.path == ("Envelope", "Header") and one.namespace == envelope.namespace]
    if not headers:
        name = prefix(document, envelope) + b"Header"
        return _spliced(document, [(envelope.inside, envelope.inside, b"<%b>%b</%b>" % (name, security, name))])
    header = headers[0]
    if header.collapsed:
        name = prefix(document, header) + b"Header"
        opened = document[header.start : header.inside - 2].rstrip() + b">"
        return _spliced(document, [(header.start, header.end, opened + security + b"</%b>" % name)])
    old = [(one.start, one.end, b"") for one in found if _is_security(one, header)]
    return _spliced(document, [(header.inside, header.inside, security), *old])


def _is_security(element: Element, header: Element) -> bool:
    within = header.inside <= element.start < header.outside and len(element.path) == 3
    return within and element.name == "Security" and element.namespace == WSSE


def _spliced(document: bytes, changes: Sequence[tuple[int, int, bytes]]) -> bytes:
    """With each (start, end, new) in place; they are in order and do not overlap."""
    pieces, place = [], 0
    for start, end, new in changes:
        pieces += [document[place:start], new]
        place = end
    return b"".join([*pieces, document[place:]])


def _ascii(value: bytes) -> bytes:
    """Escaped, and as references beyond ASCII, so that it means the same in whatever encoding the document has."""
    return escaped(value).decode().encode("ascii", "xmlcharrefreplace")
