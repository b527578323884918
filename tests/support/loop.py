"""An event loop whose clock jumps: a test that waits an hour takes no time."""

import asyncio
import selectors

PATIENCE = 2.0  # real seconds, with no timer set, before the test is called stuck


class JumpingLoop(asyncio.SelectorEventLoop):
    """`grace`: real seconds to listen to sockets before a jump."""

    def __init__(self, grace: float = 0.0) -> None:
        self.now = 0.0
        super().__init__(_Jumper(self, grace))

    def time(self) -> float:
        return self.now


class _Jumper(selectors.SelectSelector):  # turns "sleep until the next timer" into "it is that time now"
    def __init__(self, loop: JumpingLoop, grace: float) -> None:
        super().__init__()
        self._loop, self._grace = loop, grace

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            ready = super().select(PATIENCE)
            if not ready:
                raise RuntimeError("the test waits for something that nothing will bring")
            return ready
        ready = super().select(min(timeout, self._grace))
        if not ready:
            self._loop.now += max(0.0, timeout)
        return ready
