"""No complaint, warning or display repeats what may be a secret."""

import pytest

from proxy.config.display import rows
from tests.support.configuration import lines, settings

SECRET = "sk_" + "live_" + "Zq8" * 6

LITERALS = {  # where somebody might put a secret itself
    "in the place of a source": "secrets: {a: VALUE}",
    "as a source's key, braces forgotten": "secrets: {a: {VALUE}}",
    "as a source's key with a value": "secrets: {a: {VALUE: VALUE}}",
    "behind a key of its own": "secrets: {a: {value: VALUE}}",
    "as a list": "secrets: {a: [VALUE]}",
    "as the variable's name": "secrets: {a: {env: 'VALUE!'}}",
    "as the whole section": "secrets: VALUE",
    "as how long it may be stale": "secrets: {a: {env: A, max_stale: VALUE}}",
    "as a bearer secret": "upstreams: {a: {url: 'https://a.example', auth: {type: bearer, secret: VALUE}}}",
    "as a user name and a password": (
        "upstreams: {a: {url: 'https://a.example', auth: {type: basic, username: VALUE, password: VALUE}}}"
    ),
    "as auth itself": "upstreams: {a: {url: 'https://a.example', auth: VALUE}}",
    "as an unknown key of auth": "upstreams: {a: {url: 'https://a.example', auth: {type: bearer, token: VALUE}}}",
    "as inject itself": "upstreams: {a: {url: 'https://a.example', inject: VALUE}}",
    "in a template's braces": "upstreams: {a: {url: 'https://a.example', inject: {headers: {X: 'Bearer {VALUE}'}}}}",
    "in a template that is no line": 'upstreams: {a: {url: "https://a.example", inject: {headers: {X: "VALUE\\n"}}}}',
    "as user info": "upstreams: {a: {url: 'https://u:VALUE@a.example'}}",
    "in a url's query": "upstreams: {a: {url: 'https://a.example/?key=VALUE'}}",
    "as the admin token": "admin: {token: VALUE}",
    "as admin itself": "admin: VALUE",
    "as a caller's token": "callers: {tokens: [VALUE, {secret: VALUE}]}",
    "as callers themselves": "callers: VALUE",
    "as a webhook's secret": (
        "webhooks: {stripe: {integration: stripe, verify: {secrets: [VALUE]}, "
        "deliver: {url: 'http://127.0.0.1:1/', mode: sync}}}"
    ),
    "as a webhook's secrets": (
        "webhooks: {stripe: {integration: stripe, verify: {secrets: VALUE}, "
        "deliver: {url: 'http://127.0.0.1:1/', mode: sync}}}"
    ),
    "as the secret of a delivery": (
        "webhooks: {stripe: {integration: stripe, deliver: {url: 'http://127.0.0.1:1/', mode: sync, secret: VALUE}}}"
    ),
    "as a database's password": "inbox: {url: 'postgresql:u:VALUE@h/d'}",
    "as a cache's password": "state: {url: 'rediss://:VALUE@h'}",
    "as the key of encrypted secrets": "secrets_key: {passphrase: VALUE}",
}


@pytest.mark.parametrize("text", LITERALS.values(), ids=LITERALS)
def test_a_secret_in_the_wrong_place_is_refused_without_being_shown(tmp_path, text):
    found = lines(tmp_path, text.replace("VALUE", SECRET))
    assert found
    assert SECRET not in "\n".join(found)


URLS = {
    "as written": ("postgresql://u:VALUE@h/d?sslmode=require", "postgresql://u:[redacted]@h/d?sslmode=require"),
    "among the options": ("postgresql://h/d?password=VALUE&user=u", "postgresql://h/d?password=[redacted]&user=u"),
    "with an odd character": ("postgresql://u:VALUE%40x@h/d", "postgresql://u:[redacted]@h/d"),
    "with a sign that should have been escaped": ("postgresql://u:VALUE@VALUE@h/d", "postgresql://u:[redacted]@h/d"),
    "beside a variable": ("postgresql://u:VALUE@${HOST}/d", "postgresql://u:[redacted]@${HOST}/d"),
    "in a variable": ("postgresql://u:${KEY}@h/d", "postgresql://u:${KEY}@h/d"),
}


@pytest.mark.parametrize(("url", "shown"), URLS.values(), ids=URLS)
def test_the_password_of_a_database_is_not_shown_with_its_address(tmp_path, url, shown):
    text = f"inbox: {{url: '{url.replace('VALUE', SECRET)}'}}"
    found = {row.key: row for row in rows(settings(tmp_path, text, {"KEY": SECRET, "HOST": "h"}))}
    assert found["inbox.url"].value == shown
    assert SECRET not in repr(found)


def test_what_a_variable_brought_into_text_is_shown_as_the_file_has_it(tmp_path):
    text = """
upstreams:
  a:
    url: "https://${HOST}/v1"
    inject: {headers: {X-Key: "${KEY}"}, query: {k: "a${KEY}"}}
    debug: {redact: ["${KEY}"]}
    timeout: {total: "${TOTAL}"}
    mode: "${MODE}"
    fallback: {status: 200, headers: {X-Key: "${KEY}"}, body: {items: [{key: "${KEY}"}]}}
    faults: [{status: 503, headers: {X-Key: "${KEY}"}}]
"""
    environ = {"HOST": "a.example", "KEY": SECRET, "TOTAL": "5s", "MODE": "live"}
    found = {row.key.removeprefix("upstreams.a."): row for row in rows(settings(tmp_path, text, environ))}
    assert SECRET not in repr(found)
    assert found["inject.headers.X-Key"].value == "${KEY}"
    assert found["fallback.body"].value == "a document with variables in it"
    assert found["url"].value == "https://${HOST}/v1"
    assert (found["timeout.total"].value, found["timeout.total"].origin) == ("5s", "config.yaml:7 (${TOTAL})")
    assert (found["mode"].value, found["mode"].origin) == ("live", "config.yaml:8 (${MODE})")
