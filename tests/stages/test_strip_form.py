"""A token of the application's own in a form does not leave."""

import asyncio

from proxy.model import Body, Call, Request, Whole
from proxy.stages.strip_form import StripFormStage
from tests.support.provider import Provider, answer
from tests.support.upstreams import Pieces

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


async def sent(body, headers=FORM):
    provider = Provider(asyncio.get_running_loop(), [answer()])
    await StripFormStage(["token"])(Request("POST", b"/a", headers, body, Call("id", 0.0)), provider)
    return provider.requests[0].body, provider.bodies[0]


async def test_the_field_comes_off_and_the_length_with_it():
    form = Body(Whole(b"token=own&text=hi"), 17, keep=99)
    changed, received = await sent(form)
    assert (changed.length, received, form.replayable) == (7, b"text=hi", True)


async def test_a_body_of_another_type_is_not_read():
    body = Body(Whole(b"token=own"), 9, keep=99)
    assert await sent(body, ()) == (body, b"token=own")


async def test_a_form_that_is_too_large_to_keep_passes():
    body = Body(Pieces(b"token=own", b""), 9, keep=5)
    assert await sent(body) == (body, b"token=own")
