"""The public URL that a sender signed is found among those it may have been given."""

import pytest

from proxy.rules.signatures import VerifySettings
from tests.support.diagnosing import TWILIO, URL, URLED, asked, found, request

FORWARDED = ((b"Host", b"inner:8080"), (b"X-Forwarded-Host", b"real.example.test"), (b"X-Forwarded-Proto", b"http"))
URLS = {  # what the sender was given; the target of the request
    "http": ("http://hooks.example.test/in/here", b"/in/here?a=1"),
    "a port": ("https://hooks.example.test:80/in/here", b"/in/here"),
    "a slash behind it": ("https://hooks.example.test/in/here/", b"/in/here"),
    "the host that was asked": ("https://inner:8080/in/here", b"/in/here"),
    "the host in front": ("https://real.example.test/in/here", b"/in/here"),
    "all of the request's own": ("http://real.example.test/other", b"/other"),
}


@pytest.mark.parametrize("settings", [URLED, TWILIO], ids=["template", "twilio"])
@pytest.mark.parametrize(("given", "target"), URLS.values(), ids=URLS)
def test_a_public_url(settings: VerifySettings, given: str, target: bytes) -> None:
    sent = request(settings, b"", url=given, target=target, headers=FORWARDED)
    result = found(asked(settings, public_url=URL), sent)
    assert (result.finding, result.proof) == ("public_url", True)
    assert result.fix == f"webhooks.billing.public_url: {given}"


def test_a_url_signed_without_its_query() -> None:
    sent = request(URLED)._replace(target=b"/in/here?a=1")
    result = found(asked(URLED, public_url=URL), sent)
    assert (result.finding, result.proof) == ("public_url", True)
    assert "without its query" in (result.fix or "")
