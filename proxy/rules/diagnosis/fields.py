"""Hypotheses about the signature's header: it is there twice, it is another provider's, it is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.rules.diagnosis.case import Asked, Finding, fits, hinted, proven, values, with_headers
from proxy.rules.incoming import Incoming
from proxy.rules.locators import Locator, parse_locator
from proxy.rules.proofs import proof_places
from proxy.rules.signatures import Rejected, VerifySettings

_SPEAKING = ("token", "basic")  # what stands there is the secret itself
_SHOWN = 6  # characters of a signature
_COMMON = frozenset((b"authorization", b"x-signature", b"idempotency-key"))  # say nothing about whose they are


def duplicate_header(asked: Asked, incoming: Incoming, found: Rejected) -> Iterator[Finding]:
    """An ingress or a middleware repeats the header, as lines of its own or joined into one."""
    if found.outcome not in ("ambiguous_signature", "malformed_signature"):
        return
    for name in dict.fromkeys(written.lower() for written, _ in incoming.headers):
        repeated = incoming.lines(name)
        if len(repeated) < 2 and name in _signature_names(asked.settings):
            repeated = _halves(repeated)
        if len(repeated) > 1 and _takes_part(asked.settings, name, found):
            yield _repeated(asked, incoming, name, repeated)


def other_provider(asked: Asked, incoming: Incoming, found: Rejected) -> Iterator[Finding]:
    """Our header is absent, and there is another provider's."""
    if found.outcome != "missing_signature":
        return
    named = {name: row for name, row in asked.presets.items() if _has_own_header(row, asked.settings, incoming)}
    for name, row in named.items():
        secret = fits(asked.under(row), incoming)
        if secret is not None:
            yield proven("other_provider", f"signed as {name} signs", _other(asked, [name]), secret)
    if named:
        names = list(named)[:3]
        yield hinted("other_provider", f"signed as {' or '.join(names)} signs", _other(asked, names))


def missing_signature(asked: Asked, _incoming: Incoming, found: Rejected) -> Iterator[Finding]:
    """Neither our header nor another provider's."""
    if found.outcome != "missing_signature":
        return
    places = ", ".join(proof_places(asked.settings))
    fix = f"check that a secret is set at the sender, and that the ingress passes {places} on"
    if asked.settings.signature:
        fix += f"; {asked.key('verify.signature')} says where it is looked for"
    yield hinted("missing_signature", f"no signature at {places}", fix)


def _repeated(asked: Asked, incoming: Incoming, name: bytes, lines: Sequence[bytes]) -> Finding:
    speaks = asked.settings.scheme in _SPEAKING
    shown = "" if speaks else ": " + ", ".join(f"{line[:_SHOWN].decode('latin-1')}…" for line in lines[:4])
    what = f"{name.decode('latin-1')} came {len(lines)} times{shown}"
    fix = "find what adds the second one (an ingress, a middleware, a mirror) and switch that off"
    repeatable = asked.settings.signed is not None and asked.settings.format == "raw"  # others do not take the key
    if repeatable and name in _signature_names(asked.settings):
        fix += f"; only where the sender itself repeats it: {asked.key('verify.repeat')}: true"
    for line in lines:
        secret = fits(asked, with_headers(incoming, _once(incoming, name, line)))
        if secret is not None:
            return proven("duplicate_header", what, fix, secret)
    return hinted("duplicate_header", what, fix)


def _once(incoming: Incoming, name: bytes, line: bytes) -> list[tuple[bytes, bytes]]:
    return [*((written, value) for written, value in incoming.headers if written.lower() != name), (name, line)]


def _halves(lines: Sequence[bytes]) -> list[bytes]:
    """The two halves of a value that a middleware joined with itself."""
    for line in lines:
        for mark in (b", ", b",", b"; "):
            size = (len(line) - len(mark)) // 2
            if size > 0 and line == line[:size] + mark + line[:size]:
                return [line[:size], line[:size]]
    return []


def _takes_part(settings: VerifySettings, name: bytes, found: Rejected) -> bool:
    places = (*settings.signature, settings.timestamp or "", *settings.id, settings.nonce or "")
    if f"header:{name.decode('latin-1')}" in {place.lower() for place in places}:
        return True
    return name.decode("latin-1") in found.detail


def _signature_names(settings: VerifySettings) -> set[bytes]:
    return {locator.name for locator in map(parse_locator, proof_places(settings)) if locator.kind == "header"}


def _has_own_header(row: VerifySettings, ours: VerifySettings, incoming: Incoming) -> bool:
    names = _signature_names(row) - _signature_names(ours) - _COMMON
    located = [Locator("header", name) for name in names]
    return any(values for locator in located for values in locator.find(incoming)) and not values(ours, incoming)


def _other(asked: Asked, names: Sequence[str]) -> str:
    one = names[0]
    return (
        f"the sender is not the one that {asked.key('integration')} names: give it a webhook of its own with "
        f"integration: {one}, or correct the address that was entered there"
    )
