"""Secrets while the program runs: variables, read once, and files, looked at again each second.

The one thing a reader would get wrong: a source that fails takes nothing away at first. The last good value stays for
`max_stale`, for good where that is not said, and everybody is told once that the source fails, not at every look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from proxy.config.schema import SecretSource
from proxy.config.sources import Unreadable, loose, reading
from proxy.errors import Refusal
from proxy.events import Events
from proxy.rules.credentials import Secret

_Stamp = tuple[int, int, int]  # of a file: modification time, size, inode


class Status(NamedTuple):
    """`age_seconds`: since the value in use was read, None without one. `error`: a word of ours, None: all is well."""

    available: bool
    age_seconds: float | None
    error: str | None


@dataclass(slots=True)
class _Kept:
    """What is known of one secret."""

    source: SecretSource
    secret: Secret | None = None
    read_at: float = 0.0
    good_at: float = 0.0  # the last look at which the source was fine
    error: str | None = None
    stamp: _Stamp | None = None
    loose: bool = False


class Secrets:
    """The values of now. `version` rises whenever any of them changes, appears or goes.

    `now`: monotonic seconds. `learn`: told every value that was ever good, before anybody else sees it.
    """

    def __init__(
        self,
        sources: Mapping[str, SecretSource],
        environ: Mapping[str, str],
        *,
        now: Callable[[], float],
        events: Events,
        learn: Callable[[str, bytes], None],
    ) -> None:
        self.version = 0
        self._environ = dict(environ)  # a later change of the variables would be seen by half of the program
        self._now = now
        self._events = events
        self.learn = learn
        self._kept: dict[str, _Kept] = {}
        self.adopt(sources)

    def adopt(self, sources: Mapping[str, SecretSource]) -> None:
        """Takes the sources of a new configuration; a secret whose source is the same keeps its value."""
        before = self._kept
        self._kept = {
            name: before[name] if name in before and before[name].source == source else _Kept(source)
            for name, source in sources.items()
        }
        fresh = {name: kept for name, kept in self._kept.items() if before.get(name) is not kept}
        for name, kept in fresh.items():
            self._read(name, kept)
        if fresh or before.keys() != self._kept.keys():
            self.version += 1

    def poll(self) -> None:
        """Reads the files that changed or failed, and lets go of values that have been stale for too long."""
        for name, kept in self._kept.items():
            if kept.source.file is None:
                continue
            if kept.error is None and _stamp(kept.source.file) == kept.stamp:
                kept.good_at = self._now()
            else:
                self._read(name, kept)
                self._look_at_mode(name, kept)
            self._expire(kept)

    def renew(self, names: Collection[str]) -> bool:
        """Looks at the sources of these secrets now; true if one of them has another value than before."""
        before = [self.get(name) for name in names]
        self.poll()
        return before != [self.get(name) for name in names]

    def get(self, name: str) -> Secret | None:
        """The secret's value of now; None: it cannot be read, or has been stale for too long, or there is none."""
        kept = self._kept.get(name)
        return None if kept is None else kept.secret

    def read(self, name: str) -> Secret:
        """The secret's value of now. Raises `Refusal` `secret_unavailable`."""
        secret = self.get(name)
        if secret is None:
            raise Refusal("secret_unavailable", f"The secret {name} cannot be read; /readyz of the proxy says more.")
        return secret

    def status(self) -> dict[str, Status]:
        """How each secret is, by name; for /readyz and /api."""
        now = self._now()
        return {
            name: Status(kept.secret is not None, None if kept.secret is None else now - kept.read_at, kept.error)
            for name, kept in self._kept.items()
        }

    def _read(self, name: str, kept: _Kept) -> None:
        kept.stamp = None if kept.source.file is None else _stamp(kept.source.file)
        try:
            value = reading(kept.source, self._environ)
        except Unreadable as error:
            if kept.error != error.reason:
                kept.error = error.reason
                self._events.secret_failed(name, error.reason, str(kept.source))
            return
        changed = kept.secret is None or kept.secret.reveal() != value
        recovered, kept.error = kept.error is not None, None
        kept.good_at = kept.read_at = self._now()
        if changed:
            self.learn(name, value)
            kept.secret = Secret(name, value)
            self.version += 1
        if changed or recovered:
            self._events.secret_read(name)

    def _expire(self, kept: _Kept) -> None:
        most = kept.source.max_stale
        if kept.error is None or kept.secret is None or most is None or self._now() - kept.good_at <= most:
            return
        kept.secret = None
        self.version += 1

    def _look_at_mode(self, name: str, kept: _Kept) -> None:
        was, kept.loose = kept.loose, kept.source.file is not None and loose(kept.source.file)
        if kept.loose and not was:
            self._events.warned(f"secret {name} is in a file that group or others can read")


def _stamp(path: str) -> _Stamp | None:
    """What changes when a file does; None where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
