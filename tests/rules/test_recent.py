"""A short memory of heads."""

from proxy.rules.recent import MOST, MOST_BYTES, Recent


def test_what_was_made_of_a_head_is_found_by_its_bytes():
    recent = Recent()
    recent.keep(b"GET / HTTP/1.1", 1)
    assert recent.get(bytes(bytearray(b"GET / HTTP/1.1"))) == 1


def test_it_never_holds_more_than_its_most_and_always_the_last():
    recent = Recent()
    for number in range(MOST * 5):
        recent.keep(b"%d" % number, number)
        assert len(recent) <= MOST
        assert recent[b"%d" % number] == number


def test_a_large_head_is_not_held():
    recent = Recent()
    recent.keep(b"a" * MOST_BYTES, 1)
    recent.keep(b"b" * (MOST_BYTES + 1), 2)
    assert list(recent.values()) == [1]
