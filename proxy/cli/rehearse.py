"""`explain UPSTREAM METHOD PATH`: what would happen to a request, said by the rules that would decide it.

The one thing a reader would get wrong: this is the program's own front door with nothing behind it. No secret is read
(each stands as its name in braces), nothing is sent, and the state of a running program is not asked.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from proxy.body import Whole
from proxy.chain import credential_of
from proxy.config.complaints import ConfigurationError, near
from proxy.config.load import load
from proxy.config.schema import Settings
from proxy.config.variables import by_name
from proxy.events import Events
from proxy.gateway import Gateway
from proxy.model import Call, Headers, Request, Response
from proxy.pipeline import Handler, Stage, onion
from proxy.rules.answer import ErrorSettings
from proxy.rules.auth_settings import AwsSigV4Auth, BasicAuth, OAuth2Auth, WsSecurityAuth, fields_of
from proxy.rules.callers import Callers, Hosts
from proxy.rules.credentials import InjectSettings, Secret
from proxy.rules.retry import IDEMPOTENT, idempotent, key_of
from proxy.rules.safe_operations import safe_operations
from proxy.stages.admission import AdmissionStage
from proxy.stages.authenticate import AuthenticateStage
from proxy.upstream import Snapshot, Upstream, UpstreamSettings, UpstreamState, scope_of

DONE, WRONG = 0, 2  # exit codes

Facts = dict[str, Any]  # what is said -> text, or a list of lines


def rehearse(
    path: Path, upstream: str, method: str, target: str, fields: Sequence[str] = (), *, json_output: bool = False
) -> int:
    """Prints what would happen to the request. `fields`: its headers, `Name: value`. Returns an exit code."""
    try:
        settings = load(path, os.environ)
        headers = tuple(map(_field, fields))
    except (ConfigurationError, ValueError) as error:
        return _wrong(str(error))
    if upstream not in settings.upstreams:
        meant = near(upstream, list(settings.upstreams))
        return _wrong(f"no upstream is called {upstream}" + (f"; did you mean {meant}?" if meant else ""))
    if method in ("CONNECT", "TRACE") or not method.isalpha():
        return _wrong("METHOD is a method of HTTP; CONNECT and TRACE are not served")
    if not target.startswith("/") or not target.isascii() or not target.isprintable() or " " in target:
        return _wrong("PATH begins with / and is written as it would be sent")
    facts = asyncio.run(story(_as_written(settings, upstream), method, target, headers))
    print(json.dumps(facts, indent=2) if json_output else "\n".join(_lines(facts)))
    return DONE


def _as_written(settings: Settings, name: str) -> UpstreamSettings:
    """The upstream's settings, with the file's `${VAR}` in what is injected: that may have brought a secret along."""
    upstream = settings.upstreams[name]

    def restored(part: str, templates: Mapping[str, str]) -> dict[str, str]:
        written = (settings.written.get(f"upstreams.{name}.inject.{part}.{key}") for key in templates)
        files = zip(templates.items(), written, strict=True)
        return {key: text if said is None else by_name(said) for (key, text), said in files}

    inject = upstream.inject
    return replace(
        upstream,
        inject=InjectSettings(headers=restored("headers", inject.headers), query=restored("query", inject.query)),
    )


async def story(settings: UpstreamSettings, method: str, target: str, headers: Headers = ()) -> Facts:
    """What would happen to this request at the upstream of these settings."""
    sent: list[Request] = []

    async def remember(request: Request) -> Response:
        sent.append(request)
        return Response(200, b"OK", (), Whole(), 0)

    asked = Request(
        method,
        f"/{settings.name}{target}".encode(),
        (*headers, (b"Host", b"localhost")),
        None,
        Call(id="rehearsal", started=0.0),
    )
    answer = await _front_door(settings, remember)(asked)
    facts: Facts = {"request": f"{method} {target}", "upstream": settings.name, "mode": settings.mode}
    if not sent:
        refusal = json.loads(await answer.body.read())
        return {**facts, "verdict": f"refused: {refusal['code']}: {refusal['detail']}"}
    facts["verdict"] = "in scope" if settings.scope else "admitted: there is no scope"
    facts["goes_to"] = _destination(settings, sent[0])
    facts["taken_off"] = [name.decode() for name, value in headers if (name, value) not in sent[0].headers]
    facts["added"] = [_shown(settings, field) for field in sent[0].headers if field not in headers]
    facts["added"] += _signed(settings, sent[0])
    return facts | _limits(settings, sent[0])


def _front_door(settings: UpstreamSettings, behind: Handler) -> Handler:
    """The gateway, and of the stages those that look at the request alone; refusals come as problem documents."""
    settings = replace(settings, errors=ErrorSettings())
    authenticate = AuthenticateStage(
        credential_of(settings),
        _Names(),
        strip=[name for name in settings.strip if not name.startswith("form:")],
        headers=settings.headers,
        withheld=_withheld(settings),
    )
    stages: list[Stage] = [AdmissionStage(scope_of(settings), settings.body), authenticate]
    upstream = Upstream(settings, UpstreamState(settings), onion(stages, behind))
    snapshot = Snapshot({settings.name.encode(): upstream}, Hosts(()), Callers())
    return Gateway(snapshot, Events(), lambda: 0.0)


class _Names:
    """Secrets whose values are their names, as a configuration writes them."""

    version = 0

    def read(self, name: str) -> Secret:
        return Secret(name, b"{%b}" % name.encode())


def _destination(settings: UpstreamSettings, request: Request) -> str:
    target = request.target.decode().replace("%7B", "{").replace("%7D", "}").replace("%24{", "${")  # names in a query
    if settings.mode == "mock":
        return f"the built-in fake of {settings.integration}: {request.method} {request.place.decode()}"
    url = settings.url if request.origin is None else settings.origins[request.origin].url
    return f"{request.method} {url.rstrip('/')}{target}"


def _shown(settings: UpstreamSettings, field: tuple[bytes, bytes]) -> str:
    if isinstance(settings.auth, BasicAuth) and field[0] == b"Authorization":
        name = settings.auth.username
        user = settings.auth.user if name is None else f"{{{name}}}"
        return f"Authorization: Basic base64({user}:{{{settings.auth.password}}})"
    return b": ".join(field).decode()


def _signed(settings: UpstreamSettings, request: Request) -> list[str]:
    """What is computed from the whole request when it is sent, and is therefore only named here."""
    auth = settings.auth
    if settings.mode == "mock" or isinstance(auth, OAuth2Auth) or request.origin in _withheld(settings):
        return []
    if isinstance(auth, WsSecurityAuth):
        return ["wsse:Security in the header of the SOAP body"]
    without_session = isinstance(auth, AwsSigV4Auth) and auth.session_token is None
    names = [name.decode() for name in fields_of(auth) if not (without_session and name == b"X-Amz-Security-Token")]
    return [f"{name}: computed by {auth.type}" for name in names] if auth else []


def _withheld(settings: UpstreamSettings) -> frozenset[str]:
    return frozenset(name for name, origin in settings.origins.items() if not origin.inject)


def _limits(settings: UpstreamSettings, request: Request) -> Facts:
    timeout, breaker, retry = settings.timeout, settings.breaker, settings.retry
    times = ("connect", "first_byte", "idle", "total")
    rule = "off"
    if breaker:
        rule = (
            f"opens after {breaker.failure_threshold} failures in a row, or {breaker.failure_rate:.0%} of at least "
            f"{breaker.min_requests} in {breaker.window:g} s; tried again after {breaker.recovery_timeout:g} s"
        )
    return {
        "repeat": _repeat(settings, request),
        "attempts": retry.attempts if request.call.wants_retry else 1,
        "timeouts": ", ".join(f"{name} {getattr(timeout, name):g} s" for name in times),
        "breaker": rule,
    }


def _repeat(settings: UpstreamSettings, request: Request) -> str:
    """Whether the request may be repeated after it reached the provider, and what says so."""
    keys, safe = settings.retry.idempotency, safe_operations(settings.safe)
    if not request.call.wants_retry:
        return "off: Outrigger-Retry: off"
    if idempotent(request, keys, safe):
        reasons = (
            (request.method in IDEMPOTENT, f"{request.method} is idempotent"),
            (request.call.vouched, "Outrigger-Idempotent: true"),
            (safe(request), f"{settings.integration} names this operation as safe"),
            (keys.header and key_of(request.headers, keys.header.lower().encode()), f"it carries {keys.header}"),
        )
        return "safe: " + next(reason for holds, reason in reasons if holds)
    if keys.header and keys.generate and request.method in ("POST", "PATCH"):
        return f"safe: {keys.header} is added"
    wanted = [f"the header {keys.header}"] if keys.header else []
    wanted += [f"a JSON body with {keys.json}"] if keys.json else []
    return f"not safe: {request.method} needs {' or '.join([*wanted, 'Outrigger-Idempotent: true'])}"


def _field(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError("a header is written 'Name: value'")
    return name.encode(), value.strip().encode()


def _lines(facts: Facts) -> Iterable[str]:
    for name, said in facts.items():
        for line in said if isinstance(said, list) else [said]:
            yield f"{name.replace('_', ' '):<10} {line}"


def _wrong(why: str) -> int:
    print(why, file=sys.stderr)
    return WRONG
