"""The scheme of Amazon SNS: some fields of the JSON body, signed by a certificate that the body itself names.

The one thing a reader would get wrong: a good signature says only that Amazon sent it. Anybody can publish on a topic
of his own and have it signed by the same certificate, so the topic counts as much as the signature.
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from proxy.rules.claims import Claim, Stop
from proxy.rules.incoming import DuplicateName, Incoming
from proxy.rules.signed_values import signature_bytes

# A region has no digit before its last part: `s3-us-west-2` would be a bucket called `sns`, which is not Amazon's word.
_HOST = r"https://sns\.[a-z]{2,4}(?:-[a-z]+){1,3}-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE = re.compile(_HOST + r"/(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*\.pem")
_SUBSCRIBE = re.compile(_HOST + r"/[!-\"$-?A-~]*")  # visible, no # and no @

HASHES = {"1": "sha1", "2": "sha256"}  # by SignatureVersion
_EVENT = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {"Notification": _EVENT, "SubscriptionConfirmation": _CONFIRMATION, "UnsubscribeConfirmation": _CONFIRMATION}
_OPTIONAL = "Subject"


class SnsReader:
    """`topics`: the ARNs whose messages are taken."""

    headers: frozenset[bytes] = frozenset()

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = frozenset(topics)

    def read(self, incoming: Incoming) -> Claim:
        """Raises `Stop`."""
        said = self._checked(incoming)
        signature = signature_bytes(_text(said, "Signature"), "base64")
        if signature is None:
            raise Stop("malformed_signature", "Signature is no base64")
        names = _SIGNED[_text(said, "Type").decode()]
        message = [
            piece for name in names if name in said for piece in (name.encode(), b"\n", _text(said, name), b"\n")
        ]
        return Claim([signature], [message], HASHES[_text(said, "SignatureVersion").decode()])

    def certificate_url(self, incoming: Incoming) -> str:
        """Where the signer says that his certificate is: always a host of SNS. Raises `Stop`, as `read` would."""
        return _text(self._checked(incoming), "SigningCertURL").decode()

    def late_time(self, incoming: Incoming) -> None:
        """Always None: SNS repeats a message for days under its first time."""

    def _checked(self, incoming: Incoming) -> Mapping[str, object]:
        said = _members(incoming)
        if not said.get("Signature"):
            raise Stop("missing_signature", "the body has no Signature")
        names = _SIGNED.get(_text(said, "Type").decode(errors="replace"))
        if names is None:
            raise Stop("malformed_signature", "Type is none of SNS's")
        for name in names:
            if name in said or name != _OPTIONAL:
                _text(said, name)
        if _text(said, "SignatureVersion").decode(errors="replace") not in HASHES:
            raise Stop("algorithm_not_allowed", "SignatureVersion is neither 1 nor 2")
        if _CERTIFICATE.fullmatch(_text(said, "SigningCertURL").decode(errors="replace")) is None:
            raise Stop("bad_certificate_url", "SigningCertURL is no certificate of SNS")
        if said["TopicArn"] not in self._topics:
            raise Stop("wrong_topic", "TopicArn is none of options.topic_arns")
        return said


def is_subscribe_url(url: bytes) -> bool:
    """True if SNS itself is behind the address, so that following it hands nothing to a stranger."""
    return _SUBSCRIBE.fullmatch(url.decode(errors="replace")) is not None


def _members(incoming: Incoming) -> dict[str, object]:
    try:
        found = incoming.unambiguous_document()
    except DuplicateName as error:
        raise Stop("malformed_signature", str(error)) from None
    members = found if isinstance(found, dict) else {}
    return {name: value for name, value in members.items() if value is not None}  # null: the field is not there


def _text(said: Mapping[str, object], name: str) -> bytes:
    value = said.get(name)
    if not isinstance(value, str):
        raise Stop("malformed_signature", f"{name} is missing or no text")
    return value.encode("utf-8", "surrogatepass")
