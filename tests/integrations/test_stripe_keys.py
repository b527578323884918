"""The fake of Stripe: idempotency keys and what every answer carries."""

import pytest
import yaml

from proxy import integrations
from proxy.integrations.stripe.fake import VERSION
from proxy.pipeline import Handler
from tests.support.asking import Answer, ask, request
from tests.support.provider import EPOCH


class Later:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = EPOCH

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def wall() -> Later:
    return Later()


@pytest.fixture
def fake(wall) -> Handler:
    return integrations.fake("stripe", wall=wall)


async def keyed(fake: Handler, key: str, line: str = "POST /v1/customers", **form: str) -> Answer:
    return await ask(fake, line, form, headers={"Idempotency-Key": key})


async def test_a_key_gives_the_first_answer_again_and_does_nothing(fake):
    first = await keyed(fake, "k", name="Ann")
    again = await keyed(fake, "k", name="Ann")
    assert again.body == first.body
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert again.headers["Idempotency-Key"] == "k"
    assert again.headers["Request-Id"] != first.headers["Request-Id"]
    assert len((await ask(fake, "GET /v1/customers")).json["data"]) == 1


@pytest.mark.parametrize("other", [("POST /v1/customers", {"name": "Bob"}), ("POST /v1/refunds", {"name": "Ann"})])
async def test_a_key_with_other_parameters_or_another_path_is_an_error(fake, other):
    await keyed(fake, "k", name="Ann")
    answer = await keyed(fake, "k", other[0], **other[1])
    assert (answer.status, answer.json["error"]["type"]) == (400, "idempotency_error")


async def test_the_order_of_parameters_does_not_matter(fake):
    first = await keyed(fake, "k", name="Ann", email="a@b.example")
    assert (await keyed(fake, "k", email="a@b.example", name="Ann")).body == first.body


async def test_a_decline_is_final_and_kept_but_a_mistake_is_not(fake):
    pay = {"amount": "1", "currency": "eur", "payment_method": "pm_card_chargeDeclined", "confirm": "true"}
    declined = await keyed(fake, "a", "POST /v1/payment_intents", **pay)
    again = await keyed(fake, "a", "POST /v1/payment_intents", **pay)
    assert (again.status, again.body) == (402, declined.body)
    assert (await keyed(fake, "b", "POST /v1/payment_intents", amount="1")).status == 400
    assert (await keyed(fake, "b", "POST /v1/payment_intents", amount="1", currency="eur")).status == 200


async def test_a_rehearsed_failure_does_not_use_up_the_key(fake):
    assert (await keyed(fake, "k", name="[[503]]")).status == 503
    done = await keyed(fake, "k", name="[[503]]")
    assert (done.status, "Idempotent-Replayed" in done.headers) == (200, False)


async def test_a_key_is_forgotten_after_a_day(fake, wall):
    first = await keyed(fake, "k", name="Ann")
    wall.seconds += 86_399
    assert (await keyed(fake, "k", name="Ann")).json["id"] == first.json["id"]
    wall.seconds += 1
    assert (await keyed(fake, "k", name="Ann")).json["id"] != first.json["id"]


async def test_a_key_of_more_than_255_characters_is_refused(fake):
    assert (await keyed(fake, "k" * 255, name="Ann")).status == 200
    assert (await keyed(fake, "k" * 256, name="Ann")).status == 400


async def test_the_version_is_echoed_and_the_manifest_s_is_the_default(fake):
    manifest = yaml.safe_load((integrations.folder("stripe") / "manifest.yaml").read_text())
    assert manifest["api_version"] == VERSION
    assert (await ask(fake, "GET /v1/balance")).headers["Stripe-Version"] == VERSION
    answer = await ask(fake, "GET /v1/balance", headers={"Stripe-Version": "2020-08-27"})
    assert answer.headers["Stripe-Version"] == "2020-08-27"


async def test_head_has_the_length_of_the_body_that_get_would_have(fake):
    got, head = await ask(fake, "GET /v1/balance"), await ask(fake, "HEAD /v1/balance")
    assert (head.body, head.length, int(head.headers["Content-Length"])) == (b"", 0, len(got.body))


async def test_a_status_has_its_phrase(fake):
    found = [(await fake(request("GET", path))).reason for path in ("/v1/balance", "/v1/nothing")]
    assert found == [b"OK", b"Not Found"]


async def test_further_hosts_know_nothing(fake):
    assert (await ask(fake, "GET /v1/balance", origin="files")).status == 404


async def test_a_body_over_8_mib_is_refused(fake):
    assert (await ask(fake, "POST /v1/customers", {"name": "x" * (8 << 20)})).status == 413


async def test_the_same_calls_give_the_same_ids():
    fakes = [integrations.fake("stripe", wall=lambda: EPOCH) for _ in range(2)]
    first, second = [await ask(fake, "POST /v1/customers", {"name": "Ann"}) for fake in fakes]
    assert (first.body, first.headers) == (second.body, second.headers)
