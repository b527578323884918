"""`outrigger init`, as a user calls it."""

import pytest

from proxy import integrations
from proxy.cli.init import Wishes, configuration
from proxy.config.load import load
from tests.support.command import outrigger


def test_what_it_writes_starts_as_it_is(tmp_path):
    ended = outrigger(tmp_path, "init", "stripe", "slack")
    assert (ended.code, ended.err) == (0, "")
    assert "wrote config.yaml: stripe, slack" in ended.out
    checked = outrigger(tmp_path, "check")
    assert (checked.code, "upstreams: stripe (mock), slack (mock)" in checked.out) == (0, True)


def test_without_a_terminal_and_without_names_it_takes_what_can_be_mocked(tmp_path):
    assert outrigger(tmp_path, "init").code == 0
    able = {name for name in integrations.names() if integrations.has_fake(name)}
    assert load(tmp_path / "config.yaml", {}).upstreams.keys() == able


def test_a_file_that_is_there_stays_unless_it_is_forced(tmp_path):
    (tmp_path / "config.yaml").write_text("mine")
    ended = outrigger(tmp_path, "init", "stripe")
    assert (ended.code, "--force" in ended.err, (tmp_path / "config.yaml").read_text()) == (1, True, "mine")
    assert outrigger(tmp_path, "init", "stripe", "--force").code == 0
    assert "stripe" in (tmp_path / "config.yaml").read_text()


def test_another_file(tmp_path):
    assert outrigger(tmp_path, "init", "stripe", "-c", "other.yaml").code == 0
    assert load(tmp_path / "other.yaml", {}).upstreams.keys() == {"stripe"}


def test_an_integration_that_is_not_there_writes_nothing(tmp_path):
    ended = outrigger(tmp_path, "init", "strpe")
    assert (ended.code, "did you mean stripe?" in ended.err) == (2, True)
    assert not (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize("mode", ["mock", "sandbox", "live"])
@pytest.mark.parametrize("webhooks", [True, False], ids=["with webhooks", "without"])
@pytest.mark.parametrize("name", integrations.names())
def test_every_integration_in_every_mode(tmp_path, name, mode, webhooks):
    text = configuration([name], Wishes(mode=mode, webhooks=webhooks))
    (tmp_path / "config.yaml").write_text(text)
    found = load(tmp_path / "config.yaml", {})
    assert found.upstreams[name].integration == name
    assert found.upstreams[name].mode == mode or not integrations.has_fake(name)
    assert load(tmp_path / "config.yaml", {f"{name.upper()}_MODE": "live"}).upstreams[name].mode == "live"
    assert bool(found.webhooks) <= webhooks
    assert {one.deliver.mode for one in found.webhooks.values()} <= {"stored"}
