"""The ids of a fake."""

from proxy.integrations.ids import Ids


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
