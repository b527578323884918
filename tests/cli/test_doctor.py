"""`outrigger doctor`, as a user calls it."""

import json
import time
from email.utils import formatdate

import pytest

from tests.support.command import outrigger
from tests.support.scripted import ScriptedUpstream, plain

LISTEN = "listen: {proxy: 127.0.0.1:0, webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}\n"
VALUES = {"STRIPE_SECRET_KEY": "sk_" + "test_0123456789abcdef"}


def examined(folder, text, **environ):
    """Exit code, and subject -> (what was said, what to fix)."""
    (folder / "config.yaml").write_text(LISTEN + text)
    ended = outrigger(folder, "doctor", "--json", **environ)
    found = {one["subject"]: (one["said"], one["fix"]) for one in json.loads(ended.out)}
    for value in environ.values():
        assert value not in ended.out
    return ended.code, found


def stripe(upstream, more=""):
    return f"upstreams: {{stripe: {{integration: stripe, url: '{upstream.url}'{more}}}}}\n"


@pytest.fixture
def upstream():
    with ScriptedUpstream() as one:
        yield one


def test_all_is_well(tmp_path, upstream):
    upstream.play(plain(200, b"{}", ("Date", formatdate(time.time(), usegmt=True))))
    code, found = examined(tmp_path, stripe(upstream), **VALUES)
    assert (code, {fix for _, fix in found.values()}) == (0, {""})
    assert "takes our credential" in found["upstream stripe"][0]
    [seen] = upstream.requests
    assert (seen.method, seen.target) == ("GET", b"/v1/customers?limit=1")
    assert seen.values(b"authorization") == [b"Bearer " + VALUES["STRIPE_SECRET_KEY"].encode()]


def test_a_credential_that_is_refused_and_a_clock_that_is_wrong(tmp_path, upstream):
    upstream.play(plain(401, b"{}", ("Date", formatdate(time.time() - 3600, usegmt=True))))
    code, found = examined(tmp_path, stripe(upstream), **VALUES)
    assert (code, "check stripe_secret_key" in found["upstream stripe"][1]) == (1, True)
    assert "ahead of what upstream stripe says" in found["clock"][0]
    assert "NTP" in found["clock"][1]


def test_a_secret_that_is_missing_is_named_with_its_variable(tmp_path, upstream):
    code, found = examined(tmp_path, stripe(upstream))
    assert (code, found["secret stripe_secret_key"][1]) == (1, "give variable STRIPE_SECRET_KEY a value")
    assert found["upstream stripe"][0].startswith("secret_unavailable")
    assert upstream.requests == []


def test_a_way_that_is_closed(tmp_path, upstream):
    upstream.close()
    text = f"upstreams: {{a: {{url: '{upstream.url}'}}, b: {{url: 'http://localhost:1'}}}}\n"
    code, found = examined(tmp_path, text)
    assert (code, found["upstream a"][0].partition(":")[0]) == (1, "connect_refused")
    assert "egress.allow" in found["upstream b"][1]


def test_an_upstream_is_not_blamed_for_the_secret_of_another(tmp_path, upstream):
    upstream.close()
    webhook = "webhooks: {stripe: {integration: stripe}}\n"
    _, found = examined(tmp_path, f"upstreams: {{a: {{url: '{upstream.url}'}}}}\n{webhook}")
    assert "stripe_webhook_secret" not in found["upstream a"][0]
    assert found["secret stripe_webhook_secret"][1]


def test_a_port_that_is_taken(tmp_path, upstream):
    (tmp_path / "config.yaml").write_text(
        LISTEN.replace("proxy: 127.0.0.1:0", f"proxy: 127.0.0.1:{upstream.port}")
        + "upstreams: {s: {integration: stripe, mode: mock}}\n"
    )
    ended = outrigger(tmp_path, "doctor")
    assert (ended.code, "1 to fix" in ended.out, "another program has it" in ended.out) == (1, True, True)
    assert "ok   upstream s: mock" in ended.out


def test_a_wrong_configuration_is_said_first(tmp_path):
    (tmp_path / "config.yaml").write_text("upstreams: {a: {integration: strpe}}\n")
    ended = outrigger(tmp_path, "doctor")
    assert (ended.code, "did you mean stripe?" in ended.out) == (2, True)


WSDL = (
    b'<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/">'
    b'<w:service name="I"><w:port name="P"><s:address location="http://10.0.0.8:8080%s"/></w:port></w:service>'
    b"</w:definitions>"
)
PUBLISHED = {  # path of url, path that the WSDL publishes -> what is said of it, None: nothing
    "below url, on an inner host": ("/soap", b"/soap/svc", None),
    "url itself": ("/soap", b"/soap", None),
    "elsewhere": ("/soap", b"/other/svc?x=1", "publishes the path /other/svc, which is not below /soap of url"),
    "a longer word": ("/soap", b"/soapy", "publishes the path /soapy"),
    "any, where url has no path": ("", b"/other", None),
}


@pytest.mark.parametrize(("path", "location", "said"), PUBLISHED.values(), ids=PUBLISHED)
def test_addresses_that_a_service_publishes(tmp_path, upstream, path, location, said):
    upstream.play(lambda seen: plain(200, WSDL % location if b"?wsdl" in seen.target else b""))
    text = f"upstreams: {{svc: {{integration: soap, url: '{upstream.url}{path}'}}}}\n"
    code, found = examined(tmp_path, text, SOAP_USERNAME="made-up-user", SOAP_PASSWORD="made-up-password")
    assert code == (0 if said is None else 1)
    assert said is None or said in found["upstream svc"][0]
    assert said is None or f"give url: {upstream.url}, or" in found["upstream svc"][1]
    [asked] = [seen for seen in upstream.requests if b"?wsdl" in seen.target]
    assert asked.target == f"{path or '/'}?wsdl".encode()
    assert asked.values(b"authorization")


def test_the_description_is_looked_for_where_the_capability_says_that_its_service_is(tmp_path, upstream):
    upstream.play(lambda seen: plain(200, WSDL % b"/x") if b"/svc?wsdl" in seen.target else plain(404))
    text = (
        f"upstreams: {{stock: {{integration: soap, url: '{upstream.url}/soap'}}}}\n"
        "capabilities: {inventory: {upstream: stock, path: /svc}}\n"
    )
    code, found = examined(tmp_path, text, SOAP_USERNAME="made-up-user", SOAP_PASSWORD="made-up-password")
    assert (code, "publishes the path /x" in found["upstream stock"][0]) == (1, True)


NO_WSDL = {"not found": plain(404, b"no"), "no XML": plain(200, b"hello"), "a page": plain(200, b"<html><p></html>")}


@pytest.mark.parametrize("answer", NO_WSDL.values(), ids=NO_WSDL)
def test_a_service_without_a_description_is_fine(tmp_path, upstream, answer):
    upstream.play(answer)
    text = f"upstreams: {{svc: {{integration: soap, url: '{upstream.url}/soap'}}}}\n"
    code, _ = examined(tmp_path, text, SOAP_USERNAME="made-up-user", SOAP_PASSWORD="made-up-password")
    assert code == 0
