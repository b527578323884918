"""Messages of SNS: which of them are Amazon's, which of those are ours, and where a certificate may come from."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.credentials import Secret
from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Naming, Rejected, VerifySettings
from proxy.rules.sns_signature import is_subscribe_url
from tests.support.judging import NOW, SAID, judged
from tests.support.sns import CONFIRMATION, SIGNED, SUBSCRIBE_URL, TOPIC, certificate, message

BAD = "bad_signature"
PINNED = VerifySettings(
    scheme="aws_sns", options={"topic_arns": [TOPIC]}, id=("json:/MessageId",), secrets=("certificate",)
)
FETCHED = replace(PINNED, secrets=())
ROWS = {
    "a notification": (message(), "by key0"),
    "one signed in the first version": (message(SignatureVersion="1"), "by key0"),
    "one with a subject": (message(Subject="News"), "by key0"),
    "one with an empty subject": (message(Subject=""), "by key0"),
    "a confirmation": (message(**CONFIRMATION), "by key0"),
    "the end of a subscription": (message(**{**CONFIRMATION, "Type": "UnsubscribeConfirmation"}), "by key0"),
    "a subject that was taken off": (message(Subject="News").replace(b'"Subject"', b'"Subjekt"'), "bad_signature"),
    "a message that was changed": (message().replace(b"Hello", b"Hallo"), "bad_signature"),
    "an id that was changed": (message().replace(b"22b80b92", b"22b80b93"), "bad_signature"),
    "the version changed": (message().replace(b'"2"', b'"1"'), "bad_signature"),
    "a third version": (message(SignatureVersion="3"), "algorithm_not_allowed"),
    "a version that is missing": (message(SignatureVersion=None), "malformed_signature"),
    "somebody else's topic": (message(TopicArn=TOPIC + "x"), "wrong_topic"),
    "a topic in other letters": (message(TopicArn=TOPIC.upper()), "wrong_topic"),
    "no topic": (message(TopicArn=None), "malformed_signature"),
    "no message": (message(Message=None), "malformed_signature"),
    "a message that is no text": (message(Message={"a": "b"}), "malformed_signature"),
    "another type": (message(Type="Forged"), "malformed_signature"),
    "no type": (message(Type=None), "malformed_signature"),
    "no signature": (message(""), "missing_signature"),
    "a signature that is no base64": (message("***"), "malformed_signature"),
    "a short signature": (message("YWJj"), "bad_signature"),
    "a field twice": (message().replace(b"{", b'{"TopicArn": "a", ', 1), "malformed_signature"),
    "no JSON": (b"Type=Notification", "missing_signature"),
    "a list": (b"[]", "missing_signature"),
    "no certificate": (message(SigningCertURL=None), "malformed_signature"),
    "somebody else's certificate, though ours is pinned": (
        message(SigningCertURL="https://evil.example/a.pem"),
        "bad_certificate_url",
    ),
}


@pytest.mark.parametrize(("body", "expected"), ROWS.values(), ids=ROWS)
def test_a_message(body: bytes, expected: str) -> None:
    assert judged(PINNED, (), body, keys=(certificate(),)) == expected


HOSTS = {
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-a.pem": True,
    "https://sns.us-gov-west-1.amazonaws.com/a.pem": True,
    "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-a.pem": True,
    "https://sns.ap-southeast-11.amazonaws.com/x/a.pem": True,
    "http://sns.us-east-1.amazonaws.com/a.pem": False,
    "HTTPS://sns.us-east-1.amazonaws.com/a.pem": False,
    "https://sns.us-east-1.amazonaws.com:443/a.pem": False,
    "https://sns.us-east-1.amazonaws.com@evil.example/a.pem": False,
    "https://user@sns.us-east-1.amazonaws.com/a.pem": False,
    "https://sns.us-east-1.amazonaws.com.evil.example/a.pem": False,
    "https://sns.us-east-1.amazonaws.com.cn.evil.example/a.pem": False,
    "https://sns-us-east-1.amazonaws.com/a.pem": False,
    "https://evil.sns.us-east-1.amazonaws.com/a.pem": False,
    "https://sns.amazonaws.com/a.pem": False,
    "https://sns.s3.amazonaws.com/a.pem": False,
    "https://sns.s3-us-west-2.amazonaws.com/a.pem": False,
    "https://sns.s3.us-west-2.amazonaws.com/a.pem": False,
    "https://sns.us-east-1.amazonaws.com/a.pem?b": False,
    "https://sns.us-east-1.amazonaws.com/a.pem#b": False,
    "https://sns.us-east-1.amazonaws.com/?a.pem": False,
    "https://sns.us-east-1.amazonaws.com/a.txt": False,
    "https://sns.us-east-1.amazonaws.com/.pem": False,
    "https://sns.us-east-1.amazonaws.com/../a.pem": False,
    "https://sns.us-east-1.amazonaws.com/a%2f.pem": False,
    "https://sns.us-east-1.amazonaws.com/a.pem\n": False,
    "https://sns.us-east-1.amazonaws.com\\@evil.example/a.pem": False,
    "https://sns.us-éast-1.amazonaws.com/a.pem": False,
}


@pytest.mark.parametrize(("url", "good"), HOSTS.items())
def test_a_certificate_comes_from_sns_and_nobody_else(url: str, *, good: bool) -> None:
    scheme = compile_scheme(FETCHED)
    incoming = Incoming("POST", b"/", (), message(SigningCertURL=url))
    assert scheme.certificate_url(incoming) == (url if good else None)
    found = scheme.verify(incoming, [], NOW)
    assert isinstance(found, Rejected)
    assert found.outcome == ("bad_signature" if good else "bad_certificate_url")


def test_no_certificate_is_wanted_for_a_message_that_is_refused_anyway_or_where_one_is_pinned() -> None:
    assert compile_scheme(PINNED).certificate_url(Incoming("POST", b"/", (), message())) is None
    for body in (message(TopicArn="other"), message(""), b"{}", message(SignatureVersion="3")):
        assert compile_scheme(FETCHED).certificate_url(Incoming("POST", b"/", (), body)) is None


def test_a_fetched_certificate_proves_what_a_pinned_one_does() -> None:
    scheme = compile_scheme(FETCHED)
    incoming = Incoming("POST", b"/", (), message())
    found = scheme.verify(incoming, scheme.keys([Secret("fetched", certificate())]), NOW)
    assert found[0] == "fetched"
    assert scheme.naming(incoming) == Naming(b"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", None)


SUBSCRIBE = {
    SUBSCRIBE_URL: True,
    "https://sns.cn-north-1.amazonaws.com.cn/?Action=ConfirmSubscription": True,
    "https://sns.eu-west-1.amazonaws.com/": True,
    "https://sns.eu-west-1.amazonaws.com": False,
    "https://sns.eu-west-1.amazonaws.com:8443/?Action=ConfirmSubscription": False,
    "https://sns.eu-west-1.amazonaws.com.evil.example/": False,
    "https://sns.eu-west-1.amazonaws.com@evil.example/": False,
    "https://sns.eu-west-1.amazonaws.com/@evil.example/": False,
    "https://sns.s3-us-west-2.amazonaws.com/": False,
    "http://sns.eu-west-1.amazonaws.com/": False,
    "https://sns.eu-west-1.amazonaws.com/ HTTP/1.1\r\nHost: evil": False,
    "http://169.254.169.254/": False,
    "": False,
}


@pytest.mark.parametrize(("url", "good"), SUBSCRIBE.items())
def test_only_an_address_of_sns_is_ever_visited(url: str, *, good: bool) -> None:
    assert is_subscribe_url(url.encode()) is good


BODY = message(Subject="News")


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_a_changed_byte_that_is_read_is_refused(place: int, change: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= change
    try:
        said, before = json.loads(changed), json.loads(BODY)
    except ValueError:
        said, before = None, {}
    names = (*SIGNED["Notification"], "Signature")
    same = isinstance(said, dict) and all(said.get(name) == before[name] for name in names)
    found = judged(PINNED, (), bytes(changed), keys=(certificate(),))
    assert same or found != "by key0"


@given(st.dictionaries(st.sampled_from([*SIGNED["SubscriptionConfirmation"], "Signature", "SigningCertURL"]), SAID))
def test_no_members_end_in_anything_but_a_verdict(said: dict[str, object]) -> None:
    whole = json.loads(message()) | said
    found = judged(PINNED, (), json.dumps(whole).encode(), keys=(certificate(),))
    assert found in ("by key0", "missing_signature", "malformed_signature", "bad_certificate_url", "wrong_topic", BAD)


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_verdict(body: bytes) -> None:
    assert judged(PINNED, (), body, keys=(certificate(),)) == "missing_signature"
