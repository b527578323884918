"""When an old signing secret can go, look by look."""

from typing import NamedTuple

import pytest

from proxy.rules.rotation import Rotation

HOUR, DAY = 3_600.0, 86_400.0
OLD, NEW, OTHER = object(), object(), object()


class Look(NamedTuple):
    """What is seen at `at`: matches of the new secret and of the old one, and the values that they have."""

    at: float
    new: float
    old: float
    values: tuple[object, object] = (NEW, OLD)


STORIES: dict[str, tuple[list[Look], list[str]]] = {
    "the new one is used, the old one not for a day": ([Look(0, 0, 5), Look(HOUR, 1, 5), Look(DAY, 9, 5)], ["old"]),
    "not for a whole day yet": ([Look(0, 0, 5), Look(HOUR, 1, 5), Look(DAY - 1, 9, 5)], []),
    "the old one was used an hour ago": ([Look(0, 0, 5), Look(DAY, 5, 6), Look(DAY + HOUR, 9, 6)], []),
    "the old one was used a day ago": ([Look(0, 0, 5), Look(HOUR, 5, 6), Look(DAY + HOUR, 9, 6)], ["old"]),
    "nothing came at all": ([Look(0, 0, 5), Look(3 * DAY, 0, 5)], []),
    "nothing came for the last day": ([Look(0, 0, 5), Look(HOUR, 9, 5), Look(2 * DAY, 9, 5)], []),
    "the new one had matches before the first look only": ([Look(0, 99, 5), Look(2 * DAY, 99, 5)], []),
    "the old one was given another value in the meantime": (
        [Look(0, 0, 5), Look(DAY - HOUR, 3, 5, (NEW, OTHER)), Look(DAY, 9, 5, (NEW, OTHER))],
        [],
    ),
    "the new one got its value in the meantime, and was used since": (
        [Look(0, 3, 5, (OTHER, OLD)), Look(DAY - HOUR, 3, 5), Look(DAY, 9, 5)],
        ["old"],
    ),
}


@pytest.mark.parametrize(("looks", "spare"), STORIES.values(), ids=STORIES)
def test_an_old_secret_can_go(looks: list[Look], spare: list[str]) -> None:
    rotation = Rotation()
    for look in looks:
        new, old = look.values
        rotation.look({("hook", "new"): (new, look.new), ("hook", "old"): (old, look.old)}, look.at)
    assert rotation.spare("hook", ("new", "old"), looks[-1].at) == spare


def test_the_newest_never_goes_and_an_older_one_in_use_keeps_only_itself() -> None:
    rotation = Rotation()
    for at, matches in ((0.0, 0), (DAY, 7)):
        seen = {("hook", name): (NEW, matches if name == "second" else 0) for name in ("first", "second", "third")}
        rotation.look(seen, at)
    assert rotation.spare("hook", ("first", "second", "third"), DAY) == ["third"]


def test_a_secret_that_was_taken_out_and_put_back_begins_anew() -> None:
    rotation = Rotation()
    both = {("hook", "new"): (NEW, 0.0), ("hook", "old"): (OLD, 0.0)}
    rotation.look(both, 0.0)
    rotation.look({("hook", "new"): (NEW, 1.0)}, HOUR)
    rotation.look({**both, ("hook", "new"): (NEW, 2.0)}, DAY)
    rotation.look({**both, ("hook", "new"): (NEW, 3.0)}, DAY + 2 * HOUR)
    assert rotation.spare("hook", ("new", "old"), DAY + 2 * HOUR) == []


def test_webhooks_do_not_speak_for_each_other() -> None:
    rotation = Rotation()
    for at, matches in ((0.0, 0.0), (DAY, 1.0)):
        rotation.look(
            {
                ("a", "new"): (NEW, matches),
                ("a", "old"): (OLD, 0.0),
                ("b", "new"): (NEW, 0.0),
                ("b", "old"): (OLD, 0.0),
            },
            at,
        )
    assert rotation.spare("a", ("new", "old"), DAY) == ["old"]
    assert rotation.spare("b", ("new", "old"), DAY) == []
