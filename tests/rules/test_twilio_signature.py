"""Twilio's scheme: which URL, which parameters, which algorithm, and what covers another body."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Headers
from proxy.rules.incoming import Incoming
from proxy.rules.signatures import VerifySettings
from proxy.rules.twilio_signature import TwilioReader
from tests.support.judging import KEY, judged

SETTINGS = VerifySettings(scheme="twilio", secrets=("key",))
URL = "https://hooks.example/in"
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")


def proof(signed: str, algorithm: str = "sha1") -> tuple[bytes, bytes]:
    return (b"X-Twilio-Signature", base64.b64encode(hmac.digest(KEY, signed.encode(), algorithm)))


def twilio(headers: Headers, body: bytes = b"", line: str = "POST /in", url: str = URL) -> str:
    return judged(SETTINGS, headers, body, line=line, url=url)


# what was given to Twilio; what Twilio signed; and what it may not have signed
URLS = {
    "https": (URL, [URL, "https://hooks.example:443/in"], ["http://hooks.example/in", "https://hooks.example:80/in"]),
    "http": ("http://a.example", ["http://a.example", "http://a.example:80"], ["https://a.example"]),
    "its own port, written": ("https://a.example:443/x", ["https://a.example/x", "https://a.example:443/x"], []),
    "another port": ("https://a.example:8443/x", ["https://a.example:8443/x"], ["https://a.example/x"]),
    "a user": ("https://u:p@a.example/x", ["https://u:p@a.example/x", "https://u:p@a.example:443/x"], []),
    "an address": ("https://[::1]/x", ["https://[::1]/x", "https://[::1]:443/x"], ["https://[::1:443]/x"]),
    "a slash is a slash": (URL + "/", [URL + "/"], [URL]),
    "letters keep their case": ("https://Hooks.Example/In", ["https://Hooks.Example/In"], [URL]),
    "the query is the request's": (URL + "?old=1#part", [URL], [URL + "?old=1"]),
}


@pytest.mark.parametrize(("url", "signed", "not_signed"), URLS.values(), ids=URLS)
def test_a_url_may_be_signed_with_or_without_its_own_port(url: str, signed: list[str], not_signed: list[str]) -> None:
    assert {twilio((proof(one),), url=url) for one in signed} == {"by key0"}
    assert {twilio((proof(one),), url=url) for one in not_signed} <= {"bad_signature"}


BODIES = {
    "sorted by name": (b"b=2&a=1", "a1b2"),
    "capitals first": (b"a=1&B=2", "B2a1"),
    "by code point": ("é=1&z=2&\U0001f600=3&\uffff=4".encode(), "z2é1\uffff4\U0001f6003"),
    "values of a name sorted, and each once": (b"a=2&a=1&a=2", "a1a2"),
    "decoded": (b"a%20b=%2B+c", "a b+ c"),
    "a percent that begins no escape": (b"a=100%", "a100%"),
    "blank values kept": (b"a=&b", "ab"),
    "empty pairs left out": (b"&a=1&&", "a1"),
    "a semicolon parts nothing": (b"a=1;b=2", "a1;b=2"),
    "an equals sign in a value": (b"a=b=c", "ab=c"),
}


@pytest.mark.parametrize(("body", "signed"), BODIES.values(), ids=BODIES)
def test_parameters(body: bytes, signed: str) -> None:
    assert twilio((FORM, proof(URL + signed)), body) == "by key0"


@pytest.mark.parametrize(
    "kind", [b"application/x-www-form-urlencoded; charset=UTF-8", b"Application/X-WWW-Form-Urlencoded ;a"]
)
def test_a_form_is_known_by_its_type_alone(kind: bytes) -> None:
    assert twilio(((b"content-type", kind), proof(URL + "a1")), b"a=1") == "by key0"


JSON = b'{"a": 1}'
DIGEST = hashlib.sha256(JSON).hexdigest()
COVER = {
    "its digest": ("POST", f"?bodySHA256={DIGEST}", JSON, "by key0"),
    "its digest among others": ("POST", f"?a=b&bodySHA256={DIGEST}&c", JSON, "by key0"),
    "the digest of another body": ("POST", f"?bodySHA256={DIGEST}", JSON + b" ", "bad_signature"),
    "the digest of a body that was cut off": ("POST", f"?bodySHA256={DIGEST}", b"", "bad_signature"),
    "a digest in capitals": ("POST", f"?bodySHA256={DIGEST.upper()}", JSON, "bad_signature"),
    "two digests": ("POST", f"?bodySHA256={DIGEST}&bodySHA256={DIGEST}", JSON, "body_not_signed"),
    "another name": ("POST", f"?bodysha256={DIGEST}", JSON, "body_not_signed"),
    "nothing": ("POST", "", JSON, "body_not_signed"),
    "nothing, and there is no body": ("POST", "", b"", "by key0"),
    "nothing, where GET has a body": ("GET", "?a=b", b"a=b", "body_not_signed"),
}


@pytest.mark.parametrize(("method", "query", "body", "expected"), COVER.values(), ids=COVER)
def test_another_body_is_covered_by(method: str, query: str, body: bytes, expected: str) -> None:
    kind = (b"Content-Type", b"application/json") if method == "POST" else FORM
    assert twilio((kind, proof(URL + query)), body, f"{method} /in{query}") == expected


def test_a_form_is_covered_by_its_parameters_whatever_the_query_says() -> None:
    assert twilio((FORM, proof(f"{URL}?bodySHA256=xa1")), b"a=1", "POST /in?bodySHA256=x") == "by key0"


ALGORITHMS = {
    "SHA-256 with a shared key": (b"key=k,algorithm=HMAC_SHA256", "sha256", "by key0"),
    "blanks around": (b"key=k , algorithm = HMAC_SHA256", "sha256", "by key0"),
    "SHA-1 said": (b"algorithm=HMAC_SHA1", "sha1", "by key0"),
    "nothing said": (b"key=k", "sha1", "by key0"),
    "another": (b"algorithm=HMAC_MD5", "sha1", "algorithm_not_allowed"),
    "none": (b"algorithm=", "sha1", "algorithm_not_allowed"),
    "two": (b"algorithm=HMAC_SHA1,algorithm=HMAC_SHA256", "sha1", "algorithm_not_allowed"),
    "a signature of the other length": (b"algorithm=HMAC_SHA256", "sha1", "malformed_signature"),
}


@pytest.mark.parametrize(("said", "algorithm", "expected"), ALGORITHMS.values(), ids=ALGORITHMS)
def test_the_algorithm_is_one_of_two(said: bytes, algorithm: str, expected: str) -> None:
    headers = ((b"X-Twilio-Webhooks-Signature-Settings", said), proof(URL, algorithm))
    assert twilio(headers) == expected


@pytest.mark.parametrize("name", [b"X-Twilio-Signature", b"X-Twilio-Webhooks-Signature-Settings", b"Content-Type"])
def test_a_header_that_takes_part_may_not_come_twice(name: bytes) -> None:
    assert twilio((proof(URL), (name, b"a"), (name.lower(), b"a"))) == "ambiguous_signature"


def test_a_form_with_more_pairs_than_twilio_sends_is_too_large() -> None:
    assert twilio((FORM, proof(URL)), b"a&" * 1000) == "too_large"


@given(st.lists(st.tuples(st.binary(max_size=4), st.binary(max_size=4)), max_size=9))
def test_the_order_of_a_form_does_not_matter(pairs: list[tuple[bytes, bytes]]) -> None:
    def claim(ordered: list[tuple[bytes, bytes]]) -> object:
        body = b"&".join(_escaped(name) + b"=" + _escaped(value) for name, value in ordered)
        headers = (FORM, (b"X-Twilio-Signature", base64.b64encode(b"x" * 20)))
        return TwilioReader(URL).read(Incoming("POST", b"/in", headers, body))

    assert claim(pairs) == claim(pairs[::-1])


def _escaped(text: bytes) -> bytes:
    return b"".join(b"%%%02X" % one for one in text)
