"""What is let in, and the application's wishes for its call."""

import asyncio

import pytest

from proxy.body import Body
from proxy.errors import Refusal
from proxy.model import Call, Request
from proxy.pipeline import onion
from proxy.stages.admission import AdmissionStage, Check
from proxy.upstream import BodySettings
from tests.support.attempts import Pieces
from tests.support.provider import Provider, answer

SMALL = BodySettings(max=10, replay=4)


class Admitted:
    def __init__(self, settings: BodySettings = SMALL, scope: Check | None = None) -> None:
        self.provider = Provider(asyncio.get_running_loop(), [answer()])
        self._handler = onion([AdmissionStage(scope, settings)], self.provider)

    async def __call__(self, body: Body | None = None, **notes: bytes) -> Call:
        call = Call("id", 0.0, notes={name.replace("_", "-").encode(): value for name, value in notes.items()})
        await self._handler(Request("POST", b"/v1/charges?a=1", (), body, call))
        return call


async def test_a_call_without_a_wish_may_be_repeated_and_is_not_vouched_for():
    call = await Admitted()()
    assert (call.wants_retry, call.vouched) == (True, False)


@pytest.mark.parametrize(("value", "wants"), [(b"off", False), (b" OFF ", False), (b"on", True), (b"", True)])
async def test_the_application_may_switch_repeats_off(value, wants):
    assert (await Admitted()(outrigger_retry=value)).wants_retry is wants


@pytest.mark.parametrize(("value", "vouches"), [(b"true", True), (b" True", True), (b"false", False), (b"1", False)])
async def test_the_application_may_vouch_for_its_call(value, vouches):
    assert (await Admitted()(outrigger_idempotent=value)).vouched is vouches


@pytest.mark.parametrize("value", [b"100-continue", b"100-Continue "])
async def test_the_usual_expectation_is_met(value):
    admitted = Admitted()
    await admitted(expect=value)
    assert len(admitted.provider.requests) == 1


@pytest.mark.parametrize("value", [b"", b"200-ok", b"100-continue, 100-continue", b"100-continue;q=1"])
async def test_any_other_is_refused(value):
    admitted = Admitted()
    with pytest.raises(Refusal, match="expectation_failed"):
        await admitted(expect=value)
    assert admitted.provider.requests == []


async def test_a_body_of_just_the_most_is_let_in():
    admitted = Admitted()
    await admitted(Body(Pieces(b"0123456789"), 10))
    assert admitted.provider.bodies == [b"0123456789"]


async def test_a_body_that_is_declared_too_large_is_refused_unread():
    admitted = Admitted()
    with pytest.raises(Refusal, match="request_too_large"):
        await admitted(Body(Pieces(AssertionError("it was read")), 11))
    assert admitted.provider.requests == []


async def test_a_body_that_turns_out_too_large_is_refused_then():
    with pytest.raises(Refusal, match="request_too_large"):
        await Admitted()(Body(Pieces(b"01234", b"56789", b"0"), None))


@pytest.mark.parametrize(("content", "kept"), [(b"0123", True), (b"01234", False)])
async def test_a_body_is_kept_for_a_repeat_up_to_the_limit(content, kept):
    body = Body(Pieces(content), None)
    await Admitted()(body)
    assert body.replayable is kept


async def test_without_a_most_any_size_is_let_in():
    await Admitted(BodySettings(max=None))(Body(Pieces(b"x"), 1 << 50))


async def test_the_scope_is_asked_before_anything_is_used_up():
    asked = []

    def scope(request: Request) -> None:
        asked.append((request.method, request.target, request.call.notes))
        raise Refusal("out_of_scope")

    admitted = Admitted(scope=scope)
    with pytest.raises(Refusal, match="out_of_scope"):
        await admitted(Body(Pieces(b""), 99), expect=b"x")
    assert asked == [("POST", b"/v1/charges?a=1", {b"expect": b"x"})]
    assert admitted.provider.requests == []
