"""What may be asked of an upstream: METHOD /path/pattern, deny over allow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSettings:
    """Entries `METHOD|* /path`; `allow` None: all. A preset's own lists are already in place of the entry `preset`."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
