"""Fields taken out of a form on its way to the provider, and what waits for it."""

import asyncio

import pytest

from proxy.body import Body
from proxy.errors import Refusal
from proxy.model import Headers, Request
from proxy.stages.form_fields import FormFieldsStage
from proxy.timing import Alarms
from tests.support.attempts import Attempts, Pieces
from tests.support.provider import answer, clock

FORM: Headers = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


class Form:
    """Attempts with the stage in its place, for a body that comes in `pieces`."""

    def __init__(self, *pieces: bytes | float, length: int | None = None, whole: int = 100, status: int = 200) -> None:
        loop = asyncio.get_running_loop()
        stage = FormFieldsStage(["token"], idle=10.0, whole=whole, clock=clock(loop), alarms=Alarms(loop))
        self.lengths: list[int | None] = []
        self.attempts = Attempts(self._answered(status), self._answered(200), innermost=[stage], first_byte=5.0)
        self.body = Body(Pieces(*pieces), length, keep=whole)

    def _answered(self, status: int):
        def respond(request: Request):
            assert request.body is not None
            self.lengths.append(request.body.length)
            return answer(status)

        return respond

    async def sent(self, headers: Headers = FORM) -> list[tuple[int | None, bytes]]:
        """Length and content of what each attempt sent."""
        await self.attempts("PUT", headers, self.body)
        return list(zip(self.lengths, self.attempts.provider.bodies, strict=True))


async def test_a_short_form_goes_with_its_new_length():
    assert await Form(b"tok", b"en=x&a=1", length=11).sent() == [(3, b"a=1")]


async def test_a_form_that_is_only_that_field_goes_empty():
    assert await Form(b"token=x", length=7).sent() == [(0, b"")]


async def test_another_attempt_sends_the_same():
    assert await Form(b"token=x&a=1", length=11, status=503).sent() == [(3, b"a=1")] * 2


async def test_a_form_of_unknown_length_stays_so():
    assert await Form(b"token=x&a", b"=1").sent() == [(None, b"a=1")]


async def test_a_form_too_long_to_be_kept_streams_without_a_length():
    assert await Form(b"token=x&a=", b"1" * 200, length=210).sent() == [(None, b"a=" + b"1" * 200)]


async def test_another_body_is_not_touched():
    sent = await Form(b"token=x&a=1", length=11).sent(((b"Content-Type", b"text/plain"),))
    assert sent == [(11, b"token=x&a=1")]


async def test_a_slow_upload_is_not_the_upstreams_lateness():
    form = Form(b"a=", 8.0, b"1", 8.0, b"2", length=4)
    assert await form.sent() == [(4, b"a=12")]
    assert form.attempts.loop.time() == 16.0


async def test_an_application_that_stalls_is_told_so():
    with pytest.raises(Refusal, match="request_timeout"):
        await Form(b"a=", 11.0, b"1", length=3).sent()
