"""One webhook: a raw request in, an answer out, and in between the order of checks of `webhooks.md` §2.1.

The first check that fails decides. The one thing a reader would get wrong: the body is read before the signature's
header is looked at, so a body that is too large or too slow is told so whatever it is signed with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proxy.config.schema import WebhookSettings
from proxy.errors import Refusal
from proxy.events import Events
from proxy.model import Request, Response
from proxy.rules.credentials import Secret
from proxy.rules.handshakes import HANDSHAKES, BadHandshake, Handshake, Ours
from proxy.rules.incoming import Incoming
from proxy.rules.rate_limit import Gcra
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import NamedKey, Rejected, SecretUnusable
from proxy.timing import Clock
from proxy.webhooks.accept import Acceptance, Proven
from proxy.webhooks.answers import RETRY_AFTER, Refused, answer, refuse, retry_after
from proxy.webhooks.fetching import Certificates, Fetch, FetchFailed, nothing_is_fetched
from proxy.webhooks.intake import Full, Intake
from proxy.webhooks.keeping import Keeping
from proxy.webhooks.refused import RefusedRequest, RefusedRequests

OUTCOMES = {"request_too_large": "too_large", "request_timeout": "timeout"}  # of a `Refusal`; others keep their code


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all webhooks of a program share."""

    secret: Callable[[str], Secret | None]  # None: it cannot be read
    intake: Intake
    keeping: Keeping
    refused: RefusedRequests
    events: Events
    clock: Clock
    fetch: Fetch = nothing_is_fetched


class Receiver:
    """Answers every request for one path. Raises `ValueError` at once for settings that cannot be served."""

    def __init__(self, settings: WebhookSettings, accept: Acceptance, around: Surroundings) -> None:
        verify = settings.verify
        self._name = settings.name
        self._scheme = compile_scheme(verify, settings.public_url)
        self._names = verify.secrets
        self._verify_token = verify.options.get("verify_token")
        self._handshake = None if verify.handshake is None else HANDSHAKES[verify.handshake]
        self._limiter = None if settings.rate_limit is None else Gcra(settings.rate_limit)
        self._most = settings.max_body
        self._stores = settings.deliver.url is None or settings.deliver.mode != "sync"
        self._accept = accept
        self._around = around
        self._certificates = Certificates(around.fetch, around.clock.now)

    async def __call__(self, request: Request) -> Response:
        """The answer to a request that has come as far as its head. Raises nothing but `ClientGone`."""
        came = _Came()
        try:
            return await self._receive(request, came)
        except Refused as refused:
            self._ended(refused.outcome, refused.secret, refused.detail)
            self._around.refused.add(self._kept(request, came.body, refused))
            return answer(refused.status, headers=refused.headers, made_here=refused.outcome)

    async def _receive(self, request: Request, came: _Came) -> Response:
        if request.method not in self._scheme.methods:
            self._check_method(request)
        secrets = self._secrets()
        keys = self._keys(secrets)
        self._check_room()
        intake = self._around.intake
        try:
            intake.take()
        except Full:
            refuse(503, "overloaded", "every place for a body is taken", self._told())
        try:
            if self._limiter is not None:
                self._check_rate(self._limiter)
            came.body = await self._body(request)
            incoming = Incoming(request.method, request.target, request.headers, came.body)
            return await self._judge(request, incoming, secrets, keys)
        finally:
            intake.give_back()

    async def _judge(
        self, request: Request, incoming: Incoming, secrets: Sequence[Secret], keys: Sequence[NamedKey]
    ) -> Response:
        handshake = self._handshake
        if handshake is not None and not handshake.signed and _is(handshake, incoming):
            return await self._shake(handshake, incoming, secrets)
        certificate = self._scheme.certificate_url(incoming)
        if certificate is not None:
            keys = self._keys([await self._fetched(certificate)])
        wall = self._around.clock.wall()
        found = self._scheme.verify(incoming, keys, wall)
        if isinstance(found, Rejected):
            refuse(found.status, found.outcome, found.detail)
        if handshake is not None and _is(handshake, incoming):  # one that is not signed was answered above
            return await self._shake(handshake, incoming, [one for one in secrets if one.name == found.secret])
        naming = self._scheme.naming(incoming)
        return await self._accept(Proven(request, incoming, naming, found.secret, wall, found.nonce))

    def _check_method(self, request: Request) -> None:
        if self._handshake is not None and _is(self._handshake, _without_body(request)):
            return
        allowed = ", ".join(self._scheme.methods).encode()
        refuse(
            405, "method_not_allowed", f"the method is none of {', '.join(self._scheme.methods)}", (b"Allow", allowed)
        )

    def _secrets(self) -> list[Secret]:
        found = [secret for name in self._names if (secret := self._around.secret(name)) is not None]
        if len(found) < len(self._names):
            missing = set(self._names) - {secret.name for secret in found}
            refuse(503, "secret_unavailable", f"cannot be read: {', '.join(sorted(missing))}", RETRY_AFTER)
        return found

    def _keys(self, secrets: Sequence[Secret]) -> list[NamedKey]:
        try:
            return self._scheme.keys(secrets)
        except SecretUnusable as error:
            refuse(503, "secret_unavailable", str(error), RETRY_AFTER)

    async def _fetched(self, certificate: str) -> Secret:
        try:
            found = await self._certificates.get(certificate)
        except FetchFailed as error:
            refuse(503, "secret_unavailable", f"the signer's certificate: {error}", RETRY_AFTER)
        if found is None:
            refuse(401, "bad_certificate_url", "there is no certificate at that address")
        return Secret("certificate", found)

    def _check_room(self) -> None:
        if self._stores and self._around.keeping.full:
            refuse(503, "overloaded", "inbox.max_pending is reached", self._told())

    def _told(self) -> tuple[bytes, bytes]:
        return retry_after(self._around.keeping.told_wait)

    def _check_rate(self, limiter: Gcra) -> None:
        now = self._around.clock.now()
        if limiter.take(now, now).at > now:
            refuse(429, "rate_limited", "over rate_limit", self._told())

    async def _body(self, request: Request) -> bytes:
        try:
            return await self._around.intake.read(request.body, self._most)
        except Refusal as error:
            status = {"request_too_large": 413, "request_timeout": 408}.get(error.code, 400)
            refuse(status, OUTCOMES.get(error.code, error.code), error.detail)

    async def _shake(self, handshake: Handshake, incoming: Incoming, secrets: Sequence[Secret]) -> Response:
        secret = secrets[0].reveal() if secrets else b""  # SNS has none, and its handshake needs none
        try:
            reply = handshake.reply(incoming, Ours(secret, self._token()))
        except BadHandshake as error:
            refuse(error.status, error.outcome, str(error))
        if reply.visit is not None:
            await self._visit(reply.visit)
        self._ended("handshake", None, "")
        headers = ((b"Content-Type", reply.content_type), (b"X-Content-Type-Options", b"nosniff"))
        return answer(reply.status, reply.body, headers, made_here="handshake")

    async def _visit(self, url: str) -> None:
        try:
            status = (await self._around.fetch(url)).status
        except FetchFailed as error:
            refuse(503, "bad_handshake", f"the address that confirms it: {error}", RETRY_AFTER)
        if not 200 <= status < 300:
            refuse(503, "bad_handshake", f"the address that confirms it answered {status}", RETRY_AFTER)

    def _token(self) -> bytes | None:
        name = self._verify_token
        secret = self._around.secret(name) if isinstance(name, str) else None
        return None if secret is None else secret.reveal()

    def _kept(self, request: Request, body: bytes | None, refused: Refused) -> RefusedRequest:
        return RefusedRequest(
            id=request.call.id,
            webhook=self._name,
            at=self._around.clock.wall(),
            outcome=refused.outcome,
            status=refused.status,
            detail=refused.detail,
            method=request.method,
            target=request.target,
            headers=request.headers,
            body=body or b"",
            length=None if body is None else len(body),
        )

    def _ended(self, outcome: str, secret: str | None, detail: str) -> None:
        self._around.events.webhook_ended(self._name, outcome, secret, detail)


class _Came:
    """How far a request has come: its body, None until that was read."""

    __slots__ = ("body",)

    def __init__(self) -> None:
        self.body: bytes | None = None


def _is(handshake: Handshake, incoming: Incoming) -> bool:
    return handshake.method == incoming.method and handshake.called(incoming)


def _without_body(request: Request) -> Incoming:
    return Incoming(request.method, request.target, request.headers, b"")
