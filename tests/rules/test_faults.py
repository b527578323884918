"""Which attempts meet a fault."""

import pytest

from proxy.rules.faults import Faults, FaultSettings

POSTS = FaultSettings(match="POST /v1/*", status=503)
ASKED = {  # method, place -> struck
    "a match": ("POST", b"/v1/charges", True),
    "with a query": ("POST", b"/v1/charges?a=b", True),
    "another method": ("GET", b"/v1/charges", False),
    "another path": ("POST", b"/v2/charges", False),
    "deeper than one segment": ("POST", b"/v1/charges/1", False),
    "a path that no pattern can be asked about": ("POST", b"/v1/../charges", False),
}


@pytest.mark.parametrize(("method", "place", "struck"), ASKED.values(), ids=ASKED)
def test_a_fault_strikes_what_it_matches(method, place, struck):
    assert (Faults([POSTS]).strike(method, place, 0.0, lambda: 0.0) is POSTS) is struck


def test_a_fault_strikes_as_often_as_it_says():
    rare = FaultSettings(percent=0.05, reset=True)
    dice = iter([0.0, 0.049, 0.05, 0.9]).__next__
    assert [Faults([rare]).strike("GET", b"/", 0.0, dice) is rare for _ in range(4)] == [True, True, False, False]


def test_a_percentage_of_nothing_never_strikes():
    assert Faults([FaultSettings(percent=0.0, reset=True)]).strike("GET", b"/", 0.0, lambda: 0.0) is None


def test_each_fault_has_its_own_dice_and_the_first_that_strikes_is_the_only_one():
    first, second = FaultSettings(percent=0.5, reset=True), FaultSettings(percent=0.5, status=500)
    assert Faults([first, second]).strike("GET", b"/", 0.0, iter([0.7, 0.2]).__next__) is second
    assert Faults([first, second]).strike("GET", b"/", 0.0, iter([0.2, 0.2]).__next__) is first


def test_faults_end_by_themselves():
    faults = Faults([POSTS], until=10.0)
    assert [faults.strike("POST", b"/v1/x", now, lambda: 0.0) for now in (9.9, 10.0)] == [POSTS, None]


def test_a_fault_says_what_it_is_as_a_file_would():
    assert str(FaultSettings(match="POST /v1/*", percent=0.05, delay=2.0)) == (
        "{match: POST /v1/*, percent: 5%, delay: 2s}"
    )
    assert str(FaultSettings(reset=True)) == "{match: * /**, percent: 100%, reset: true}"
