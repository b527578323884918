"""Tokens over time: one request at a time, renewed ahead, kept while good, forced anew at most twice a minute."""

import asyncio
import json

import pytest

from proxy.edges.oauth2 import Tokens, Tools
from proxy.errors import Refusal, UpstreamFailure
from proxy.events import Events
from proxy.model import Call
from proxy.rules.auth_settings import OAuth2Auth
from proxy.rules.credentials import TOKEN, Secret
from proxy.timing import Alarms
from tests.support.provider import Provider, answer, clock

SETTINGS = OAuth2Auth(
    type="oauth2",
    grant="client_credentials",
    token_url="https://t.example/token",
    client_id="client",
    client_secret="client",
)


class Heard(Events):
    def __init__(self):
        self.failed, self.good = [], []

    def secret_failed(self, secret, reason, source=""):
        self.failed.append(reason)

    def secret_read(self, secret):
        self.good.append(secret)


class Vault:
    version = 1

    def read(self, name):
        return Secret(name, b"value")


def token(value="t1", expires_in=100, **more):
    return answer(200, json.dumps({"access_token": value, "expires_in": expires_in, **more}).encode())


class Case:
    """Tokens whose endpoint plays a script."""

    def __init__(self, *script, settings=SETTINGS):
        self.loop = asyncio.get_running_loop()
        self.endpoint = Provider(self.loop, script)
        self.heard, self.learnt, self.vault = Heard(), {}, Vault()
        tools = Tools(
            self.loop, clock(self.loop), Alarms(self.loop), self.heard, self.learnt.__setitem__, lambda: "unique"
        )
        self.tokens = Tokens("crm", settings, self.vault, tools)
        self.tokens.endpoint = self.endpoint

    async def take(self, call=None):
        """The token that an attempt of this call would carry."""
        call = call or self.call()
        call.token = await self.tokens.ready(call)
        return self.tokens.read(TOKEN).reveal()

    def call(self, patience=30.0):
        return Call("id", self.loop.time(), deadline=self.loop.time() + patience)

    @property
    def asked(self):
        return len(self.endpoint.requests)


async def test_many_calls_wait_for_one_request():
    case = Case(1.0, token())
    assert await asyncio.gather(*(case.take() for _ in range(10))) == [b"t1"] * 10
    assert case.asked == 1
    assert await case.take() == b"t1"
    assert case.asked == 1


async def test_who_gives_up_waiting_leaves_the_request_to_the_others():
    case = Case(3.0, token())
    patient = asyncio.ensure_future(case.take())
    with pytest.raises(Refusal, match="deadline_exceeded"):
        await case.take(case.call(patience=1.0))
    assert (await patient, case.asked) == (b"t1", 1)


async def test_the_redactor_learns_tokens_before_anybody_has_them():
    case = Case(token(refresh_token="r2"))
    await case.take()
    assert case.learnt == {"crm access token": b"t1", "crm refresh token": b"r2"}


async def test_a_token_is_renewed_ahead_of_its_end_while_calls_go_on_with_it():
    case = Case(token("t1"), 5.0, token("t2"))
    await case.take()
    await asyncio.sleep(79.0)
    case.tokens.poll()
    await asyncio.sleep(0)
    assert case.asked == 1
    await asyncio.sleep(2.0)
    case.tokens.poll()
    await asyncio.sleep(1.0)
    assert (case.asked, await case.take()) == (2, b"t1")
    await asyncio.sleep(5.0)
    assert (case.asked, await case.take()) == (2, b"t2")


async def test_a_call_in_the_last_moments_begins_the_renewal_too():
    case = Case(token("t1"), token("t2"))
    await case.take()
    await asyncio.sleep(85.0)
    assert await case.take() == b"t1"
    await asyncio.sleep(0.1)
    assert await case.take() == b"t2"


async def test_the_last_good_token_serves_until_its_end_and_then_calls_are_refused():
    case = Case(token("t1"), answer(503))
    await case.take()
    await asyncio.sleep(85.0)
    case.tokens.poll()
    await asyncio.sleep(1.0)
    assert await case.take() == b"t1"
    await asyncio.sleep(11.0)
    with pytest.raises(Refusal, match="secret_unavailable"):
        await case.take()
    assert set(case.heard.failed) == {"the token endpoint answered 503"}


async def test_a_failing_endpoint_is_left_alone_for_a_while_and_then_heals():
    case = Case(UpstreamFailure("connect_refused", "x", sent=False), token())
    for _ in range(3):
        with pytest.raises(Refusal, match="secret_unavailable"):
            await case.take()
    assert (case.asked, case.heard.failed) == (1, ["the token endpoint: connect_refused"])
    await asyncio.sleep(1.1)
    assert await case.take() == b"t1"


async def test_another_client_secret_is_tried_at_once():
    case = Case(answer(400, b'{"error":"invalid_grant"}'), token())
    with pytest.raises(Refusal, match="secret_unavailable"):
        await case.take()
    case.vault.version = 2
    assert await case.take() == b"t1"


async def test_an_endpoint_that_hangs_is_given_up():
    case = Case(60.0, token())
    with pytest.raises(Refusal, match="secret_unavailable"):
        await case.take()
    assert case.heard.failed == ["the token endpoint did not answer in time"]


async def test_a_401_brings_one_other_token():
    case = Case(token("t1"), token("t2"))
    call = case.call()
    assert await case.take(call) == b"t1"
    assert case.tokens.renew(call)
    assert await case.take(call) == b"t2"
    assert not case.tokens.renew(call)
    assert case.asked == 2


async def test_calls_refused_with_the_older_token_share_its_renewal():
    case = Case(token("t1"), 1.0, token("t2"))
    calls = [case.call() for _ in range(3)]
    for call in calls:
        await case.take(call)
    assert all(case.tokens.renew(call) for call in calls[:2])
    assert await asyncio.gather(*(case.take(call) for call in calls[:2])) == [b"t2", b"t2"]
    assert case.tokens.renew(calls[2])
    assert (await case.take(calls[2]), case.asked) == (b"t2", 2)


async def test_a_forced_renewal_comes_at_most_every_30_seconds():
    case = Case(token("t1"), token("t2"), token("t3"))
    first, second, third = case.call(), case.call(), case.call(60.0)
    await case.take(first)
    assert case.tokens.renew(first)
    assert await case.take(second) == b"t2"
    assert not case.tokens.renew(second)
    await asyncio.sleep(30.0)
    await case.take(third)
    assert case.tokens.renew(third)
    assert (await case.take(third), case.asked) == (b"t3", 3)


async def test_a_forced_renewal_that_fails_refuses_that_call_and_leaves_the_others_their_token():
    case = Case(token("t1"), answer(500))
    call = case.call()
    await case.take(call)
    assert case.tokens.renew(call)
    with pytest.raises(Refusal, match="secret_unavailable"):
        await case.take(call)
    assert await case.take() == b"t1"


async def test_a_refresh_token_that_rotates_is_used_the_next_time():
    settings = OAuth2Auth(
        type="oauth2", grant="refresh_token", token_url="https://t.example/", client_id="id", refresh_token="refresh"
    )
    case = Case(token("t1", refresh_token="r2"), token("t2"), settings=settings)
    await case.take()
    await asyncio.sleep(100.0)
    await case.take()
    assert [b"refresh_token=value" in case.endpoint.bodies[0], b"refresh_token=r2" in case.endpoint.bodies[1]] == [
        True
    ] * 2


async def test_an_endpoint_that_wants_the_client_in_a_header_gets_it_there_from_then_on():
    case = Case(answer(401, b'{"error":"invalid_client"}'), token("t1"), token("t2"))
    await case.take()
    await asyncio.sleep(100.0)
    await case.take()
    headers = [dict(request.headers).get(b"Authorization", b"")[:5] for request in case.endpoint.requests]
    assert headers == [b"", b"Basic", b"Basic"]


async def test_a_token_without_a_length_is_kept_until_it_is_refused():
    case = Case(answer(200, b'{"access_token":"t1"}'), token("t2"))
    call = case.call()
    await case.take(call)
    await asyncio.sleep(1e6)
    case.tokens.poll()
    assert (await case.take(call), case.asked) == (b"t1", 1)
    assert case.tokens.renew(call)
