"""One webhook: a raw request in, an answer out, and in between the order of checks of `webhooks.md` §2.1.

The first check that fails decides. The one thing a reader would get wrong: the body is read before the signature's
header is looked at, so a body that is too large or too slow is told so whatever it is signed with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn

from proxy.body import Whole
from proxy.config.schema import WebhookSettings
from proxy.errors import Refusal
from proxy.events import Events
from proxy.model import Headers, Request, Response
from proxy.rules.credentials import Secret
from proxy.rules.handshakes import HANDSHAKES, BadHandshake, Handshake, Ours
from proxy.rules.incoming import Incoming
from proxy.rules.rate_limit import Gcra
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import NamedKey, Rejected, SecretUnusable
from proxy.timing import Clock
from proxy.webhooks.forward import AppUnavailable, Forward, stamps
from proxy.webhooks.intake import Full, Intake

RETRY_AFTER = (b"Retry-After", b"5")
OUTCOMES = {"request_too_large": "too_large", "request_timeout": "timeout"}  # of a `Refusal`; others keep their code


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all webhooks of a program share."""

    secret: Callable[[str], Secret | None]  # None: it cannot be read
    intake: Intake
    events: Events
    clock: Clock


class Receiver:
    """Answers every request for one path. Raises `ValueError` at once for settings that cannot be served."""

    def __init__(self, settings: WebhookSettings, forward: Forward, around: Surroundings) -> None:
        verify = settings.verify
        self._name = settings.name
        self._scheme = compile_scheme(verify, settings.public_url)
        self._names = verify.secrets
        self._verify_token = verify.options.get("verify_token")
        self._handshake = None if verify.handshake is None else HANDSHAKES[verify.handshake]
        self._limiter = None if settings.rate_limit is None else Gcra(settings.rate_limit)
        self._most = settings.max_body
        self._forward = forward
        self._around = around

    async def __call__(self, request: Request) -> Response:
        """The answer to a request that has come as far as its head. Raises nothing but `ClientGone`."""
        try:
            return await self._receive(request)
        except _Refused as refused:
            self._ended(refused.outcome, refused.secret, refused.detail)
            return answer(refused.status, headers=refused.headers, made_here=refused.outcome)

    async def _receive(self, request: Request) -> Response:
        self._check_method(request)
        secrets = self._secrets()
        keys = self._keys(secrets)
        try:
            with self._around.intake.place():
                self._check_rate()
                body = await self._body(request)
                incoming = Incoming(request.method, request.target, request.headers, body)
                return await self._judge(request, incoming, secrets, keys)
        except Full:
            refuse(503, "overloaded", "every place for a body is taken", RETRY_AFTER)

    async def _judge(
        self, request: Request, incoming: Incoming, secrets: Sequence[Secret], keys: Sequence[NamedKey]
    ) -> Response:
        handshake = self._handshake
        if handshake is not None and not handshake.signed and _is(handshake, incoming):
            return self._shake(handshake, incoming, secrets)
        wall = self._around.clock.wall()
        found = self._scheme.verify(incoming, keys, wall)
        if isinstance(found, Rejected):
            refuse(found.status, found.outcome, found.detail)
        if handshake is not None and _is(handshake, incoming):  # one that is not signed was answered above
            return self._shake(handshake, incoming, secrets)
        fields = stamps(self._name, incoming, self._scheme.naming(incoming), found.secret, wall)
        return await self._pass_on(request, incoming, fields, found.secret)

    async def _pass_on(self, request: Request, incoming: Incoming, fields: Headers, secret: str) -> Response:
        events = self._around.events
        try:
            response = await self._forward(request, incoming, fields)
        except AppUnavailable as error:
            events.delivery_ended(self._name, "failed")
            raise _Refused(503, "app_unavailable", str(error), (RETRY_AFTER,), secret) from None
        events.delivery_ended(self._name, "delivered" if 200 <= response.status < 300 else "failed")
        self._ended("accepted", secret, f"the application said {response.status}")
        return response

    def _check_method(self, request: Request) -> None:
        if request.method in self._scheme.methods:
            return
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

    def _check_rate(self) -> None:
        if self._limiter is None:
            return
        now = self._around.clock.now()
        if self._limiter.take(now, now).at > now:
            refuse(429, "rate_limited", "over rate_limit", RETRY_AFTER)

    async def _body(self, request: Request) -> bytes:
        try:
            return await self._around.intake.read(request.body, self._most)
        except Refusal as error:
            status = {"request_too_large": 413, "request_timeout": 408}.get(error.code, 400)
            refuse(status, OUTCOMES.get(error.code, error.code), error.detail)

    def _shake(self, handshake: Handshake, incoming: Incoming, secrets: Sequence[Secret]) -> Response:
        try:
            reply = handshake.reply(incoming, Ours(secrets[0].reveal(), self._token()))
        except BadHandshake as error:
            refuse(error.status, "bad_handshake", str(error))
        self._ended("handshake", None, "")
        headers = ((b"Content-Type", reply.content_type), (b"X-Content-Type-Options", b"nosniff"))
        return answer(reply.status, reply.body, headers, made_here="handshake")

    def _token(self) -> bytes | None:
        name = self._verify_token
        secret = self._around.secret(name) if isinstance(name, str) else None
        return None if secret is None else secret.reveal()

    def _ended(self, outcome: str, secret: str | None, detail: str) -> None:
        self._around.events.webhook_ended(self._name, outcome, secret, detail)


class _Refused(Exception):
    def __init__(
        self, status: int, outcome: str, detail: str, headers: Headers = (), secret: str | None = None
    ) -> None:
        super().__init__(outcome)
        self.status = status
        self.outcome = outcome
        self.detail = detail
        self.headers = headers
        self.secret = secret


def refuse(status: int, outcome: str, detail: str, *headers: tuple[bytes, bytes]) -> NoReturn:
    """Ends a request; its sender learns the status only."""
    raise _Refused(status, outcome, detail, headers)


def answer(status: int, body: bytes = b"", headers: Headers = (), *, made_here: str) -> Response:
    """An answer of the listener's own. Without a body it says nothing but its status."""
    reason = HTTPStatus(status).phrase.encode()
    return Response(status, reason, headers, Whole(body), len(body), made_here=made_here)


def _is(handshake: Handshake, incoming: Incoming) -> bool:
    return handshake.method == incoming.method and handshake.called(incoming)


def _without_body(request: Request) -> Incoming:
    return Incoming(request.method, request.target, request.headers, b"")
