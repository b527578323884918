"""Webhooks of a configuration: presets, `verify` in all its spellings, and how they deliver."""

import pytest

from proxy.config.schema import SecretSource
from proxy.rules.delivery import WaitSettings
from tests.support.configuration import HMAC, SYNC, complaints, settings, webhook


def test_a_preset_brings_verification_answer_and_the_variable_of_its_secret(tmp_path):
    found = settings(tmp_path, f"webhooks: {{stripe: {{integration: stripe, {SYNC}}}}}\n")
    stripe = found.webhooks["stripe"]
    assert (stripe.path, stripe.verify.scheme, stripe.verify.tolerance) == ("/stripe", "hmac", 300.0)
    assert stripe.verify.signature == ("header:Stripe-Signature",)
    assert found.secrets == {"stripe_webhook_secret": SecretSource(env="STRIPE_WEBHOOK_SECRET")}


def test_a_provider_without_a_folder_has_a_row_and_its_variable_in_capitals(tmp_path):
    found = settings(tmp_path, f"webhooks: {{hub: {{integration: typeform, {SYNC}}}}}\n")
    assert found.webhooks["hub"].verify.prefix == "sha256="
    assert found.secrets == {"typeform_webhook_secret": SecretSource(env="TYPEFORM_WEBHOOK_SECRET")}
    assert found.where["webhooks.hub.verify.prefix"] == "preset typeform"


def test_own_words_stand_over_the_preset(tmp_path):
    text = webhook("integration: stripe", "verify: {tolerance: 1m, secrets: [s]}", "path: /in/billing", SYNC)
    found = settings(tmp_path, text)
    verify = found.webhooks["w"].verify
    assert (verify.tolerance, verify.secrets, verify.param) == (60.0, ("s",), "v1")
    assert found.webhooks["w"].path == "/in/billing"
    assert set(found.secrets) == {"s"}


def test_another_scheme_replaces_the_presets_whole(tmp_path):
    text = webhook(
        "integration: stripe", "verify: {scheme: token, header: X-T, body_signed: false, secrets: [s]}", SYNC
    )
    verify = settings(tmp_path, text).webhooks["w"].verify
    assert (verify.scheme, verify.param, verify.signed) == ("token", None, None)


SPELLINGS = {  # words of `verify`; key, value
    "header is short for a signature in a header": (HMAC, ("signature", ("header:X-Sig",))),
    "several places of a signature": (
        'scheme: hmac, signature: [header:A, header:B], signed: "{body}", secrets: [s]',
        ("signature", ("header:A", "header:B")),
    ),
    "one place of the id needs no list": (f"{HMAC}, id: json:/id", ("id", ("json:/id",))),
    "without a signed time any age is taken": (HMAC, ("tolerance", None)),
    "with one five minutes are": (f"{HMAC}, timestamp: header:X-T", ("tolerance", 300.0)),
    "unless the file says otherwise": (f"{HMAC}, timestamp: header:X-T, tolerance: 10s", ("tolerance", 10.0)),
    "or switches it off": (f"{HMAC}, timestamp: header:X-T, tolerance: off", ("tolerance", None)),
    "a body that is not covered has to be said": (
        'scheme: hmac, header: X, signed: "{header:Y}", body_signed: false, secrets: [s]',
        ("body_signed", False),
    ),
    "options are taken as they are": (
        f"{HMAC}, options: {{url_decode: true, n: 5}}",
        ("options", {"url_decode": True, "n": 5}),
    ),
}


@pytest.mark.parametrize(("words", "expected"), SPELLINGS.values(), ids=SPELLINGS)
def test_verify_may_be_written_so(tmp_path, words, expected):
    verify = settings(tmp_path, webhook(f"verify: {{{words}}}", SYNC)).webhooks["w"].verify
    assert getattr(verify, expected[0]) == expected[1]


WRONG = {  # the webhook's words; key, a piece of the complaint
    "neither integration nor verify": ((SYNC,), ("", "given neither")),
    "a provider that is nearly right": (("integration: githbu", SYNC), (".integration", "did you mean github?")),
    "an unknown scheme": (
        (f"verify: {{{HMAC.replace('hmac', 'hmca')}}}", SYNC),
        (".verify.scheme", "did you mean hmac?"),
    ),
    "an unknown key": ((f"verify: {{{HMAC}, algoritm: sha1}}", SYNC), (".verify.algoritm", "did you mean algorithm?")),
    "an unknown algorithm": (
        (f"verify: {{{HMAC}, algorithm: md5}}", SYNC),
        (".verify.algorithm", "given md5; allowed sha1"),
    ),
    "an unknown placeholder": (
        ('verify: {scheme: hmac, header: X, signed: "{bodi}{body}", secrets: [s]}', SYNC),
        (".verify.signed", "{bodi} is no placeholder; allowed {body}"),
    ),
    "a locator that is none": (
        ('verify: {scheme: hmac, signature: cookie:X, signed: "{body}", secrets: [s]}', SYNC),
        (".verify.signature", "'cookie:X' is no locator; allowed header:"),
    ),
    "a signature that does not cover the body": (
        ('verify: {scheme: hmac, header: X, signed: "{method}", secrets: [s]}', SYNC),
        (".verify.signed", "body_signed: false"),
    ),
    "the url without public_url": (
        ('verify: {scheme: hmac, header: X, signed: "{url}{body}", secrets: [s]}', SYNC),
        (".verify.signed", "say public_url"),
    ),
    "twilio without public_url": (("integration: twilio", SYNC), ("", "say public_url")),
    "a tolerance without a time": ((f"verify: {{{HMAC}, tolerance: 5m}}", SYNC), (".verify.tolerance", "no time")),
    "no secrets": (('verify: {scheme: hmac, header: X, signed: "{body}"}', SYNC), (".verify", "0 names")),
    "one character for two things": (
        (f"verify: {{{HMAC}, format: params, param: v1, separator: '='}}", SYNC),
        (".verify.separator", "two different characters"),
    ),
    "a switch that is neither on nor off": (
        (f"verify: {{{HMAC}, options: {{url_decode: maybe}}}}", SYNC),
        (".verify.options", "true or false"),
    ),
    "an answer that frames itself": (
        (f"verify: {{{HMAC}}}", "answer: {headers: {content-length: '5'}}", SYNC),
        (".answer.headers.content-length", "one that we set ourselves"),
    ),
    "an unknown secret": (
        ('verify: {scheme: hmac, header: X, signed: "{body}", secrets: [whsec_abcdef]}', SYNC),
        (".verify.secrets[0]", "given a name that is not under secrets (text that is not shown)"),
    ),
    "a path without its slash": ((f"verify: {{{HMAC}}}", "path: in", SYNC), (".path", "begins with /")),
    "a path with a query": ((f"verify: {{{HMAC}}}", "path: /in?x", SYNC), (".path", "begins with /")),
    "a public url that is none": ((f"verify: {{{HMAC}}}", "public_url: app.example", SYNC), (".public_url", "http")),
    "an answer that is no success": (
        (f"verify: {{{HMAC}}}", "answer: {status: 500}", SYNC),
        (".answer.status", "200 to 299"),
    ),
    "a delivery to the metadata service": (
        (f"verify: {{{HMAC}}}", "deliver: {url: 'http://169.254.169.254/', mode: sync}"),
        (".deliver.url", "metadata"),
    ),
    "a delivery with user info": (
        (f"verify: {{{HMAC}}}", "deliver: {url: 'http://u:p@127.0.0.1/', mode: sync}"),
        (".deliver.url", "given a url with user info"),
    ),
    "sync without an application": (
        (f"verify: {{{HMAC}}}", "deliver: {mode: sync}"),
        (".deliver.mode", "without deliver.url"),
    ),
    "an order by no place": (
        (f"verify: {{{HMAC}}}", "deliver: {order_by: subscription}"),
        (".deliver.order_by", "is no locator; allowed header:"),
    ),
    "an order by a part of the signature": (
        (f"verify: {{{HMAC}}}", "deliver: {order_by: param:t}"),
        (".deliver.order_by", "allowed header:…, json:…, form:…, query:…"),
    ),
    "an order by many values": (
        (f"verify: {{{HMAC}}}", "deliver: {order_by: json:/items/*/id}"),
        (".deliver.order_by", "which stands for many"),
    ),
    "our own signature without a secret": (
        (f"verify: {{{HMAC}}}", "deliver: {sign: outrigger}"),
        (".deliver", "sign: outrigger without it"),
    ),
    "a secret that nothing signs by": (
        (f"verify: {{{HMAC}}}", "deliver: {secret: s}"),
        (".deliver.secret", "sign: outrigger, which signs by it"),
    ),
    "a secret that is nobody's name": (
        (f"verify: {{{HMAC}}}", "deliver: {sign: outrigger, secret: whsec_abc}"),
        (".deliver.secret", "text that is not shown"),
    ),
    "a wait of nothing": (
        (f"verify: {{{HMAC}}}", "deliver: {retry: {waits: [5s, 0]}}"),
        (".deliver.retry.waits[1]", "given 0"),
    ),
    "a jitter over one": (
        (f"verify: {{{HMAC}}}", "deliver: {retry: {jitter: 200%}}"),
        (".deliver.retry.jitter", "a ratio"),
    ),
    "another dedupe": ((f"verify: {{{HMAC}}}", "dedupe: ids"), (".dedupe", "did you mean id?")),
}


@pytest.mark.parametrize(("words", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(tmp_path, words, expected):
    key, piece = expected
    [found] = complaints(tmp_path, webhook(*words))
    assert found.key == f"webhooks.w{key}"
    assert piece in str(found)


DELIVERY = {  # the webhook's words; a key below deliver, its value
    "nothing said is pull": ("path: /w", ("url", None)),
    "pull is stored": ("path: /w", ("mode", "stored")),
    "a mode of its own": (
        "deliver: {url: 'http://127.0.0.1:1/', mode: sync_then_stored}",
        ("mode", "sync_then_stored"),
    ),
    "the contract's waits": (
        "path: /w",
        ("retry", WaitSettings(waits=(5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200, 86400), jitter=0.1)),
    ),
    "waits and jitter": (
        "deliver: {retry: {waits: [250ms, 2m], jitter: 0}}",
        ("retry", WaitSettings(waits=(0.25, 120.0), jitter=0.0)),
    ),
    "no wait at all is one attempt": ("deliver: {retry: {waits: []}}", ("retry", WaitSettings(waits=()))),
    "an order": ("deliver: {order_by: json:/data/object/id}", ("order_by", "json:/data/object/id")),
    "the signature as it came": ("deliver: {sign: original}", ("sign", "original")),
    "our own signature": ("deliver: {sign: outrigger, secret: s}", ("secret", "s")),
}


@pytest.mark.parametrize(("words", "expected"), DELIVERY.values(), ids=DELIVERY)
def test_delivery_may_be_written_so(tmp_path, words, expected):
    found = settings(tmp_path, webhook(f"verify: {{{HMAC}}}", words)).webhooks["w"]
    assert getattr(found.deliver, expected[0]) == expected[1]


@pytest.mark.parametrize("dedupe", ["id", "body", "id_and_body", "off"])
def test_each_kind_of_dedupe_is_taken(tmp_path, dedupe):
    assert settings(tmp_path, webhook(f"verify: {{{HMAC}}}", f"dedupe: {dedupe}")).webhooks["w"].dedupe == dedupe


def test_dedupe_is_a_switch_too(tmp_path):
    assert settings(tmp_path, webhook(f"verify: {{{HMAC}}}", "dedupe: false")).webhooks["w"].dedupe == "off"


JWT = "verify: {scheme: jwt, header: X-T, algorithms: [HS256], issued_at: iat, body_claim: b, secrets: [s]}"


def test_a_token_s_time_is_held_to_five_minutes(tmp_path):
    assert settings(tmp_path, webhook(JWT, SYNC)).webhooks["w"].verify.tolerance == 300.0
    text = webhook(JWT.replace("secrets", "tolerance: 30s, secrets"), SYNC)
    assert settings(tmp_path, text).webhooks["w"].verify.tolerance == 30.0
    [found] = complaints(tmp_path, webhook(JWT.replace("secrets", "tolerance: off, secrets"), SYNC))
    assert (found.key, found.allowed) == ("webhooks.w.verify.issued_at", "keys that go together")


def test_sns_is_told_its_topics_or_refused(tmp_path):
    [found] = complaints(tmp_path, webhook("integration: aws_sns", SYNC))
    assert "topic_arns" in str(found)
    text = webhook(
        "integration: aws_sns", f"{SYNC}, verify: {{options: {{topic_arns: ['arn:aws:sns:eu-west-1:1:a']}}}}"
    )
    assert settings(tmp_path, text).webhooks["w"].verify.secrets == ()


def test_the_token_of_meta_s_handshake_brings_its_variable(tmp_path):
    found = settings(tmp_path, webhook("integration: meta", SYNC))
    assert found.secrets["meta_verify_token"].env == "META_VERIFY_TOKEN"
    [wrong] = complaints(
        tmp_path, webhook("integration: meta", f"{SYNC}, verify: {{options: {{verify_token: other}}}}")
    )
    assert wrong.key == "webhooks.w.verify.options.verify_token"


def test_a_certificate_is_a_secret_of_several_lines(tmp_path):
    pem = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
    text = webhook("integration: plaid", SYNC)
    found = settings(tmp_path, text, {"PLAID_VERIFICATION_KEY": pem})
    assert [str(doubt) for doubt in found.doubts if "control byte" in str(doubt)] == []
    assert not any("control byte" in note for note in found.notes)


def test_two_webhooks_on_one_path_are_an_error(tmp_path):
    text = f"""
webhooks:
  a: {{integration: stripe, {SYNC}}}
  b: {{integration: stripe, path: /a, {SYNC}}}
"""
    [found] = complaints(tmp_path, text)
    assert (found.key, found.given) == ("webhooks.b.path", "the path of webhooks.a")
