"""Adds the secret to a copy of the request, last, so that nothing the application says is looked at afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from proxy.errors import Refusal
from proxy.model import Headers, Request, Response
from proxy.pipeline import Handler
from proxy.rules.credentials import Credential, Rendered, Secret, with_query
from proxy.rules.headers import fold

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_MEMO_LIMIT = 1024
_KEEP, _DROP = b"keep", b"drop"  # any other value: keep, and remember that the application sent it


class SecretReader(Protocol):
    """Where secrets come from. `version` rises with every change of any value."""

    version: int

    def read(self, name: str) -> Secret:
        """The secret's value of now. Raises `Refusal` `secret_unavailable`."""


class AuthenticateStage:
    """Replaces what the application sent under the credential's names; adds the preset's headers where it sent none.

    Rendered once per version of the secrets. `withheld`: further hosts that must not see the credential.
    """

    def __init__(
        self,
        credential: Credential,
        secrets: SecretReader,
        *,
        strip: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        withheld: frozenset[str] = frozenset(),
    ) -> None:
        self._credential = credential
        self._secrets = secrets
        self._dropped = credential.replaced | {fold(name.encode()) for name in strip}
        fields = [(name.encode(), text.encode()) for name, text in (headers or {}).items()]
        self._defaults = {fold(name): (name, text) for name, text in fields if fold(name) not in self._dropped}
        self._choices = credential.choices
        self._query_names = credential.query_names
        self._withheld = withheld
        self._memo: dict[bytes, bytes] = {}
        self._version = -1
        self._rendered = Rendered()

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        if self._version != self._secrets.version:
            version = self._secrets.version
            self._rendered = _one_line_each(self._credential.render(self._secrets.read))
            self._version = version
        return await call_next(self._dressed(request))

    def _dressed(self, request: Request) -> Request:
        kept, used = self._pass(request.headers)
        for name, field in self._defaults.items():
            if name not in used:
                kept.append(field)
        if request.origin in self._withheld:
            return request.with_headers(tuple(kept))
        rendered = self._rendered
        if rendered.choices:
            chosen = next((i for i, name in enumerate(self._choices) if name in used), 0)
            kept.append(rendered.choices[chosen])
        kept.extend(rendered.headers)
        target = request.target
        for pattern, value in rendered.path_values:
            target = pattern.fill(target, value)
        if rendered.query:
            target = with_query(target, self._query_names, rendered.query)
        return request.with_headers(tuple(kept), target)

    def _pass(self, headers: Headers) -> tuple[list[tuple[bytes, bytes]], set[bytes]]:
        kept = []
        used = set()
        memo = self._memo
        for field in headers:
            known = memo.get(field[0]) or self._look_up(field[0])
            if known is _KEEP:
                kept.append(field)
            elif known is not _DROP:
                used.add(known)
                if known in self._defaults:
                    kept.append(field)
        return kept, used

    def _look_up(self, name: bytes) -> bytes:
        folded = fold(name)
        known = _KEEP
        if folded in self._choices or folded in self._defaults:
            known = folded
        elif folded in self._dropped:
            known = _DROP
        if len(self._memo) < _MEMO_LIMIT:
            self._memo[name] = known
        return known


def _one_line_each(rendered: Rendered) -> Rendered:
    """The same; raises `Refusal` where a key in PEM, whose line ends are allowed, was put into a header or path."""
    values = [value for _, value in (*rendered.headers, *rendered.choices, *rendered.path_values)]
    if any(_CONTROL.search(value) for value in values):
        raise Refusal("secret_unavailable", "A key with line ends cannot go into a header.")
    return rendered
