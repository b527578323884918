"""Certificates that are fetched: once, one at a time, and never for long in vain."""

import asyncio

import pytest

from proxy.rules.signatures import VerifySettings
from proxy.webhooks.fetching import KEPT, MISSED, MOST, Certificates, Fetched, FetchFailed, nothing_is_fetched
from tests.support.sns import CERTIFICATE_URL, CONFIRMATION, SUBSCRIBE_URL, TOPIC, certificate, message
from tests.support.webhooks import Listening, settings


class Shelf:
    """Answers after a second; what it was asked, and how many asked at once."""

    def __init__(self, **held: Fetched | FetchFailed) -> None:
        self.held = held
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0

    async def fetch(self, url: str) -> Fetched:
        self.asked.append(url)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(1)
        finally:
            self.at_once -= 1
        found = self.held.get(url, Fetched(404, b""))
        if isinstance(found, FetchFailed):
            raise found
        return found


def certificates(shelf: Shelf) -> Certificates:
    return Certificates(shelf.fetch, asyncio.get_running_loop().time)


async def test_one_fetch_serves_all_who_ask_and_the_day_after_them() -> None:
    shelf = Shelf(a=Fetched(200, b"pem"))
    kept = certificates(shelf)
    assert await asyncio.gather(*[kept.get("a") for _ in range(9)]) == [b"pem"] * 9
    await asyncio.sleep(KEPT - 10)
    assert await kept.get("a") == b"pem"
    assert shelf.asked == ["a"]
    await asyncio.sleep(20)
    assert await kept.get("a") == b"pem"
    assert shelf.asked == ["a", "a"]


async def test_what_is_not_there_is_not_asked_for_again_for_a_minute() -> None:
    shelf = Shelf()
    kept = certificates(shelf)
    assert [await kept.get("a") for _ in range(3)] == [None] * 3
    assert shelf.asked == ["a"]
    await asyncio.sleep(MISSED)
    assert await kept.get("a") is None
    assert shelf.asked == ["a", "a"]


async def test_many_addresses_in_vain_push_no_certificate_out_and_are_asked_one_by_one() -> None:
    shelf = Shelf(a=Fetched(200, b"pem"))
    kept = certificates(shelf)
    await kept.get("a")
    await asyncio.gather(*[kept.get(f"vain{number}") for number in range(3 * MOST)])
    assert await kept.get("a") == b"pem"
    assert shelf.asked.count("a") == 1
    assert shelf.most_at_once == 1


async def test_a_failure_is_told_and_tried_again() -> None:
    shelf = Shelf(a=FetchFailed("connect_refused"), b=Fetched(500, b""))
    kept = certificates(shelf)
    for url in ("a", "b", "a"):
        with pytest.raises(FetchFailed):
            await kept.get(url)
    shelf.held["a"] = Fetched(200, b"pem")
    assert await kept.get("a") == b"pem"


async def test_who_leaves_while_it_is_fetched_leaves_the_way_free() -> None:
    shelf = Shelf(a=Fetched(200, b"pem"))
    kept = certificates(shelf)
    leaving = asyncio.get_running_loop().create_task(kept.get("a"))
    await asyncio.sleep(0.5)
    leaving.cancel()
    assert await kept.get("a") == b"pem"


async def test_a_program_that_calls_nobody_says_so() -> None:
    with pytest.raises(FetchFailed):
        await nothing_is_fetched("a")


SNS = VerifySettings(scheme="aws_sns", options={"topic_arns": [TOPIC]}, handshake="sns")
PEM = Fetched(200, certificate())


async def test_a_message_is_judged_by_the_certificate_that_it_names() -> None:
    listening = Listening(settings(SNS), fetched={CERTIFICATE_URL: PEM})
    forged = message().replace(b"Hello", b"Hallo")
    for body, status in ((message(), 200), (message(MessageId="another"), 200), (forged, 401)):
        assert (await listening.ask(body)).status == status
    assert listening.asked == [CERTIFICATE_URL]
    assert [outcome for outcome, _ in listening.ears.ended] == ["accepted", "accepted", "bad_signature"]


WITHOUT = {
    "none is there": (Fetched(404, b""), 401, "bad_certificate_url"),
    "nobody answers": (FetchFailed("connect_refused"), 503, "secret_unavailable"),
    "the answer is an error": (Fetched(500, b""), 503, "secret_unavailable"),
    "the answer is no certificate": (Fetched(200, b"<html>"), 503, "secret_unavailable"),
}


@pytest.mark.parametrize(("found", "status", "outcome"), WITHOUT.values(), ids=WITHOUT)
async def test_a_message_whose_certificate_cannot_be_had(
    found: Fetched | FetchFailed, status: int, outcome: str
) -> None:
    listening = Listening(settings(SNS), fetched={CERTIFICATE_URL: found})
    assert (await listening.ask(message())).status == status
    assert listening.ears.ended == [(outcome, None)]


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"TopicArn": "arn:other"}, "wrong_topic"),
        ({"SigningCertURL": "https://evil.example/a.pem"}, "bad_certificate_url"),
    ],
)
async def test_nothing_is_fetched_for_a_message_that_is_refused_anyway(changes: dict[str, str], outcome: str) -> None:
    listening = Listening(settings(SNS))
    assert (await listening.ask(message(**changes))).status == 401
    assert listening.ears.ended == [(outcome, None)]
    assert listening.asked == []


CONFIRMED = {
    "SNS takes it": (Fetched(200, b"<ConfirmSubscriptionResponse/>"), 200, "handshake"),
    "SNS refuses": (Fetched(403, b""), 503, "bad_handshake"),
    "nobody answers": (FetchFailed("dns_error"), 503, "bad_handshake"),
}


@pytest.mark.parametrize(("found", "status", "outcome"), CONFIRMED.values(), ids=CONFIRMED)
async def test_a_subscription_is_confirmed_by_a_visit(found: Fetched | FetchFailed, status: int, outcome: str) -> None:
    listening = Listening(settings(SNS), fetched={CERTIFICATE_URL: PEM, SUBSCRIBE_URL: found})
    answer = await listening.ask(message(**CONFIRMATION))
    assert (answer.status, answer.body) == (status, b"")
    assert listening.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]
    assert listening.ears.ended == [(outcome, None)]
    assert listening.application.requests == []


async def test_a_forged_confirmation_is_not_visited() -> None:
    forged = message(**CONFIRMATION).replace(b"Token=ab", b"Token=cd")
    listening = Listening(settings(SNS), fetched={CERTIFICATE_URL: PEM})
    assert (await listening.ask(forged)).status == 401
    assert listening.asked == [CERTIFICATE_URL]


async def test_a_confirmation_that_leads_elsewhere_is_not_visited() -> None:
    elsewhere = message(**CONFIRMATION | {"SubscribeURL": "http://169.254.169.254/latest"})
    listening = Listening(settings(SNS), fetched={CERTIFICATE_URL: PEM})
    answer = await listening.ask(elsewhere)
    assert (answer.status, answer.body) == (401, b"")
    assert listening.asked == [CERTIFICATE_URL]
    assert listening.ears.ended == [("bad_subscribe_url", None)]
