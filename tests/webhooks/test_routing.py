"""Events that wait, after a reload that changed how their webhook hands them on."""

import asyncio
from dataclasses import replace

from proxy.webhooks.routing import Routing
from tests.support.inbox import Sender
from tests.support.memory_inbox import MemoryInbox
from tests.support.provider import clock
from tests.support.webhooks import Ears


class Routed:
    """Three events of `stripe` that are due, and what was woken."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.inbox, self.ears, self.woken = MemoryInbox(), Ears(), list[str]()
        self.routing = Routing(self.inbox, self.woken.append, loop=loop, clock=clock(loop), events=self.ears)

    async def fill(self) -> None:
        event = Sender()
        for _ in range(3):
            await self.inbox.put(replace(event(), state="pending"))

    def states(self) -> set[str]:
        return {one.state for one in self.inbox.events.values()}


async def test_events_of_a_webhook_that_delivers_no_more_wait_to_be_pulled_and_back():
    routed = Routed()
    await routed.fill()
    routed.routing.adopt({"stripe": False, "twilio": True})
    await asyncio.sleep(1)
    assert (routed.states(), routed.woken) == ({"waiting"}, [])
    routed.routing.adopt({"stripe": True, "twilio": True})
    await asyncio.sleep(1)
    assert (routed.states(), routed.woken) == ({"pending"}, ["stripe"])
    routed.routing.close()


async def test_an_event_that_was_taken_in_by_the_old_settings_goes_the_new_way_a_little_later():
    routed = Routed()
    routed.routing.adopt({"stripe": False})
    await asyncio.sleep(1)
    await routed.fill()
    await asyncio.sleep(5)
    assert routed.states() == {"waiting"}
    routed.routing.close()


async def test_an_inbox_that_cannot_be_used_is_asked_again():
    routed = Routed()
    await routed.fill()
    routed.inbox.broken = "the disk is full"
    routed.routing.adopt({"stripe": False})
    await asyncio.sleep(1)
    assert "the disk is full" in routed.ears.warnings[0]
    routed.inbox.broken = None
    await asyncio.sleep(5)
    assert routed.states() == {"waiting"}
    routed.routing.close()
