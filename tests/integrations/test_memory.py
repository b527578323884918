"""Ids and shelves."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.integrations.memory import Ids, Shelf


def test_the_same_calls_give_the_same_ids_and_no_two_are_alike():
    first, second = Ids("charge"), Ids("charge")
    taken = [first.letters(24) for _ in range(1000)]
    assert taken == [second.letters(24) for _ in range(1000)]
    assert len(set(taken)) == 1000
    assert taken[0] != Ids("refund").letters(24)


def test_ids_have_the_length_and_the_alphabet_that_were_asked_for():
    ids = Ids("x")
    assert len(ids.hexadecimal(32)) == 32
    assert set(ids.hexadecimal(32)) <= set("0123456789abcdef")
    assert len(ids.letters(14)) == 14
    assert ids.letters(14).isalnum()


@given(st.integers(1, 9), st.lists(st.integers(0, 30)))
def test_a_shelf_holds_the_newest_and_shows_them_newest_first(most, numbers):
    shelf: Shelf[int] = Shelf(most)
    kept: list[int] = []
    for number in numbers:
        shelf.put(str(number), number)
        if number not in kept:
            kept = [*kept, number][-most:]
    assert list(shelf.newest_first()) == kept[::-1]
    assert len(shelf) <= most


def test_a_changed_item_keeps_its_place_and_a_dropped_one_is_gone():
    shelf: Shelf[str] = Shelf()
    for letter in "abc":
        shelf.put(letter, letter)
    shelf.put("a", "changed")
    shelf.drop("b")
    shelf.drop("never there")
    assert list(shelf.newest_first()) == ["c", "changed"]
    assert shelf.get("b") is None
