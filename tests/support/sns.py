"""Messages as Amazon SNS signs them, by a certificate of our own."""

import base64
import datetime
import functools
import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

TOPIC = "arn:aws:sns:eu-west-1:123456789012:orders"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"
SUBSCRIBE_URL = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=ab"
CONFIRMATION = {"Type": "SubscriptionConfirmation", "SubscribeURL": SUBSCRIBE_URL, "Token": "ab"}
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def certificate() -> bytes:
    """PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = x509.CertificateBuilder(name, name, _key().public_key(), 1, start, start + datetime.timedelta(days=400))
    return built.sign(_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def message(signed: str | None = None, **changes: Any) -> bytes:
    """A genuine message with `changes` made before it was signed, None takes a field away; or `signed` as it is."""
    said: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": 'Hello, "Grüße"\n',
        "Timestamp": "2012-05-02T00:54:06.655Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    } | changes
    names = SIGNED.get(str(said["Type"]), SIGNED["Notification"])
    text = "".join(f"{name}\n{said[name]}\n" for name in names if said.get(name) is not None)
    method = hashes.SHA1() if said["SignatureVersion"] == "1" else hashes.SHA256()  # noqa: S303 - SNS's own
    made = _key().sign(text.encode(), padding.PKCS1v15(), method)
    said["Signature"] = base64.b64encode(made).decode() if signed is None else signed
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()
