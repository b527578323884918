"""Another secret, or one that was pasted badly, is found by what it signs."""

import base64
from collections.abc import Mapping
from dataclasses import replace

import pytest

from proxy.rules.credentials import Secret
from proxy.rules.diagnosis.diagnose import diagnose
from proxy.rules.signatures import KeySettings
from tests.support.diagnosing import OTHER, asked, found, request
from tests.support.judging import KEY, NOW, PLAIN, STRIPE


def test_another_configured_secret_is_named() -> None:
    question = asked(STRIPE, others=(("webhook shop", Secret("third", b"third")), ("webhook shop", OTHER)))
    result = found(question, request(STRIPE, secret=b"the-live-one"))
    assert (result.finding, result.proof, result.matched_secret) == ("other_secret", True, "shop_live")
    assert "webhook shop" in result.what
    assert "webhooks.billing.verify.secrets" in (result.fix or "")


def test_another_secret_is_found_however_old_the_request_is() -> None:
    result = found(
        asked(STRIPE, others=(("webhook shop", OTHER),)), request(STRIPE, secret=b"the-live-one", wall=NOW - 1e5)
    )
    assert (result.finding, result.reason) == ("other_secret", "bad_signature")


RAW = KeySettings()
BASE64 = KeySettings(encoding="base64", strip_prefix="whsec_")
WHSEC = b"whsec_" + base64.b64encode(KEY)
FORMATS: Mapping[str, tuple[KeySettings, bytes, KeySettings, bytes]] = {  # how the sender has it; how it is here
    "a blank behind it": (RAW, KEY, RAW, KEY + b" "),
    "quotes": (RAW, KEY, RAW, b'"' + KEY + b'"'),
    "a written line break": (RAW, KEY, RAW, KEY + b"\\n"),
    "the sender's copy ends in a line break": (RAW, KEY + b"\n", RAW, KEY),
    "whsec_ forgotten": (RAW, b"whsec_abc", RAW, b"abc"),
    "whsec_ too much": (RAW, b"abc", RAW, b"whsec_abc"),
    "base64 taken as it is": (BASE64, WHSEC, RAW, WHSEC),
    "hex taken as it is": (KeySettings(encoding="hex"), KEY.hex().encode(), RAW, KEY.hex().encode()),
    "raw taken for base64": (RAW, b"abcd", KeySettings(encoding="base64"), b"abcd"),
    "raw that cannot be base64": (RAW, b"ab!", KeySettings(encoding="base64"), b"ab!"),
}


@pytest.mark.parametrize(("theirs", "secret", "ours", "value"), FORMATS.values(), ids=FORMATS)
def test_a_badly_pasted_secret(theirs: KeySettings, secret: bytes, ours: KeySettings, value: bytes) -> None:
    sent = request(replace(PLAIN, key=theirs), secret=secret)
    result = diagnose(asked(replace(PLAIN, key=ours), secrets=(Secret("key", value),)), sent.seen())
    assert (result.finding, result.proof, result.matched_secret) == ("secret_format", True, "key")
    assert value.decode() not in repr(result)
