"""Manifests: what their keys become, and that a wrong one is as wrong as a wrong configuration."""

import pytest

from proxy import integrations
from proxy.config import yaml12
from proxy.config.complaints import Complaints
from proxy.config.manifest import Manifest, Presets, parsed
from proxy.config.tree import Source

LEAST = "title: T\nprovider: P\napi_version: '1.0'\n"


def read(text: str) -> tuple[Manifest | None, list[str]]:
    complaints = Complaints()
    tree = yaml12.read(text.encode(), Source("manifest.yaml", "preset x", preset=True), complaints)
    found = parsed(tree, complaints)
    return found, [str(one) for one in complaints.listed()]


@pytest.mark.parametrize("name", integrations.names())
def test_every_integration_has_a_manifest_that_can_be_read(name):
    complaints = Complaints()
    assert Presets(complaints).manifest(name) is not None
    assert complaints.listed() == []


def test_every_provider_row_can_be_read():
    complaints = Complaints()
    presets = Presets(complaints)
    assert {"github", "slack", "stripe", "twilio"} <= set(presets.webhook_names())
    assert all(presets.webhook(name) is not None for name in presets.webhook_names())
    assert complaints.listed() == []


def test_a_name_that_is_no_integration_has_no_manifest():
    presets = Presets(Complaints())
    assert presets.manifest("../stripe") is presets.manifest("") is presets.manifest("nobody") is None


def test_the_api_version_is_filled_into_what_is_sent():
    found, _ = read(LEAST + "headers: {V: 'v{api_version}'}\ninject: {headers: {A: '{api_version} {s}'}}\n")
    assert found.headers == {"V": "v1.0"}
    assert found.inject.content["headers"].content["A"].content == "1.0 {s}"


def test_an_origin_may_be_a_url_alone():
    found, _ = read(LEAST + "origins: {a: 'https://a.example', b: {url: 'https://b.example', inject: false}}\n")
    assert [(one.url, one.inject) for one in found.origins.values()] == [
        ("https://a.example", True),
        ("https://b.example", False),
    ]


def test_a_shape_for_one_code_has_the_rest_from_the_general_one():
    found, _ = read(
        LEAST
        + "native: {status: 200, content_type: text/xml, body: a, "
        + "by_code: {cooldown: {status: 429}, rate_limited: {same: cooldown}, out_of_scope: {body: b}}}\n"
    )
    native = found.native
    assert (native.default.status, native.default.body) == (200, "a")
    assert [(one.status, one.content_type, one.body) for one in native.by_code.values()] == [
        (429, "text/xml", "a"),
        (429, "text/xml", "a"),
        (200, "text/xml", "b"),
    ]


def test_lists_of_use_become_one_list_each():
    found, _ = read(
        LEAST
        + "scope: {used: [{name: a, allow: ['GET /a']}, {name: b, allow: ['GET /b', 'GET /c']}], "
        + "not_used: [{name: d, deny: ['* /d']}]}\n"
    )
    assert (found.scope.allow, found.scope.deny) == (("GET /a", "GET /b", "GET /c"), ("* /d",))


def test_rules_of_classification_are_kept_as_plain_data():
    found, _ = read(LEAST + "classify: {rules: [{when: {status: [400-499], json: {/ok: false}}, as: refused}]}\n")
    assert found.classify == {"rules": [{"when": {"status": ["400-499"], "json": {"/ok": False}}, "as": "refused"}]}


WRONG = {  # what is added to the least manifest; a piece of the complaint
    "an unknown key": ("request_ids: [X]\n", "manifest.yaml:4: request_ids: given an unknown key"),
    "a secret without its variable": ("secrets: {a: {use: call}}\n", "secrets.a: given no env"),
    "a secret of another use": (
        "secrets: {a: {env: A, use: both}}\n",
        "secrets.a.use: given text that is not shown; allowed call",
    ),
    "a code that does not exist": ("native: {body: x, by_code: {cooldwn: {status: 1}}}\n", "did you mean cooldown?"),
    "a shape like one that does not exist": (
        "native: {body: x, by_code: {cooldown: {same: x}}}\n",
        "native.by_code.cooldown",
    ),
    "a use without its list": ("scope: {used: [{name: a}]}\n", "scope.used[0]: given no allow"),
    "a parameter without its place": ("path_params: {a: {pattern: /a}}\n", "path_params.a: given no placeholder"),
}


@pytest.mark.parametrize(("text", "piece"), WRONG.values(), ids=WRONG)
def test_a_wrong_manifest_is_complained_about(text, piece):
    _, wrong = read(LEAST + text)
    assert any(piece in line for line in wrong), wrong


def test_a_manifest_without_its_title_is_none():
    assert read("provider: P\napi_version: '1'\n") == (
        None,
        ["manifest.yaml:1: given no title; allowed a map with title"],
    )
