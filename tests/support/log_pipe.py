"""A log at one end of a pipe, its lines at the other."""

import json
import os

from proxy.config.schema import LogSettings
from proxy.edges.log_lines import Lines
from proxy.edges.logs import Logs
from proxy.rules.redaction import Redactor

NOON = 1_790_000_000.25
SECRET = b"sk_live_0123456789"


class Pipe:
    """Both ends; `wall` can be moved."""

    def __init__(self) -> None:
        self.out, self.into = os.pipe()
        self.redactor = Redactor()
        self.redactor.learn("stripe_key", SECRET)
        self.wall = NOON

    def logs(self, **settings: object) -> Logs:
        return Logs(LogSettings(**settings), Lines(self.into), self.redactor.text, lambda: self.wall)

    def text(self) -> str:
        """What was written since the last look."""
        os.set_blocking(self.out, False)
        pieces = []
        try:
            while piece := os.read(self.out, 1 << 16):
                pieces.append(piece)
        except BlockingIOError:
            pass
        return b"".join(pieces).decode()

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text().splitlines()]

    def close(self) -> None:
        os.close(self.out)
        os.close(self.into)
