"""What must hold between an upstream's settings: headers, scope, egress, TLS, retries."""

import pytest

from tests.support.configuration import complaints, settings

WRONG = {  # words of the upstream; the key, a piece of the complaint
    "Host injected": ("inject: {headers: {Host: x}}", "inject.headers.Host", "cannot be injected"),
    "a length injected": (
        "inject: {headers: {content_length: '1'}}",
        "inject.headers.content_length",
        "cannot be injected",
    ),
    "a coding injected": ("inject: {headers: {Transfer-Encoding: x}}", "inject.headers.Transfer-Encoding", "cannot be"),
    "Connection injected": ("inject: {headers: {CONNECTION: x}}", "inject.headers.CONNECTION", "cannot be injected"),
    "one of our own headers injected": (
        "inject: {headers: {outrigger_x: y}}",
        "inject.headers.outrigger_x",
        "cannot be",
    ),
    "a name that is no token": ("inject: {headers: {'A B': x}}", "inject.headers.A B", "cannot be injected"),
    "a line break in a template": ('inject: {headers: {X: "a\\r\\nb"}}', "inject.headers.X", "one line"),
    "a line break in a query": ('inject: {query: {x: "a\\nb"}}', "inject.query.x", "one line"),
    "a template that is never closed": ("inject: {headers: {X: 'Bearer {token'}}", "inject.headers.X", "never closed"),
    "a template that was never opened": ("inject: {query: {x: 'token}'}}", "inject.query.x", "{{ and }} for braces"),
    "a key header that is never closed": (
        "auth: {type: api_key, secret: token, headers: {X-Key: '{token'}}",
        "auth.headers.X-Key",
        "never closed",
    ),
    "a template over nothing": ("inject: {headers: {X: 'Bearer {}'}}", "inject.headers.X", "not configured"),
    "a template over an unknown secret": ("inject: {query: {x: '{tokn}'}}", "inject.query.x", "did you mean token?"),
    "a key header that cannot be": (
        "auth: {type: api_key, secret: token, headers: {Host: '{token}'}}",
        "auth.headers.Host",
        "cannot be injected",
    ),
    "no key header": ("auth: {type: api_key, secret: token, headers: {}}", "auth.headers", "at least one header"),
    "auth without its type": ("auth: {secret: token}", "auth", "given no type; allowed a map with type, one of bearer"),
    "auth of an unknown type": ("auth: {type: beerer, secret: token}", "auth.type", "did you mean bearer?"),
    "basic without a name": ("auth: {type: basic, password: token}", "auth", "given both or neither"),
    "basic with a colon in its name": (
        "auth: {type: basic, user: 'a:b', password: token}",
        "auth.user",
        "another name",
    ),
    "basic without a password": ("auth: {type: basic, username: token}", "auth", "given no password"),
    "an entry without a method": ("scope: {allow: [/v1]}", "scope.allow[0]", "METHOD /path"),
    "a method in small letters": ("scope: {deny: ['get /v1']}", "scope.deny[0]", "METHOD /path"),
    "two stars inside": ("scope: {deny: ['GET /**/x']}", "scope.deny[0]", "** only at the end"),
    "preset without one": ("scope: {allow: [preset]}", "scope.allow[0]", "METHOD /path"),
    "a block that is none": ("egress: {allow: [internal]}", "egress.allow[0]", "a CIDR block"),
    "a block with stray bits": ("egress: {allow: [10.1.2.3/8]}", "egress.allow[0]", "a CIDR block"),
    "an old TLS": ("tls: {min_version: '1.1'}", "tls.min_version", "1.2, 1.3"),
    "verification switched off": ("tls: {verify: false}", "tls.verify", "an unknown key"),
    "a file of certificates that is not there": ("tls: {ca: /nowhere/ca.pem}", "tls.ca", "a file that can be read"),
    "a base above the most": ("retry: {backoff: {base: 20s}}", "retry.backoff", "a base above max"),
    "a pointer without its slash": ("retry: {idempotency: {json: key}}", "retry.idempotency.json", "a JSON pointer"),
    "header and field at once": ("retry: {idempotency: {header: X, json: /k}}", "retry.idempotency", "json alone"),
    "a key made without its header": (
        "retry: {idempotency: {header: none, generate: true}}",
        "retry.idempotency.generate",
        "only with a header",
    ),
    "a header that is no token": ("retry: {idempotency: {header: 'A B'}}", "retry.idempotency.header", "a header name"),
    "a listener that is no address": ("listen: '8610'", "listen", "host:port"),
    "no time to connect": ("timeout: {connect: 0}", "timeout.connect", "at least 0.001"),
    "no calls at all": ("concurrency: {max: 0}", "concurrency.max", "at least 1"),
    "no probe": ("breaker: {probes: 0}", "breaker.probes", "at least 1"),
    "a fault without an effect": ("faults: [{match: 'GET /x'}]", "faults[0]", "delay, status or reset: true"),
    "a fault of two kinds": ("faults: [{status: 503, reset: true}]", "faults[0]", "status or reset"),
    "a fault that matches nothing": (
        "faults: [{match: /x, reset: true}]",
        "faults[0].match",
        "given /x; allowed a match such as POST /v1/*",
    ),
    "a fault with an odd status": ("faults: [{status: 99}]", "faults[0].status", "given 99; allowed a status from 200"),
    "a sandbox's url that is none, not in force now": ("sandbox_url: off", "sandbox_url", "given off, no url of http"),
    "less than no repeat": ("retry: {budget: {min_per_second: -1}}", "retry.budget.min_per_second", "at least 0"),
    "a fault with more than all": ("faults: [{percent: 200%, reset: true}]", "faults[0].percent", "a ratio such as"),
    "fault headers without a status": ("faults: [{delay: 1s, headers: {A: b}}]", "faults[0]", "only with a status"),
    "a fault that frames": (
        "faults: [{status: 200, headers: {Content-Length: 1}}]",
        "faults[0]",
        "a header name other",
    ),
    "a fallback of nothing": ("fallback: {when: 5xx}", "fallback", "a status, or stale"),
    "a fallback with an odd status": ("fallback: {status: 100}", "fallback.status", "a status from 200 to 599"),
    "a body without a status": ("fallback: {stale: 5m, body: x}", "fallback", "only with a status"),
    "fallback headers that frame": (
        "fallback: {status: 200, headers: {Connection: x}}",
        "fallback.headers",
        "other than",
    ),
    "another when": ("fallback: {status: 200, when: 4xx}", "fallback.when", "5xx"),
    "a breaker that is a number": ("breaker: 5", "breaker", "off, or a map of"),
}
RIGHT = {
    "a brace in a template": "inject: {headers: {X: '{{literal}} {token}'}}",
    "a literal header": "inject: {headers: {X-Client: outrigger}}",
    "an entry for everything": "scope: {allow: ['* /**'], deny: ['DELETE /v1/*/x**']}",
    "one address as a block": "egress: {allow: [10.1.2.3, '::1/128']}",
    "a queue of nothing": "concurrency: {queue: 0, max_wait: 0}",
    "no limit between two pieces": "timeout: {idle: 0}",
    "no name": "auth: {type: bearer, secret: token}",
}


def upstream(words: str) -> str:
    return f"secrets: {{token: {{env: TOKEN}}}}\nupstreams:\n  a:\n    url: https://a.example\n    {words}\n"


@pytest.mark.parametrize(("words", "key", "piece"), WRONG.values(), ids=WRONG)
def test_what_cannot_go_together_is_refused(tmp_path, words, key, piece):
    [found] = complaints(tmp_path, upstream(words))
    assert (found.line, found.key) == (5, f"upstreams.a.{key}")
    assert piece in str(found)


@pytest.mark.parametrize("words", RIGHT.values(), ids=RIGHT)
def test_what_can_is_taken(tmp_path, words):
    assert complaints(tmp_path, upstream(words)) == []


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("ftp://a.example", "'ftp://a.example', no url of http or https"),
        ("${URL}", "${URL}, no url of http or https"),
        ("ftp://me:pw@a.example", "a url with user info"),
        ("https://a.example?key=pw", "a url with a query, a fragment or a backslash"),
    ],
)
def test_a_url_that_is_wrong_is_shown_unless_it_may_hold_a_credential(tmp_path, url, given):
    text = f"upstreams:\n  a: {{url: '{url}'}}\n"
    [found] = complaints(tmp_path, text, {"URL": "ftp://a.example"})
    assert (found.key, found.given) == ("upstreams.a.url", given)


def test_a_name_that_no_path_can_begin_with_is_shown(tmp_path):
    [found] = complaints(tmp_path, "upstreams: {Stripe: {url: 'https://a.example'}}\n")
    assert found.given == "'Stripe'"


def test_a_key_without_its_certificate_is_an_error(tmp_path):
    key = tmp_path / "key.pem"
    key.write_text("x")
    [found] = complaints(tmp_path, upstream(f"tls: {{key: {key}}}"))
    assert found.given == "key without cert"


NAMES = {
    "stripe": True,
    "a": True,
    "0": True,
    "a-b_c": True,
    "Stripe": False,
    "-a": False,
    "a b": False,
    "a.b": False,
    "_": False,
}


@pytest.mark.parametrize(("name", "right"), NAMES.items())
def test_a_name_is_what_a_path_can_begin_with(tmp_path, name, right):
    found = complaints(tmp_path, f"upstreams: {{'{name}': {{url: 'https://a.example'}}}}\n")
    assert (found == []) is right


def test_an_upstream_keeps_the_order_of_its_injected_headers(tmp_path):
    found = settings(tmp_path, upstream("inject: {headers: {B: x, A: y}}"))
    assert list(found.upstreams["a"].inject.headers) == ["B", "A"]
