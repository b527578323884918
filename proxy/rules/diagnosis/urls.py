"""Hypotheses about the public URL, where the scheme signs one: it differs from the one the sender was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from proxy.rules.diagnosis.case import Asked, Finding, fits, proven, signed_text
from proxy.rules.incoming import Incoming
from proxy.rules.signatures import Rejected
from proxy.rules.templates import compile_template

_DEFAULT = {"http": 80, "https": 443}


class _Changes(NamedTuple):
    """None or "" in a place changes nothing there."""

    host: str | None
    scheme: str | None
    port: str | None
    path: str | None
    slash: str
    query: str

    @property
    def size(self) -> int:
        return sum(map(bool, self))


def public_url(asked: Asked, incoming: Incoming, _found: Rejected) -> Iterator[Finding]:
    """Tries the addresses that the request itself names, and the usual small differences."""
    if asked.public_url is None or not _signs_url(asked):
        return
    parts = urlsplit(asked.public_url.partition("#")[0])
    for changes in _candidates(parts, incoming):
        url = _changed(parts, changes)
        other = _with_query(incoming, parts, changes.query)
        tried = replace(asked, public_url=url)
        secret = fits(tried, other)
        if secret is not None:
            fix = f"{asked.key('public_url')}: {url}"
            if changes.query == "without":
                fix = "the sender signs the URL without its query: remove the query from the address it was given"
            if changes.query == "given":
                fix = (
                    f"something on the way drops the query; the sender was given {asked.public_url}: pass the query on"
                )
            yield proven(
                "public_url", f"signed for {url}{_said(changes.query)}", fix, secret, signed_text(tried, other)
            )
            return


def _signs_url(asked: Asked) -> bool:
    if asked.settings.scheme == "twilio":
        return True
    return "url" in compile_template(asked.settings.signed or "", asked.settings.options).names


def _candidates(parts: SplitResult, incoming: Incoming) -> Sequence[_Changes]:
    hosts = [None, *_named(incoming, b"x-forwarded-host"), *_named(incoming, b"host")]
    schemes = [None, "http" if parts.scheme == "https" else "https"]
    ports = [None, "none", "443", "80", *_named(incoming, b"x-forwarded-port")]
    paths = [None, incoming.path.decode("latin-1")]
    queries = ["", "without", *(["given"] if parts.query and incoming.query is None else [])]
    every = (_Changes(*each) for each in product(hosts, schemes, ports, paths, ["", "on", "off"], queries))
    return sorted((each for each in every if each.size), key=lambda each: each.size)


def _named(incoming: Incoming, name: bytes) -> list[str]:
    values = [value.split(b",")[0].strip().decode("latin-1") for value in incoming.lines(name)]
    return [value for value in values[:1] if value and not set(value) & set("/?#@ \\")]


def _changed(parts: SplitResult, changes: _Changes) -> str:
    scheme = changes.scheme or parts.scheme
    netloc = changes.host or parts.netloc
    host, port = _split(netloc)
    if changes.port is not None:
        port = "" if changes.port == "none" else changes.port
    path = changes.path or parts.path
    if changes.slash:
        path = path.rstrip("/") + ("/" if changes.slash == "on" else "")
    return f"{scheme}://{host}{f':{port}' if port else ''}{path}"


def _split(netloc: str) -> tuple[str, str]:
    host, colon, port = netloc.rpartition(":")
    return (host, port) if colon and port.isdigit() else (netloc, "")


def _with_query(incoming: Incoming, parts: SplitResult, query: str) -> Incoming:
    target = incoming.path
    if query == "given":
        target += b"?" + parts.query.encode()
    elif not query and incoming.query is not None:
        target += b"?" + incoming.query
    return Incoming(incoming.method, target, incoming.headers, incoming.body)


def _said(query: str) -> str:
    return {"without": " without the query", "given": " with the query that was given"}.get(query, "")
