"""Faults as an operator's request has them: the configuration's words, its errors, and for how long."""

import pytest

from proxy.config.complaints import ConfigurationError
from proxy.config.faults import asked_for
from proxy.rules.faults import FaultSettings


def test_faults_are_written_as_in_the_file():
    written = [
        {"match": "POST /v1/*", "percent": "5%", "delay": "2s"},
        {"status": 503, "headers": {"Retry-After": "1"}},
    ]
    assert asked_for(written, "5m") == (
        (
            FaultSettings(match="POST /v1/*", percent=0.05, delay=2.0),
            FaultSettings(status=503, headers={"Retry-After": "1"}),
        ),
        300.0,
    )


def test_no_faults_are_faults_too():
    assert asked_for([], 90) == ((), 90.0)


WRONG = {
    "no list": ({}, "5m", "faults: given a map; allowed a list"),
    "an unknown key": ([{"reset": True, "mach": "x"}], "5m", "faults[0].mach: given an unknown key"),
    "a key by its near miss": ([{"reset": True, "mach": "x"}], "5m", "did you mean match?"),
    "nothing to do": ([{}], "5m", "faults[0]: given none of them; allowed delay, status or reset: true"),
    "a length that is none": ([], "soon", "for: given 'soon'; allowed a duration from 1ms to 24h"),
    "for ever": ([], "25h", "for: given '25h'"),
    "no time at all": ([], 0, "for: given 0"),
    "a length of another kind": ([], ["5m"], "for: given a list"),
    "half a character": ([{"match": "\ud800", "reset": True}], "5m", "faults[0]"),
}


@pytest.mark.parametrize(("faults", "length", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_as_of_a_file(faults, length, words):
    with pytest.raises(ConfigurationError) as caught:
        asked_for(faults, length)
    assert words in str(caught.value)
