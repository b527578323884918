"""What operators are shown of the running program."""

from dataclasses import dataclass

import pytest

from proxy.config.schema import Settings
from proxy.edges.metrics import Metrics
from proxy.edges.overview import Overview
from proxy.edges.secret_sources import Secrets
from proxy.events import Events
from proxy.rules.callers import Callers, Hosts
from proxy.rules.faults import Faults
from proxy.timing import Clock
from proxy.upstream import Snapshot, Upstream, UpstreamState
from tests.support.configuration import settings as read

CONFIG = """\
version: 1
upstreams:
  pay: {url: "https://pay.example", timeout: {total: 7s}}
  pay-old: {url: "http://old.example", egress: {allow: [10.0.0.0/8]}}
"""


async def nobody(request):
    raise NotImplementedError


@dataclass
class Served:
    settings: Settings
    draining: bool = False
    loaded: float = 0.0

    @property
    def snapshot(self) -> Snapshot:
        made = {name: Upstream(one, UpstreamState(one), nobody) for name, one in self.settings.upstreams.items()}
        return Snapshot({name.encode(): one for name, one in made.items()}, Hosts([]), Callers())

    def reload(self) -> list[str]:
        return []

    def set_faults(self, upstream, faults, seconds) -> None:
        raise NotImplementedError

    def faults(self, upstream) -> Faults:
        return Faults(())


@pytest.fixture
def served(tmp_path):
    return Served(read(tmp_path, CONFIG))


@pytest.fixture
def overview(served):
    secrets = Secrets({}, {}, now=lambda: 0.0, events=Events(), learn=lambda _name, _value: None)
    clock = Clock(now=lambda: 0.0, wall=lambda: 0.0)
    return Overview(served, clock=clock, secrets=secrets, metrics=Metrics(lambda: ()), events=Events())


def test_settings_are_shown_with_where_they_came_from(overview):
    shown = overview.upstream("pay")["settings"]
    assert shown["timeout.total"] == {"value": "7s", "from": "config.yaml:3"}
    assert shown["timeout.connect"] == {"value": "2s", "from": "default"}


def test_a_budget_that_nobody_used_is_shown_as_the_ten_repeats_that_it_is(overview):
    assert str(overview.upstream("pay")["counts"]["retry_budget"]) == "10.0"


def test_another_upstream_whose_name_begins_alike_is_not_shown(overview):
    assert overview.upstream("pay")["unsafe"] == ["upstreams.pay is live and has no scope"]
    theirs = overview.upstream("pay-old")["unsafe"]
    assert theirs
    assert all(line.startswith("upstreams.pay-old ") for line in theirs)


def test_after_a_reload_the_new_settings_are_shown(overview, served, tmp_path):
    assert overview.upstream("pay")["settings"]["timeout.total"]["value"] == "7s"
    served.settings = read(tmp_path, CONFIG.replace("7s", "9s"))
    assert overview.upstream("pay")["settings"]["timeout.total"]["value"] == "9s"
