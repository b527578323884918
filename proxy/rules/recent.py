"""A short memory of heads, by their bytes.

The one thing a reader would get wrong: only what is a matter of those bytes alone may be remembered here, since the
next head with the same bytes comes on another connection, from another call.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")

MOST = 64
MOST_BYTES = 1_024  # of one head


class Recent(dict[bytes, T]):
    """What was made of heads that came lately: a dictionary that holds at most 64 heads of at most a kibibyte.

    When it is full it is emptied: that costs little where heads repeat, and as little where they never do.
    """

    def keep(self, head: bytes, made: T) -> None:
        """Remembers what was made of a head, unless that is a large one."""
        if len(head) > MOST_BYTES:
            return
        if len(self) >= MOST:
            self.clear()
        self[head] = made
