"""Which command lines are read without the library of commands."""

import pytest

from proxy.cli.entry import is_plain_run

PLAIN = {
    "no option": ["run"],
    "a file": ["run", "-c", "config.yaml"],
    "a file by the long name": ["run", "--config", "config.yaml"],
}
NOT_PLAIN = {
    "nothing": [],
    "help": ["run", "--help"],
    "an option without its value": ["run", "-c"],
    "an option as a value": ["run", "-c", "--help"],
    "the option in one word": ["run", "--config=config.yaml"],
    "a further argument": ["run", "-c", "config.yaml", "x"],
    "an argument": ["run", "config.yaml"],
    "an option twice": ["run", "-c", "a", "-c", "b"],
    "another command": ["check", "-c", "config.yaml"],
    "an option first": ["--help", "run"],
}


@pytest.mark.parametrize("arguments", PLAIN.values(), ids=PLAIN)
def test_a_plain_run_is_known(arguments):
    assert is_plain_run(arguments)


@pytest.mark.parametrize("arguments", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_all_else_is_left_to_the_library(arguments):
    assert not is_plain_run(arguments)
