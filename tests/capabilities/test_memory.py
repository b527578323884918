"""What mocks and fakes remember."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.capabilities.memory import Shelf


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
