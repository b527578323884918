"""The buffer of refused requests keeps the last of each webhook, and no more than it may."""

from proxy.webhooks.refused import MOST, MOST_BODY, RefusedRequest, RefusedRequests


def refused(number: int, webhook: str = "a", body: bytes = b"{}") -> RefusedRequest:
    return RefusedRequest(
        id=f"{webhook}{number}",
        webhook=webhook,
        at=float(number),
        outcome="bad_signature",
        status=401,
        detail="",
        method="POST",
        target=b"/a",
        headers=(),
        body=body,
        length=len(body),
    )


def test_the_latest_come_first() -> None:
    buffer = RefusedRequests()
    for number in range(3):
        buffer.add(refused(number * 2))
        buffer.add(refused(number * 2 + 1, "b"))
    assert [one.id for one in buffer.last("a", 2)] == ["a4", "a2"]
    assert [one.id for one in buffer.last(limit=3)] == ["b5", "a4", "b3"]
    assert buffer.last("nobody") == []


def test_each_webhook_keeps_its_last_twenty() -> None:
    buffer = RefusedRequests()
    buffer.add(refused(0, "b"))
    for number in range(MOST + 5):
        buffer.add(refused(number))
    assert len(buffer.last("a")) == MOST
    assert buffer.last("a")[-1].id == "a5"
    assert [one.id for one in buffer.last("b")] == ["b0"]


def test_a_large_body_is_cut_and_says_so() -> None:
    buffer = RefusedRequests()
    buffer.add(refused(1, body=b"x" * (MOST_BODY + 1)))
    buffer.add(refused(2, body=b"x" * MOST_BODY))
    whole, cut = buffer.last("a")
    assert whole.whole
    assert len(cut.body) == MOST_BODY
    assert cut.length == MOST_BODY + 1
    assert not cut.whole
