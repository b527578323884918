"""Marks in what is sent, and what they do to a fake's answers."""

import asyncio
import json

import pytest

from proxy import integrations
from proxy.errors import UpstreamFailure
from proxy.events import Events
from proxy.pipeline import Handler, onion
from proxy.stages.attempt_timeout import AttemptTimeoutStage
from proxy.timing import Alarms
from tests.support.asking import ask, request
from tests.support.provider import EPOCH, clock


def fake(name: str = "stripe") -> Handler:
    return integrations.fake(name, wall=lambda: EPOCH)


async def create(handler: Handler, text: str) -> int:
    return (await ask(handler, "POST /v1/customers", {"description": text})).status


async def count(handler: Handler) -> int:
    return len((await ask(handler, "GET /v1/customers")).json["data"])


STORIES = {  # texts that are sent one after the other -> statuses
    "a status strikes once": (["[[503]]", "[[503]]"], [503, 200]),
    "any status from 400 to 599": (["[[400]]", "[[418]]", "[[599]]"], [400, 418, 599]),
    "times says how often": (["[[500 times=2]]"] * 3, [500, 500, 200]),
    "an id tells two marks apart": (["[[503 id=a]]", "[[503 id=b]]", "[[503 id=a]]"], [503, 503, 200]),
    "a mark may stand anywhere in a text": (["please [[429 wait=1]] now"] * 2, [429, 200]),
    "two marks strike one after the other": (["[[429]] and [[503]]"] * 3, [429, 503, 200]),
    "spaces between keys do not matter": (["[[429  wait=1   times=1 ]]"] * 2, [429, 200]),
    "other statuses are text": (["[[200]]", "[[399]]", "[[600]]", "[[4290]]"], [200] * 4),
    "other words are text": (["[[fail]]", "[[Home Page]]", "[503]", "[[503"], [200] * 4),
    "other keys are text": (["[[503 tmes=2]]", "[[503 wait]]"], [200] * 2),
    "impossible values are text": (["[[503 times=0]]", "[[503 times=x]]", "[[503 wait=soon]]"], [200] * 3),
}


@pytest.mark.parametrize(("texts", "statuses"), STORIES.values(), ids=STORIES)
async def test_story(texts, statuses):
    handler = fake()
    assert [await create(handler, text) for text in texts] == statuses


async def test_a_status_comes_in_the_provider_s_dialect_before_anything_is_done():
    handler = fake()
    answer = await ask(handler, "POST /v1/customers", {"description": "[[429 wait=1]]"})
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Outrigger-Mock"] == "true"
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.json["error"]["code"] == "rate_limit"
    assert await count(handler) == 0


async def test_without_wait_no_time_is_told():
    assert "Retry-After" not in (await ask(fake(), "POST /v1/customers", {"description": "[[429]]"})).headers


async def test_a_fraction_of_a_second_is_told_as_one():
    answer = await ask(fake(), "POST /v1/customers", {"description": "[[503 wait=0.5]]"})
    assert answer.headers["Retry-After"] == "0.5"


WHERE = {  # fake, what is asked with the mark M in it
    "a query value": ("stripe", "GET /v1/customers?email=M", None, None),
    "a nested form value": (
        "stripe",
        "POST /v1/customers",
        b"metadata%5Bnote%5D=M",
        "application/x-www-form-urlencoded",
    ),
    "a JSON string deep inside": (
        "slack",
        "POST /chat.postMessage",
        b'{"blocks":[{"text":{"a":"M"}}]}',
        "application/json",
    ),
    "the text of an XML element": ("soap", "POST /svc", b"<a><b>x M</b></a>", "text/xml; charset=utf-8"),
}


@pytest.mark.parametrize(("name", "line", "content", "kind"), WHERE.values(), ids=WHERE)
async def test_a_mark_is_found_in(name, line, content, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    content = None if content is None else content.replace(b"M", b"[[503]]")
    answer = await ask(fake(name), line.replace("M", "[[503]]"), content=content, headers=headers)
    assert answer.status == 503


async def test_a_mark_is_no_mark_in_bytes_that_are_no_text():
    answer = await ask(fake(), "POST /v1/customers", content=b"[[503]]", headers={"Content-Type": "image/png"})
    assert answer.status == 400  # Stripe wants forms


async def test_a_reset_ends_the_connection_before_the_head_and_before_anything_is_done():
    handler = fake()
    with pytest.raises(UpstreamFailure) as raised:
        await create(handler, "[[reset]]")
    assert (raised.value.code, raised.value.sent) == ("upstream_reset", True)
    assert await count(handler) == 0


async def test_a_timeout_gives_no_answer_until_the_time_runs_out():
    handler, loop = fake(), asyncio.get_running_loop()
    with pytest.raises(TimeoutError), Alarms(loop).at(3600.0):
        await create(handler, "[[timeout]]")
    assert await count(handler) == 0
    assert await create(handler, "[[timeout]]") == 200


async def test_a_timeout_takes_as_long_as_the_provider_has_for_its_first_byte():
    loop = asyncio.get_running_loop()
    stage = AttemptTimeoutStage(
        "stripe", first_byte=3.0, connect=2.0, clock=clock(loop), alarms=Alarms(loop), events=Events()
    )
    with pytest.raises(UpstreamFailure, match="upstream_timeout"):
        await create(onion([stage], fake()), "[[timeout]]")
    assert 3.0 <= loop.time() < 3.1


async def test_a_cut_answer_is_done_and_breaks_off_half_way():
    handler = fake()
    response = await handler(request("POST", "/v1/customers", b"description=[[cut]]"))
    half = await response.body.read()
    with pytest.raises(UpstreamFailure, match="upstream_reset"):
        await response.body.read()
    assert response.status == 200
    assert 0 < len(half) < (response.length or 0)
    assert await count(handler) == 1


async def test_a_slow_answer_is_done_and_comes_byte_by_byte():
    handler, loop = fake(), asyncio.get_running_loop()
    response = await handler(request("POST", "/v1/customers", b"description=[[slow]]"))
    assert (loop.time(), await count(handler)) == (0.0, 1)
    pieces = []
    while piece := await response.body.read():
        pieces.append(piece)
    assert {len(piece) for piece in pieces} == {1}
    assert loop.time() == pytest.approx(0.1 * len(pieces))
    assert json.loads(b"".join(pieces))["description"] == "[[slow]]"


async def test_a_slow_answer_comes_at_once_when_its_time_is_over():
    response = await fake()(request("POST", "/v1/customers", b"description=[[slow for=2s]]"))
    pieces = []
    while piece := await response.body.read():
        pieces.append(piece)
    assert asyncio.get_running_loop().time() == pytest.approx(2.0)
    assert [len(piece) for piece in pieces[:20]] == [1] * 20
    assert len(pieces) == 21


async def test_a_cancelled_read_of_a_slow_answer_loses_nothing():
    loop = asyncio.get_running_loop()
    response = await fake()(request("GET", "/v1/balance?note=[[slow]]"))
    first = await response.body.read()
    with pytest.raises(TimeoutError), Alarms(loop).at(loop.time() + 0.02):
        await response.body.read()
    rest = []
    while piece := await response.body.read():
        rest.append(piece)
    assert json.loads(first + b"".join(rest))["object"] == "balance"
