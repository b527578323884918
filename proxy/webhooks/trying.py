"""One try to deliver an event: the request is made, sent, and its answer read as far as anybody needs it.

The one thing a reader would get wrong: nothing is raised but a cancellation. A try that failed is an answer too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from proxy.errors import ProxyError, UpstreamFailure
from proxy.events import Events
from proxy.model import Call, Evidence, Request, Response
from proxy.rules.delivery import TELLING, Tried
from proxy.rules.outcome import evidence_of_failure, verdict_for
from proxy.rules.retry_after import told_wait
from proxy.timing import Alarms, Clock
from proxy.units import Seconds
from proxy.webhooks.inbox import Arrival, Stored
from proxy.webhooks.outgoing import Unsigned
from proxy.webhooks.post import Deliver, post

KEPT = 64 << 10  # bytes of an answer's body that are read so that its connection can be used again
READING: Seconds = 1.0  # for that
UNREACHED = frozenset(("connect_refused", "connect_timeout", "dns_error", "tls_error", "egress_denied"))

Write = Callable[[Arrival, int, Call], Request]  # raises `Unsigned`


class Attempt(NamedTuple):
    """`detail`: for the log and the inbox, without a secret or a body."""

    tried: Tried
    evidence: Evidence
    detail: str


class Try:
    """Tries to deliver events of one webhook. `write` makes the request of an event and the attempt's number."""

    def __init__(
        self, deliver: Deliver, write: Write, timeout: float, *, clock: Clock, alarms: Alarms, events: Events
    ) -> None:
        self._deliver = deliver
        self._write = write
        self._timeout = timeout
        self._clock = clock
        self._alarms = alarms
        self._bug = events.bug

    async def __call__(self, stored: Stored, attempt: int) -> Attempt:
        """`attempt`: from 1."""
        now = self._clock.now()
        try:
            request = self._write(stored.arrival, attempt, Call(stored.arrival.id, now))
            with self._alarms.at(now + self._timeout):
                response = await post(self._deliver, request)
        except Unsigned as error:
            return Attempt(Tried(None, reached=False), Evidence.NEUTRAL, str(error))
        except TimeoutError:
            return Attempt(Tried(None), Evidence.FAILURE, f"no answer within {self._timeout:g} s")
        except UpstreamFailure as failure:
            return _without_answer(failure)
        except ProxyError as error:
            return Attempt(Tried(None, reached=False), Evidence.NEUTRAL, error.code)
        except Exception as error:  # noqa: BLE001 - an attempt too, or one event would be tried again without a pause
            self._bug("a delivery", error)
            return Attempt(Tried(None), Evidence.NEUTRAL, "a bug here; the log says more")
        return await self._answered(response)

    async def _answered(self, response: Response) -> Attempt:
        status = response.status
        told = told_wait(status, response.headers, self._clock.wall()).seconds if status in TELLING else None
        with suppress(ProxyError, TimeoutError), self._alarms.at(self._clock.now() + READING):
            await response.keep(KEPT)
        evidence = verdict_for(status, told=told, statuses=frozenset()).evidence
        asked = "" if told is None else f" and asked to wait {told:g} s"
        return Attempt(Tried(status, told), evidence, f"the application said {status}{asked}")


def _without_answer(failure: UpstreamFailure) -> Attempt:
    if failure.code in UNREACHED:
        return Attempt(Tried(None, reached=False), Evidence.NEUTRAL, failure.code)
    return Attempt(Tried(None), evidence_of_failure(failure.code), failure.code)
