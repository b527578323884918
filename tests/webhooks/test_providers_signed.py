"""Each preset takes what its provider would sign, and nothing that differs from it by a byte, a second or a key."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.rules.placing import Outgoing, put
from proxy.rules.signing import time_text
from tests.support import sns
from tests.support.presets import names, presets
from tests.support.signed_by import NOW, adyen_body, keys_for, request, verdict

IN_JSON = {"linear", "mailgun", "msgraph"}  # what is proven, or its time, stands in the body
BODIES_OF_THEIR_OWN = {"adyen", "aws_sns"}
SIGNED = sorted(set(names()) - BODIES_OF_THEIR_OWN)
BODY_SIGNED = [name for name in SIGNED if presets()[name].verify.body_signed]
TIMED = [name for name in SIGNED if "{timestamp}" in (presets()[name].verify.signed or "")]
SHELLS = {"mailgun": {"signature": {}, "event-data": {}}, "msgraph": {"value": [{}, {}]}}

FEW = settings(max_examples=8, deadline=None)
CONTENT = st.binary(max_size=200)


def body_of(name: str, content: bytes) -> bytes:
    """`content` itself, or a document of the provider's shape that holds it."""
    if name not in IN_JSON:
        return content
    return json.dumps(SHELLS.get(name, {}) | {"content": content.hex()}).encode()


@pytest.mark.parametrize("name", SIGNED)
@FEW
@given(content=CONTENT, seed=st.sampled_from("ab"))
def test_what_is_signed_by_its_rules_is_proven(name: str, content: bytes, seed: str) -> None:
    keys = keys_for(name, seed)
    sent = request(name, body_of(name, content), keys)
    assert verdict(name, sent, keys.configured) == "accepted"


@pytest.mark.parametrize("name", SIGNED)
@FEW
@given(content=CONTENT)
def test_another_secret_proves_nothing(name: str, content: bytes) -> None:
    sent = request(name, body_of(name, content), keys_for(name, "a"))
    assert verdict(name, sent, keys_for(name, "b").configured) == "bad_signature"


@pytest.mark.parametrize("name", BODY_SIGNED)
@FEW
@given(content=st.binary(min_size=1, max_size=200), place=st.integers(0, 999), change=st.integers(1, 255))
def test_a_changed_byte_of_the_body_is_refused(name: str, content: bytes, place: int, change: int) -> None:
    keys = keys_for(name)
    sent = request(name, body_of(name, content), keys)
    changed = bytearray(sent.body)
    changed[place % len(changed)] ^= change
    assert verdict(name, sent._replace(body=bytes(changed)), keys.configured) == "bad_signature"


@pytest.mark.parametrize("name", BODY_SIGNED)
def test_a_byte_more_or_less_of_the_body_is_refused(name: str) -> None:
    keys = keys_for(name)
    sent = request(name, body_of(name, b"body"), keys)
    for body in (sent.body + b"\n", sent.body[:-1], b"", b"\xef\xbb\xbf" + sent.body):
        assert verdict(name, sent._replace(body=body), keys.configured) == "bad_signature"


@pytest.mark.parametrize("name", TIMED)
@FEW
@given(content=CONTENT, later=st.integers(1, 250))
def test_a_changed_time_is_refused(name: str, content: bytes, later: int) -> None:
    keys = keys_for(name)
    sent = with_time(name, request(name, body_of(name, content), keys), NOW + later)
    assert verdict(name, sent, keys.configured) == "bad_signature"


def with_time(name: str, sent: Outgoing, wall: float) -> Outgoing:
    """The request with another time, its signature as it was."""
    verify = presets()[name].verify
    where, text = str(verify.timestamp), time_text(wall, verify.timestamp_unit)
    if not where.startswith("param:"):
        return put(sent, where, text)
    pair = re.escape(where.removeprefix("param:").encode() + verify.assign.encode())
    [old] = [value for field, value in sent.headers if field.decode().lower() == verify.signature[0][7:].lower()]
    return put(sent, verify.signature[0], re.sub(pair + rb"\d+", pair.replace(b"\\", b"") + text, old))


WINDOWED = [name for name in SIGNED if presets()[name].verify.tolerance is not None]


@pytest.mark.parametrize("name", WINDOWED)
def test_a_genuine_request_counts_within_its_tolerance_and_not_beyond(name: str) -> None:
    keys = keys_for(name)
    most = presets()[name].verify.tolerance
    assert most is not None
    sent = request(name, body_of(name, b"body"), keys)
    verdicts = {age: verdict(name, sent, keys.configured, NOW + age) for age in (most, most + 1, -most, -most - 1)}
    assert verdicts == {most: "accepted", most + 1: "expired", -most: "accepted", -most - 1: "future"}


@pytest.mark.parametrize("name", sorted(set(SIGNED) - set(WINDOWED)))
def test_without_a_tolerance_a_request_counts_for_good(name: str) -> None:
    keys = keys_for(name)
    sent = request(name, body_of(name, b"body"), keys)
    assert verdict(name, sent, keys.configured, NOW + 1e8) == "accepted"


def test_adyen_and_sns_prove_their_own_bodies() -> None:
    adyen = keys_for("adyen")
    sent = Outgoing("POST", b"/in", (), adyen_body(adyen))
    assert verdict("adyen", sent, adyen.configured) == "accepted"
    assert verdict("adyen", sent, keys_for("adyen", "b").configured) == "bad_signature"
    message = Outgoing("POST", b"/in", (), sns.message())
    assert verdict("aws_sns", message, sns.certificate()) == "accepted"
    changed = message._replace(body=message.body.replace(b"Hello", b"Hallo"))
    assert verdict("aws_sns", changed, sns.certificate()) == "bad_signature"
