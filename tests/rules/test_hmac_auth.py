"""A MAC over parts of a request that leaves."""

import hashlib
import hmac
from base64 import b64encode

import pytest

from proxy.errors import Refusal
from proxy.rules.auth_settings import HmacAuth
from proxy.rules.credentials import Secret
from proxy.rules.hmac_auth import HmacSigner, compile_signed
from proxy.rules.outgoing import Moment, Outgoing, Place

PLACE = Place(secure=True, authority=b"api.example", path=b"/v1")
OUTGOING = Outgoing("POST", b"/v1/a?b=c", ((b"X-Id", b"7"),), b'{"n":"x"}', PLACE)


def auth(signed, **more):
    return HmacAuth(type="hmac", secret="key", header="X-Sig", signed=signed, **more)


def mac(message, algorithm="sha256"):
    return hmac.new(b"k", message, algorithm).digest()


def signed(settings, outgoing=OUTGOING):
    return HmacSigner(settings).sign(outgoing, lambda name: Secret(name, b"k"), Moment(1700000000.9, b"")).headers


MESSAGES = {
    "the body": ("{body}", b'{"n":"x"}'),
    "the time and the body": ("{timestamp}.{body}", b'1700000000.{"n":"x"}'),
    "method, path and query": ("{method}\n{path}\n{query}", b"POST\n/v1/a\nb=c"),
    "the whole address": ("{url}", b"https://api.example/v1/a?b=c"),
    "a header and a field of the body": ("{header:X-Id}{json:/n}", b"7x"),
    "braces": ("{{{body}}}", b'{{"n":"x"}}'),
}


@pytest.mark.parametrize(("template", "message"), MESSAGES.values(), ids=MESSAGES)
def test_what_is_signed(template, message):
    found = signed(auth(template, timestamp="X-Time"))
    assert found == ((b"X-Id", b"7"), (b"X-Time", b"1700000000"), (b"X-Sig", mac(message).hex().encode()))


def test_algorithm_encoding_and_prefix():
    found = signed(auth("{body}", algorithm="sha512", encoding="base64", prefix="v1="))
    assert found[-1] == (b"X-Sig", b"v1=" + b64encode(mac(OUTGOING.body, "sha512")))
    assert hashlib.new("sha512").digest_size == 64


def test_a_part_that_is_not_there_is_refused():
    with pytest.raises(Refusal, match="bad_request"):
        signed(auth("{header:X-Gone}"))


WANTS = {"the body": ("{body}", True), "its checksum": ("{crc32}", True), "a field of it": ("{json:/a}", True)}
WANTS |= {"only the head": ("{method}{path}", False)}


@pytest.mark.parametrize(("template", "wanted"), WANTS.values(), ids=WANTS)
def test_the_body_is_read_only_where_it_is_signed(template, wanted):
    signer = HmacSigner(auth(template))
    assert signer.wants_body((), sized=True, small=True, secure=True) is wanted
    if wanted:
        with pytest.raises(Refusal, match="request_too_large"):
            signer.wants_body((), sized=True, small=False, secure=True)


WRONG = {
    "a time that is nowhere sent": ("{timestamp}", "needs timestamp"),
    "an id, which only events have": ("{id}{body}", "of webhooks"),
    "an unknown word": ("{bodi}", "no placeholder"),
    "nothing of the request": ("fixed", "nothing"),
}


@pytest.mark.parametrize(("template", "words"), WRONG.values(), ids=WRONG)
def test_a_template_that_cannot_be(template, words):
    with pytest.raises(ValueError, match=words):
        compile_signed(auth(template))
