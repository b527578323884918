"""What all commands have in common towards whoever typed them: how they end, and words that are safe to print."""

from __future__ import annotations

import re

DONE, FAILED, WRONG = 0, 1, 2  # exit codes
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Ended(Exception):
    """The command ends here. The text is for standard error."""

    def __init__(self, words: str, code: int = FAILED) -> None:
        super().__init__(words)
        self.code = code


def visible(words: str) -> str:
    """What came from outside, with its control characters shown and not sent to the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", words)
