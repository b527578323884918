"""What must hold between an upstream's settings, beyond the type of each (`security.md` §5, §7, §8)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path

from proxy import integrations
from proxy.config.addresses import ADDRESS, URL, address, hides, url_problem
from proxy.config.auth_checks import FREE, TOKEN, auth_problems, injectable
from proxy.config.complaints import Complaints, near
from proxy.config.layers import filled_by
from proxy.config.manifest import Manifest
from proxy.config.tree import Node, deep, nearest, shown, text
from proxy.rules.auth_settings import ApiKeyAuth, secrets_of
from proxy.rules.credentials import Template
from proxy.rules.faults import FaultSettings
from proxy.rules.headers import fold
from proxy.rules.scope import ENTRY
from proxy.upstream import UpstreamSettings

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Checks:
    """Complains about one upstream. `tree`: what it was read from; `known`: the secrets it may name."""

    def __init__(self, complaints: Complaints, tree: Node, manifest: Manifest | None, known: Collection[str]) -> None:
        self._complaints = complaints
        self._tree = tree
        self._manifest = manifest
        self._known = known

    def all(self, settings: UpstreamSettings, wrong: Collection[str]) -> None:
        """Every check whose settings could be read; `wrong`: the keys that could not."""
        checks: dict[str, Callable[[UpstreamSettings], None]] = {
            "mode": self._mode,
            "url": self._url,
            "listen": self._listen,
            "inject": self._inject,
            "auth": self._auth,
            "scope": self._scope,
            "retry": self._retry,
            "errors": self._errors,
            "tls": self._tls,
            "egress": self._egress,
            "faults": self._faults,
            "fallback": self._fallback,
        }
        for key, check in checks.items():
            if key not in wrong and not (key == "url" and "sandbox_url" in wrong):
                check(settings)

    def _say(self, path: str, allowed: str, *, given: str | None = None, meant: str = "") -> None:
        self._complaints.add(nearest(self._tree, *path.split(".")), allowed, given=given, meant=meant)

    def _mode(self, settings: UpstreamSettings) -> None:
        name = settings.integration
        if settings.mode == "mock" and (name is None or (self._manifest and not integrations.has_fake(name))):
            able = ", ".join(one for one in integrations.names() if integrations.has_fake(one))
            self._say("mode", f"live or sandbox; mock only with one of the integrations {able}")
        sandbox = self._manifest.sandbox if self._manifest else None
        possible = deep(self._tree, "sandbox_url") is not None or (sandbox and (sandbox.url or sandbox.env))
        if settings.mode == "sandbox" and not possible:
            self._say("mode", "live; sandbox only with sandbox_url, or an integration that has one")

    def _url(self, settings: UpstreamSettings) -> None:
        for key in (
            "url",
            "sandbox_url",
        ):  # the one that is not in force now too: a change of mode must not find it wrong
            node = deep(self._tree, key)
            words = None if node is None or node.empty else text(node)
            problem = None if words is None else url_problem(words)
            if node is not None and words is not None and problem is not None:
                self._say(key, URL, given=problem if hides(words) else f"{shown(node)}, {problem}")
        if not settings.url and settings.mode != "mock" and (settings.integration is None or self._manifest):
            self._say("url", f"url: {URL}", given="no url")

    def _listen(self, settings: UpstreamSettings) -> None:
        try:
            address(settings.listen or "127.0.0.1:0")
        except ValueError:
            self._say("listen", ADDRESS)

    def _inject(self, settings: UpstreamSettings) -> None:
        taken = dict.fromkeys(filled_by(deep(self._tree, "auth")), "auth")
        for name, words in settings.inject.headers.items():
            self._header("inject.headers", name, words)
            folded = fold(name.encode()).decode()
            if folded in taken:
                place = f"inject.headers.{name}"
                self._complaint_about(
                    place, name, "each header filled once", given=f"a header that {taken[folded]} fills"
                )
            taken[folded] = "another line"
        for name, words in settings.inject.query.items():
            self._template("inject.query", name, words)
            if not name or _CONTROL.search(name):
                self._complaint_about("inject.query", name, "a name without control characters", given=repr(name))

    def _auth(self, settings: UpstreamSettings) -> None:
        auth = settings.auth
        for key, name in secrets_of(auth).items():
            self._secret(f"auth.{key}", name)
        if isinstance(auth, ApiKeyAuth):
            if not auth.headers:
                self._say("auth.headers", 'at least one header: {Name: "{secret}"}', given="none")
            for name, words in auth.headers.items():
                self._header("auth.headers", name, words)
        for problem in auth_problems(auth):
            self._say(f"auth.{problem.key}", problem.allowed, given=problem.given)

    def _header(self, section: str, name: str, words: str) -> None:
        if not injectable(name):
            self._complaint_about(section, name, FREE, given="a name that cannot be injected")
        self._template(section, name, words)

    def _template(self, section: str, name: str, words: str) -> None:
        if _CONTROL.search(words):
            self._complaint_about(
                section, name, "one line without control characters", given="text with a control character"
            )
        template = Template(words)
        if template.stray:
            allowed = "{name} for a secret, {{ and }} for braces themselves"
            self._complaint_about(section, name, allowed, given="a brace that is never closed or opened")
        for secret in template.names:
            if secret not in self._known:
                meant = near(secret, self._known)
                self._complaint_about(
                    section, name, self._secrets(), given="a template over a secret that is not configured", meant=meant
                )

    def _complaint_about(self, section: str, name: str, allowed: str, *, given: str, meant: str = "") -> None:
        place = deep(self._tree, *section.split("."), name) or nearest(self._tree, *section.split("."))
        self._complaints.add(place, allowed, given=given, meant=meant)

    def _secret(self, path: str, name: str) -> None:
        if name not in self._known:
            given = "a name that is not under secrets (text that is not shown)"
            self._say(path, self._secrets(), given=given, meant=near(name, self._known))

    def _secrets(self) -> str:
        return f"the name of a secret: {', '.join(sorted(self._known)) or 'none is configured'}"

    def _scope(self, settings: UpstreamSettings) -> None:
        if settings.scope is None:
            return
        for key in ("allow", "deny"):
            for node in _listed(deep(self._tree, "scope", key)):
                entry = node.content if isinstance(node.content, str) else ""
                listed = key == "allow" and self._manifest is not None and bool(self._manifest.scope.used)
                if not _is_entry(entry) and not (entry == "preset" and listed):
                    preset = ", or preset" if listed else ""
                    self._complaints.add(node, f"METHOD /path or * /path; * is one segment, ** only at the end{preset}")

    def _retry(self, settings: UpstreamSettings) -> None:
        backoff, idempotency = settings.retry.backoff, settings.retry.idempotency
        if backoff.base > backoff.max:
            self._say("retry.backoff", "base up to max", given="a base above max")
        if idempotency.header is not None and not TOKEN.fullmatch(idempotency.header):
            self._say("retry.idempotency.header", "a header name, or none")
        if idempotency.json is not None and not idempotency.json.startswith("/"):
            self._say("retry.idempotency.json", "a JSON pointer such as /idempotency_key")
        if idempotency.json is not None and (idempotency.header is not None or idempotency.generate):
            self._say("retry.idempotency", "header and generate, or json alone", given="json and another")
        if idempotency.generate and idempotency.header is None and idempotency.json is None:
            self._say("retry.idempotency.generate", "true only with a header", given="true without a header")

    def _errors(self, settings: UpstreamSettings) -> None:
        if settings.errors.style == "native" and settings.native is None and not self._unread_preset(settings):
            self._say("errors.style", "problem; native only with an integration that has its own error shape")

    def _unread_preset(self, settings: UpstreamSettings) -> bool:
        return settings.integration is not None and self._manifest is None

    def _tls(self, settings: UpstreamSettings) -> None:
        for key in ("ca", "cert", "key"):
            path = getattr(settings.tls, key)
            if path is not None and not _readable(path):
                self._say(f"tls.{key}", "a file that can be read", given="a path where there is none")
        if settings.tls.key is not None and settings.tls.cert is None:
            self._say("tls.key", "key only together with cert", given="key without cert")

    def _egress(self, settings: UpstreamSettings) -> None:
        for place, block in enumerate(settings.egress.allow):
            try:
                ip_network(block)
            except ValueError:
                node = _listed(deep(self._tree, "egress", "allow"))[place]
                self._complaints.add(node, "a CIDR block such as 10.0.0.0/8, no bits set beyond its prefix")

    def _faults(self, settings: UpstreamSettings) -> None:
        nodes = _listed(deep(self._tree, "faults"))
        for fault, node in zip(settings.faults or (), nodes, strict=True):
            complain_of_fault(self._complaints, node, fault)

    def _fallback(self, settings: UpstreamSettings) -> None:
        fallback = settings.fallback
        if fallback is None:
            return
        if fallback.status is None and fallback.stale is None:
            self._say("fallback", "a status, or stale", given="neither")
        if fallback.status is not None and not 200 <= fallback.status <= 599:
            self._say("fallback.status", "a status from 200 to 599")
        if fallback.status is None and (fallback.body is not None or fallback.headers):
            self._say("fallback", "headers and body only with a status", given="no status")
        for allowed, given in field_problems(fallback.headers):
            self._say("fallback.headers", allowed, given=given)


def complain_of_fault(complaints: Complaints, node: Node, fault: FaultSettings) -> None:
    """Says each thing that is wrong with a fault whose types are right. `node`: what it was read from."""
    if not _is_entry(fault.match):
        complaints.add(nearest(node, "match"), "a match such as POST /v1/*; * is one segment, ** only at the end")
    if fault.status is not None and not 200 <= fault.status <= 599:
        complaints.add(nearest(node, "status"), "a status from 200 to 599")
    for allowed, given in _fault_problems(fault):
        complaints.add(node, allowed, given=given)


def _fault_problems(fault: FaultSettings) -> Iterator[tuple[str, str]]:
    """(allowed, given) for keys that do not go together."""
    if fault.delay is None and fault.status is None and not fault.reset:
        yield "delay, status or reset: true", "none of them"
    if fault.status is not None and fault.reset:
        yield "status or reset", "both status and reset"
    if fault.headers and fault.status is None:
        yield "headers only with a status", "headers without one"
    yield from field_problems(fault.headers)


def field_problems(fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(allowed, given) for header fields that cannot go into an answer."""
    for name, value in fields.items():
        if not injectable(name):
            yield FREE, "a name that cannot be set"
        elif _CONTROL.search(value):
            yield "one line without control characters", "text with a control character"


def _listed(node: Node | None) -> list[Node]:
    return node.content if node is not None and isinstance(node.content, list) else []


def _is_entry(entry: str) -> bool:
    return ENTRY.fullmatch(entry) is not None and "**" not in entry[:-2]


def _readable(path: str) -> bool:
    try:
        with Path(path).open("rb"):
            return True
    except OSError:
        return False
