"""Templates: what was signed, piece by piece."""

import re
from dataclasses import replace

import pytest

from proxy.rules.templates import compile_template
from tests.support.judging import PLAIN, judged, mac, sig

TEMPLATES = {
    "{method} {path}?{query}{{{body}}}": b"POST /a%2Fb?c=d&e{body}",
    "{url}{body}": b"https://hooks.example/given?c=d&ebody",
    "{crc32}/{body}": b"3685223346/body",
    "{option:name}{body}": b"valuebody",
    "{header:X-More}:{query:c}:{body}": b"\xfc:d:body",
}


@pytest.mark.parametrize(("template", "message"), TEMPLATES.items(), ids=TEMPLATES)
def test_a_template_says_what_was_signed(template: str, message: bytes) -> None:
    settings = replace(PLAIN, signed=template, options={"name": "value"})
    headers = (*sig(mac(message)), (b"X-More", b"\xfc"))
    url = "https://hooks.example/given?old=query#part"
    assert judged(settings, headers, b"body", line="POST /a%2Fb?c=d&e", url=url) == "by key0"


def test_a_url_may_have_been_signed_decoded_where_the_provider_does_that() -> None:
    settings = replace(PLAIN, signed="{url}{body}")
    line, url = "POST /in?a=%3Ab%2f%20", "https://hooks.example/in"
    written, decoded = b"https://hooks.example/in?a=%3Ab%2f%20", b"https://hooks.example/in?a=:b/%20"
    loose = replace(settings, options={"url_decode": True})
    assert judged(settings, sig(mac(written)), line=line, url=url) == "by key0"
    assert judged(settings, sig(mac(decoded)), line=line, url=url) == "bad_signature"
    assert judged(loose, sig(mac(written)), line=line, url=url) == "by key0"
    assert judged(loose, sig(mac(decoded)), line=line, url=url) == "by key0"


def test_braces_are_written_twice() -> None:
    assert judged(replace(PLAIN, signed="{{{body}}}{{}}"), sig(mac(b"{body}{}")), b"body") == "by key0"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{bodi}", "{bodi} is no placeholder"),
        ("{}", "{} is no placeholder"),
        ("{body", "a single {"),
        ("body}", "a single }"),
        ("{option:name}", "needs options: {name: …}"),
        ("{header:}", "names nothing"),
        ("{json:a}", "JSON pointer"),
        ("{json:/a/*}", "stands for many values"),
        ("{cookie:a}", "is no placeholder"),
    ],
)
def test_a_template_that_cannot_be_is_refused_in_words(template: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        compile_template(template, {})
