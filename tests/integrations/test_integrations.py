"""Every folder of `proxy/integrations` keeps what its page promises; nothing here names one of them but the four."""

import re
from functools import cache
from typing import Any

import pytest
import yaml

from proxy import integrations
from proxy.config.complaints import Complaints
from proxy.config.load import load
from proxy.config.manifest import Presets
from proxy.rules.classify import Classifier
from proxy.rules.scope import first_match

NAMED = ("slack", "soap", "stripe", "twilio")
SECTIONS = ("## Configuration", "## Scope", "## Testing", "## Pointing your SDK here")
LIVE_KEY = re.compile(
    r"sk_live_\w{16}|rk_live_\w{16}|whsec_\w{16}|xox[abp]-\d|AC(?!0{32})[0-9a-f]{32}|AKIA[0-9A-Z]{16}|SG\.[\w-]{16}"
)
FILLED = re.compile(r"\{([a-z_]+)\}")
ALL = integrations.names()


@cache
def manifest(name: str) -> dict[str, Any]:
    return yaml.safe_load((integrations.folder(name) / "manifest.yaml").read_text())


@cache
def readme(name: str) -> str:
    return (integrations.folder(name) / "README.md").read_text()


def section(name: str, title: str) -> str:
    """What stands under a heading, to the next of its rank."""
    rank = title.partition(" ")[0]
    body = readme(name).partition(f"\n{title}\n")[2]
    return re.split(rf"^{rank} ", body, flags=re.MULTILINE)[0]


def bullets(text: str) -> list[str]:
    return [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]


def variables(name: str) -> set[str]:
    secrets = {secret["env"] for secret in manifest(name).get("secrets", {}).values()}
    return secrets | set(manifest(name).get("sandbox", {}).get("env", {}).values())


def templates(data: dict[str, Any]) -> list[str]:
    """Everything that is filled in with secrets."""
    inject, auth = data.get("inject", {}), data.get("auth", {})
    words = [*inject.get("headers", {}).values(), *inject.get("query", {}).values(), *data.get("headers", {}).values()]
    words += auth.get("headers", {}).values()
    words += [param["value"] for param in data.get("path_params", {}).values()]
    return [*words, data.get("probe", {}).get("request", "")]


def test_the_four_named_systems_are_there():
    assert set(NAMED) <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_manifest_reads_without_a_complaint(name):
    complaints = Complaints()
    assert Presets(complaints).manifest(name) is not None
    assert complaints.listed() == []
    assert Classifier(manifest(name).get("classify", {})).peek == 64 << 10


@pytest.mark.parametrize("name", ALL)
def test_the_readme_has_its_lines_and_sections_in_their_order(name):
    data, text = manifest(name), readme(name)
    assert text.startswith(f"# {data['title']} Integration\n")
    places = [text.index(f"\n{line}") for line in ("**Provider:** ", "**Auth:** ", "**Webhooks:** ", *SECTIONS)]
    assert places == sorted(places)
    assert re.search(
        rf"^\*\*Provider:\*\* .*{re.escape(data['provider'])} \({re.escape(data['api_version'])}", text, re.MULTILINE
    )
    assert "\n### Mock\n" in section(name, "## Testing")
    assert "\n### Sandbox\n" in section(name, "## Testing")


@pytest.mark.parametrize("name", ALL)
def test_the_readme_names_the_manifest_s_environment_variables_and_no_others(name):
    named = [re.match(r"`([A-Z][A-Z0-9_]*)`", bullet) for bullet in bullets(section(name, "## Configuration"))]
    assert {found[1] for found in named if found} == variables(name)
    assert all(named), "a bullet of Configuration begins with a variable in backticks"


@pytest.mark.parametrize("name", ALL)
def test_the_configuration_that_the_readme_shows_starts_without_a_variable_as_a_mock_where_there_is_one(name, tmp_path):
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", section(name, "## Configuration"), re.MULTILINE | re.DOTALL)
    (tmp_path / "config.yaml").write_text(shown)
    settings = load(tmp_path / "config.yaml", {})
    mode = "mock" if name in NAMED else "live"
    assert [(one.integration, one.mode) for one in settings.upstreams.values()] == [(name, mode)]


@pytest.mark.parametrize("name", ALL)
def test_the_readme_says_what_is_used_and_what_is_not_as_the_manifest_does(name):
    used, _, not_used = section(name, "## Scope").partition("\nWe DO NOT use:\n")
    assert used.startswith("\nWe only use:\n")
    scope = manifest(name)["scope"]
    assert bullets(used) == [item["name"] for item in scope["used"]]
    assert bullets(not_used) == [item["name"] for item in scope["not_used"]]


@pytest.mark.parametrize("name", ALL)
def test_every_snippet_stands_in_the_readme_byte_for_byte(name):
    blocks = re.findall(r"^```\w+\n(.*?)\n```$", section(name, "## Pointing your SDK here"), re.MULTILINE | re.DOTALL)
    assert blocks == list(manifest(name)["snippets"].values())


@pytest.mark.parametrize("name", ALL)
def test_a_snippet_without_the_path_of_the_upstream_says_that_it_needs_a_listener(name):
    bare = [text for text in manifest(name)["snippets"].values() if "{port}" in text or "{host}" in text]
    assert all("`listen: {host}:{port}`" in text for text in bare)


@pytest.mark.parametrize("name", ALL)
def test_every_secret_has_a_variable_and_every_template_a_secret(name):
    data = manifest(name)
    secrets = data.get("secrets", {})
    assert all(secret.get("env") and secret.get("use") in {"call", "webhook"} for secret in secrets.values())
    assert set(data.get("sandbox", {}).get("env", {})) <= set(secrets)
    filled = {found for template in templates(data) for found in FILLED.findall(template)}
    assert filled <= {*secrets, "api_version"}
    assert set(data.get("webhook", {}).get("verify", {}).get("secrets", [])) <= set(secrets)


@pytest.mark.parametrize("name", ALL)
def test_what_the_manifest_calls_code_is_there(name):
    for named in manifest(name).get("capabilities", {}).values():
        module, _, _ = named.partition(":")
        assert (integrations.folder(name) / f"{module}.py").is_file()
    assert integrations.has_fake(name) == (name in NAMED)
    assert bool(manifest(name).get("capabilities")) == (name in NAMED)


@pytest.mark.parametrize("name", ALL)
def test_no_file_holds_anything_shaped_like_a_live_key(name):
    for path in sorted(integrations.folder(name).rglob("*")):
        if path.suffix in {".py", ".md", ".yaml"}:
            assert not LIVE_KEY.search(path.read_text()), path.name


def test_a_preset_or_a_fake_that_is_not_there_is_an_error_that_lists_those_that_are():
    with pytest.raises(LookupError, match="slack, soap, stripe, twilio"):
        integrations.folder("strype")
    with pytest.raises(LookupError, match="there is no integration"):
        integrations.fake("../rules", wall=lambda: 0.0)


@pytest.mark.parametrize("target", ["/themes.json", "/themes/1.json", "/script_tags.json"])
def test_what_shopify_s_readme_says_is_not_used_is_refused_as_a_list_too(target):
    denied = [entry for item in manifest("shopify")["scope"]["not_used"] for entry in item["deny"]]
    assert first_match(denied)("GET", target.encode()).decode() in denied
