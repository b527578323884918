"""Access tokens: asked for when they are first needed, renewed ahead of their end, one request at a time.

The one thing a reader would get wrong: a failing endpoint takes nothing away. The last good token serves until its own
end; only then, or when the upstream itself refused it, do calls go without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from proxy.body import whole_body
from proxy.errors import ProxyError, Refusal
from proxy.events import Events
from proxy.model import Call, Request
from proxy.pipeline import Handler
from proxy.rules.auth_settings import OAuth2Auth
from proxy.rules.credentials import TOKEN, Secret
from proxy.rules.oauth2 import (
    FORCED_APART,
    Denied,
    Granted,
    GrantRequest,
    Life,
    grant_request,
    granted,
    life,
    pause_after,
)
from proxy.stages.authenticate import SecretReader
from proxy.timing import Alarms, Clock

LARGEST = 64 << 10  # bytes of an endpoint's answer
PATIENCE = 10.0  # seconds for one request to the endpoint


class Tools(NamedTuple):
    """What all tokens of a program share. `unique`: an id that was never given before."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    alarms: Alarms
    events: Events
    learn: Callable[[str, bytes], None]
    unique: Callable[[], str]


class Tokens:
    """The token of one upstream, and who waits for it. `version` rises with every token and every secret.

    `endpoint`, set before the first call, posts to the token endpoint; a reload replaces it, and the token stays.
    """

    def __init__(self, name: str, settings: OAuth2Auth, secrets: SecretReader, tools: Tools) -> None:
        self.settings = settings
        self.endpoint: Handler
        self._name = name
        self._secrets = secrets
        self._tools = tools
        self._now = tools.clock.now
        self._token: Secret | None = None
        self._generation = 0
        self._life = Life(0.0, 0.0)
        self._refresh_token: bytes | None = None  # rotated; only here, never written down
        self._basic = settings.client_auth == "basic"
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._again_at = 0.0
        self._forced_at = float("-inf")
        self._suspect = False  # an upstream refused the token of now, and another one is on its way
        self._seen = secrets.version

    @property
    def version(self) -> int:
        return self._generation + self._secrets.version

    def read(self, name: str) -> Secret:
        """The token under its own name, else a secret. Raises `Refusal` `secret_unavailable`."""
        if name != TOKEN:
            return self._secrets.read(name)
        if self._token is None or self._now() >= self._life.ends_at:
            raise self._missing()
        return self._token

    async def ready(self, call: Call) -> int:
        """Waits until there is a token to send, and says which. Raises `Refusal` where there will be none.

        While another token is on its way because an upstream refused the one of now, all wait for it; if none comes,
        only the call that was refused ends with that.
        """
        now = self._now()
        usable = self._token is not None and now < self._life.ends_at
        refused = call.token == -self._generation
        if not usable or refused or self._suspect:
            await self._wait(call.deadline)
            if self._token is None or self._now() >= self._life.ends_at or call.token == -self._generation:
                raise self._missing()
        elif now >= self._life.renew_at:
            self._begin()
        return self._generation

    def poll(self) -> None:
        """Renews a token that is in use ahead of its end; called once a second."""
        if self._token is not None and self._now() >= self._life.renew_at:
            self._begin()

    def renew(self, call: Call) -> bool:
        """Whether the next attempt of `call`, refused with 401, would carry another token: one refresh is begun.

        At most once in 30 s; a call that was refused with an older token has its other one already.
        """
        if call.token != self._generation:
            return True
        if self._task is None:
            now = self._now()
            if now - self._forced_at < FORCED_APART:
                return False
            self._forced_at, self._again_at, self._suspect = now, 0.0, True
            self._begin()
        call.token = -call.token  # the next attempt waits for another one
        return True

    def close(self) -> None:
        """Asks for nothing more."""
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        if self._secrets.version != self._seen:  # another client secret may be all that was needed
            self._seen, self._again_at = self._secrets.version, 0.0
        if self._task is None and self._now() >= self._again_at:
            self._task = self._tools.loop.create_task(self._refresh())

    async def _wait(self, deadline: float) -> None:
        self._begin()
        if self._task is None:
            return
        try:
            with self._tools.alarms.at(deadline):
                await asyncio.wait([self._task])  # whoever gives up leaves it to the others
        except TimeoutError:
            raise Refusal("deadline_exceeded", "The time allowed for this call passed before a token came.") from None

    async def _refresh(self) -> None:
        try:
            await self._renewed()
        except Denied as denied:
            self._failed(denied.reason)
        except ProxyError as error:
            known = error.code == "secret_unavailable"
            self._failed("a secret is missing" if known else f"the token endpoint: {error.code}")
        except TimeoutError:
            self._failed("the token endpoint did not answer in time")
        except Exception as error:  # noqa: BLE001 - whoever waits must be told something
            self._tools.events.bug("oauth2", error)
            self._failed("a bug")
        finally:
            self._task, self._suspect = None, False

    async def _renewed(self) -> None:
        asked_at = self._now()
        try:
            found = await self._asked(basic=self._basic)
        except Denied as denied:
            other = self.settings.client_auth == "auto" and self.settings.client_secret is not None
            if not denied.client or not other:
                raise
            found = await self._asked(basic=not self._basic)
            self._basic = not self._basic
        self._tools.learn(f"{self._name} {TOKEN}", found.token)
        if found.refresh_token is not None:
            self._tools.learn(f"{self._name} refresh token", found.refresh_token)
            self._refresh_token = found.refresh_token
        self._token = Secret(f"{self._name} {TOKEN}", found.token)
        self._generation += 1
        self._life = life(asked_at, found.expires_in)
        self._failures, self._again_at = 0, 0.0
        self._tools.events.secret_read(f"{self._name} {TOKEN}")

    async def _asked(self, *, basic: bool) -> Granted:
        wanted = grant_request(
            self.settings,
            self._secrets.read,
            self._tools.clock.wall(),
            refresh=self._refresh_token,
            basic=basic,
            unique=self._tools.unique(),
        )
        with self._tools.alarms.at(self._now() + PATIENCE):
            return await self._posted(wanted)

    async def _posted(self, wanted: GrantRequest) -> Granted:
        body = whole_body(wanted.body)
        call = Call(f"{self._name}-token", self._now())
        response = await self.endpoint(Request("POST", b"", wanted.headers, body, call, fresh=True))
        whole = await response.keep(LARGEST)
        if whole is None:
            raise Denied("the token endpoint's answer is too long")
        return granted(whole.status, await whole.body.read())

    def _failed(self, reason: str) -> None:
        self._failures += 1
        self._again_at = self._now() + pause_after(self._failures)
        self._tools.events.secret_failed(f"{self._name} {TOKEN}", reason)

    def _missing(self) -> Refusal:
        return Refusal("secret_unavailable", "There is no access token for this upstream; the log says why.")
