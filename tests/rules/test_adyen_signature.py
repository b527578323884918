"""Adyen's notifications: every element proven by itself, and nothing read twice."""

import base64
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.signatures import KeySettings, VerifySettings
from tests.support.judging import SAID, judged

KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
ADYEN = VerifySettings(scheme="adyen", body_signed=False, secrets=("key",))
# https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures and the tests of the
# library Adyen/adyen-python-api-library, test/UtilTest.py
PUBLISHED = {
    "pspReference": "7914073381342284",
    "merchantReference": "TestPayment-1407325143704",
    "merchantAccountCode": "TestMerchant",
    "amount": {"currency": "EUR", "value": 1130},
    "eventCode": "AUTHORISATION",
    "success": "true",
    "eventDate": "2019-05-06T17:15:34.121+02:00",
    "operations": "CANCEL,CAPTURE,REFUND",
    "paymentMethod": "visa",
    "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
}


def item(key: str = KEY, **changes: Any) -> dict[str, Any]:
    """An element with `changes`, signed anew."""
    said = PUBLISHED | changes
    amount = said["amount"]
    fields = [said["pspReference"], said.get("originalReference") or "", said["merchantAccountCode"]]
    fields += [said["merchantReference"], amount["value"], amount["currency"], said["eventCode"], said["success"]]
    text = ":".join(str(one) for one in fields).encode()
    made = hmac.digest(bytes.fromhex(key), text, "sha256")
    return said | {"additionalData": {"hmacSignature": base64.b64encode(made).decode()}}


def body(*items: Any) -> bytes:
    wrapped = [{"NotificationRequestItem": one} for one in items]
    return json.dumps({"live": "false", "notificationItems": wrapped}).encode()


GOOD = item()
ROWS = {
    "what Adyen publishes": (body(PUBLISHED), "by key0"),
    "what we sign": (body(GOOD), "by key0"),
    "two elements": (body(GOOD, item(pspReference="8")), "by key0"),
    "a reference with colons": (body(item(merchantReference="a:b:1:EUR")), "by key0"),
    "a refund": (body(item(originalReference="7", eventCode="REFUND")), "by key0"),
    "no original reference": (body(GOOD | {"originalReference": None}), "by key0"),
    "letters beyond ASCII": (body(item(merchantReference="Grüße")), "by key0"),
    "another amount": (body(GOOD | {"amount": {"currency": "EUR", "value": 1131}}), "bad_signature"),
    "another outcome": (body(GOOD | {"success": "false"}), "bad_signature"),
    "a second element that is forged": (body(GOOD, GOOD | {"success": "false"}), "bad_signature"),
    "a first element that is forged": (body(GOOD | {"success": "false"}, GOOD), "bad_signature"),
    "the signature of another element": (
        body(GOOD, item(pspReference="8") | {"additionalData": GOOD["additionalData"]}),
        "bad_signature",
    ),
    "an element without a signature": (body(GOOD, GOOD | {"additionalData": {}}), "missing_signature"),
    "an empty element": (body(GOOD, {}), "malformed_signature"),
    "no elements": (body(), "missing_signature"),
    "no notification": (b'{"a": 1}', "missing_signature"),
    "no JSON": (b"success=true", "missing_signature"),
    "elements that are no list": (b'{"notificationItems": {"a": 1}}', "missing_signature"),
    "a signature in hex": (body(GOOD | {"additionalData": {"hmacSignature": "ab" * 32}}), "malformed_signature"),
    "a short signature": (body(GOOD | {"additionalData": {"hmacSignature": "YWI="}}), "malformed_signature"),
    "a signature that is no text": (body(GOOD | {"additionalData": {"hmacSignature": ["a"]}}), "malformed_signature"),
    "a name twice": (body(GOOD).replace(b'"success"', b'"success": "false", "success"'), "malformed_signature"),
    "a list for a text": (body(GOOD | {"eventCode": ["AUTHORISATION"]}), "malformed_signature"),
    "a hundred and one": (body(*[GOOD] * 101), "malformed_signature"),
}


@pytest.mark.parametrize(("sent", "expected"), ROWS.values(), ids=ROWS)
def test_a_notification(sent: bytes, expected: str) -> None:
    assert judged(ADYEN, (), sent, keys=(KEY.encode(),)) == expected


def test_colons_cannot_be_moved_from_one_field_to_another() -> None:
    genuine = item(merchantReference="order:1130:EUR:REFUND")
    moved = genuine | {"merchantReference": "order", "amount": {"value": "1130", "currency": "EUR:REFUND:1130:EUR"}}
    assert judged(ADYEN, (), body(genuine), keys=(KEY.encode(),)) == "by key0"
    assert judged(ADYEN, (), body(moved), keys=(KEY.encode(),)) == "malformed_signature"


def test_the_key_is_hex_whether_that_is_said_or_not() -> None:
    said = replace(ADYEN, key=KeySettings(encoding="hex"))
    assert judged(said, (), body(GOOD), keys=(KEY.encode(),)) == "by key0"


def test_all_elements_are_signed_with_one_key() -> None:
    other = "ab" * 32
    mixed = body(GOOD, item(other))
    settings = replace(ADYEN, secrets=("a", "b"))
    assert judged(settings, (), mixed, keys=(KEY.encode(), other.encode())) == "bad_signature"


@given(st.dictionaries(st.sampled_from([*PUBLISHED]), SAID))
def test_no_members_end_in_anything_but_a_verdict(said: dict[str, object]) -> None:
    found = judged(ADYEN, (), body(GOOD | said), keys=(KEY.encode(),))
    assert found in ("by key0", "missing_signature", "malformed_signature", "bad_signature")


@given(SAID)
def test_no_body_ends_in_anything_but_a_verdict(said: object) -> None:
    for sent in (said, {"notificationItems": said}, {"notificationItems": [said]}):
        found = judged(ADYEN, (), json.dumps(sent).encode(), keys=(KEY.encode(),))
        assert found in ("missing_signature", "malformed_signature")
