"""What the connections of one listener share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.edges.http1.request_reader import Heads
from proxy.errors import Refusal
from proxy.model import Call, Response
from proxy.pipeline import Handler
from proxy.timing import Alarms

if TYPE_CHECKING:
    from proxy.edges.http1.listener import Limits
    from proxy.edges.http1.server import ServerConnection

Refuse = Callable[[Refusal, Call], Response]


@dataclass(slots=True, eq=False, kw_only=True)
class Service:
    """Where requests go, by which limits, and all that is open at the moment."""

    handler: Handler
    limits: Limits
    refuse: Refuse  # answers what may not reach the handler
    new_call: Callable[[], Call]
    now: Callable[[], float]
    alarms: Alarms
    bug: Callable[[str, BaseException], None]
    heads: Heads
    left: Callable[[], None]  # told of each connection that is gone
    draining: bool = False
    connections: set[ServerConnection] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


def host_of(address: object) -> str:
    """The address in what a socket says of one of its ends, without port; "" for a Unix socket."""
    if not isinstance(address, tuple):
        return ""
    host = str(address[0]).partition("%")[0]
    return host.removeprefix("::ffff:") if "." in host else host  # IPv4 on a socket for both families
