"""What is remembered under a key, for how long, and what may be forgotten."""

from proxy.capabilities.idempotency import KEPT, Keys, Place


def test_an_answer_is_found_until_a_day_is_over():
    keys = Keys()
    keys.begin("k", "digest", 0.0)
    keys.finish("k", 200, b"{}", 10.0)
    found = keys.find("k", KEPT + 9)
    assert found is not None
    assert (found.place, found.status, found.body, found.digest) == (Place.DONE, 200, b"{}", "digest")
    assert keys.find("k", KEPT + 10) is None


def test_a_request_that_runs_for_more_than_a_day_still_runs():
    keys = Keys()
    keys.begin("k", "digest", 0.0)
    found = keys.find("k", 2 * KEPT)
    assert found is not None
    assert found.place is Place.RUNNING


def test_a_lost_request_keeps_what_was_asked_for():
    keys = Keys()
    keys.begin("k", "digest", 0.0)
    keys.lose("k", "upstream_reset", 1.0)
    found = keys.find("k", 2.0)
    assert found is not None
    assert (found.place, found.digest, found.cause) == (Place.UNKNOWN, "digest", "upstream_reset")


def test_a_key_under_which_nothing_was_done_is_free_again():
    keys = Keys()
    keys.begin("k", "digest", 0.0)
    keys.forget("k")
    assert keys.find("k", 0.0) is None


def test_over_the_limit_the_oldest_answer_goes_and_nothing_that_runs_or_is_not_known():
    keys = Keys(most=3)
    for name in ("runs", "lost", "old", "new"):
        keys.begin(name, name, 0.0)
        if name == "lost":
            keys.lose(name, "upstream_reset", 0.0)
        elif name != "runs":
            keys.finish(name, 200, b"", 0.0)
    keys.begin("last", "last", 1.0)
    assert len(keys) == 3
    assert [name for name in ("runs", "lost", "old", "new", "last") if keys.find(name, 1.0)] == ["runs", "lost", "last"]
