"""One upstream's stages, in the order of a request, each with why it stands at its place.

The one thing a reader would get wrong: what is switched off is not in the list at all, so it costs a call nothing.
"""

from __future__ import annotations

from functools import partial
from os import urandom
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy.edges.debug_store import DebugStore
from proxy.parts import Parts, tokens_of
from proxy.pipeline import Stage
from proxy.rules.credentials import Credential, InjectSettings
from proxy.rules.faults import Faults
from proxy.rules.limits import Limits
from proxy.rules.rewriting import Rewriting
from proxy.rules.safe_operations import safe_operations
from proxy.rules.signers import signer_of
from proxy.stages.admission import AdmissionStage
from proxy.stages.attempt_timeout import AttemptTimeoutStage
from proxy.stages.authenticate import AuthenticateStage
from proxy.stages.breaker import BreakerStage
from proxy.stages.capture import CaptureStage
from proxy.stages.concurrency import ConcurrencyStage
from proxy.stages.cooldown import CooldownStage
from proxy.stages.deadline import DeadlineStage
from proxy.stages.fallback import FallbackStage
from proxy.stages.faults import FaultsStage
from proxy.stages.form_fields import FormFieldsStage
from proxy.stages.judge import JudgeStage
from proxy.stages.observe import ObserveStage
from proxy.stages.rate_limit import RateLimitStage
from proxy.stages.retry import RetryStage
from proxy.stages.rewriting import RewritingStage
from proxy.stages.sample import SampleStage
from proxy.stages.sign import SignStage
from proxy.stages.token import TokenStage
from proxy.upstream import Addresses, UpstreamSettings, UpstreamState, key_of, places_of, scope_of

if TYPE_CHECKING:
    from proxy.rules.classify import Classifier


def stages_for(settings: UpstreamSettings, state: UpstreamState, parts: Parts) -> list[Stage]:
    """The order of a request. What is switched off is not in the list at all."""
    return [
        *around_the_call(settings, parts),
        # outside the breaker: every attempt is evidence, and a breaker that opens ends the loop
        retry_of(settings, state, parts),
        *before_an_attempt(settings, state, parts),
        *of_an_attempt(settings, state, parts),
    ]


def around_the_call(settings: UpstreamSettings, parts: Parts) -> list[Stage]:
    """What sees a call once, however many attempts it takes."""
    name, clock = settings.name, parts.clock
    stages: list[Stage] = []
    if captured(settings, parts):  # before anyone has something to tell
        stages.append(SampleStage(settings.debug.sample, parts.dice))
    # sees the final answer and the whole time, whatever happens inside
    stages.append(ObserveStage(name, clock=clock, events=parts.events, id_headers=settings.request_id))
    if settings.fallback:  # knows what all others came to
        place = f"{name} {settings.url}"
        stages.append(FallbackStage(place, settings.fallback, parts.answers, clock=clock))
    if settings.rewrite:  # the final answer's URLs, once per call
        stages.append(RewritingStage(Rewriting(settings.rewrite), Addresses(settings), alarms=parts.alarms))
    # what is refused must not use up anything
    stages.append(AdmissionStage(scope_of(settings), settings.body))
    # bounds all waits and attempts together
    stages.append(DeadlineStage(settings.timeout.total))
    return stages


def retry_of(settings: UpstreamSettings, state: UpstreamState, parts: Parts) -> RetryStage:
    """The loop over attempts; it also gives a stale connection its second try, so it is never left out."""
    names, tokens = settings.secret_names, tokens_of(settings, parts)
    read_again = partial(parts.secrets.renew, names) if names else None
    return RetryStage(
        settings.name,
        settings.retry,
        settings.timeout.connect,
        state.budget,
        allows=state.breaker.allows if settings.breaker else None,
        safe=safe_operations(settings.safe),
        clock=parts.clock,
        waits=parts.waits,
        alarms=parts.alarms,
        dice=parts.dice,
        events=parts.events,
        renew=tokens.renew if tokens else read_again and (lambda _call: read_again()),
    )


def before_an_attempt(settings: UpstreamSettings, state: UpstreamState, parts: Parts) -> list[Stage]:
    """What may hold an attempt back or refuse it."""
    name, clock, waits, events = settings.name, parts.clock, parts.waits, parts.events
    # "wait" was said to all callers, and to attempts that are about to repeat
    stages: list[Stage] = [
        CooldownStage(
            name, settings.cooldown, state.cooldown, key=key_of(settings), clock=clock, waits=waits, events=events
        )
    ]
    if settings.breaker:  # after cooldown: a call that waited must not use a verdict from before its wait
        stages.append(BreakerStage(name, state.breaker, clock.now, events))
    tokens = tokens_of(settings, parts)
    if tokens:  # before a place is taken or a rate used up
        stages.append(TokenStage(tokens))
    if settings.rate_limit and state.limiter:  # a retry costs quota just as a first attempt does
        stages.append(RateLimitStage(name, settings.rate_limit, state.limiter, clock=clock, waits=waits, events=events))
    # a place is held only while an attempt is in flight
    stages.append(ConcurrencyStage(name, settings.concurrency, state.gate, clock=clock, waits=waits, events=events))
    return stages


def of_an_attempt(settings: UpstreamSettings, state: UpstreamState, parts: Parts) -> list[Stage]:
    """What an attempt is made of, once it has its place."""
    name, clock, timeout, alarms, events = settings.name, parts.clock, settings.timeout, parts.alarms, parts.events
    # starts when there is a place
    stages: list[Stage] = [
        AttemptTimeoutStage(
            name, first_byte=timeout.first_byte, connect=timeout.connect, clock=clock, alarms=alarms, events=events
        )
    ]
    fields = [field.removeprefix("form:") for field in settings.strip if field.startswith("form:")]
    if fields:  # credentials that an SDK puts into its forms
        stages.append(
            FormFieldsStage(fields, idle=timeout.idle, whole=settings.body.replay, clock=clock, alarms=alarms)
        )
    store = captured(settings, parts)
    if store:  # each attempt on its own, before secrets are added
        stages.append(CaptureStage(name, settings.debug, store, clock=clock, hosts=hosts_of(settings)))
    # fresh credentials on every attempt
    stages += credentials_of(settings, parts)
    # reads the answer once; all others read only its verdict
    stages.append(judge_of(settings, state, parts))
    faults = faults_of(settings, parts)
    if faults:  # where the transport would be, so that all others take them for real
        stages.append(FaultsStage(faults, clock=clock, dice=parts.dice))
    return stages


def captured(settings: UpstreamSettings, parts: Parts) -> DebugStore | None:
    """Where raw exchanges of this upstream go; None where nobody asked for them."""
    return parts.store if settings.debug.raw else None


def hosts_of(settings: UpstreamSettings) -> dict[str | None, bytes]:
    """What calls name in `Host`, by further host of the provider; nothing in `mode: mock`, where they go nowhere."""
    urls = {None: settings.url} | {name: origin.url for name, origin in settings.origins.items()}
    return {} if settings.mode == "mock" else {name: urlsplit(url).netloc.encode() for name, url in urls.items()}


def credentials_of(settings: UpstreamSettings, parts: Parts) -> list[Stage]:
    """Credentials and the preset's headers, kept away from hosts that must not see them; signatures after all else."""
    authenticate = AuthenticateStage(
        credential_of(settings),
        tokens_of(settings, parts) or parts.secrets,
        strip=[field for field in settings.strip if not field.startswith("form:")],
        headers=settings.headers,
        withheld=frozenset(name for name, origin in settings.origins.items() if not origin.inject),
    )
    stages: list[Stage] = [authenticate]
    signer = signer_of(settings.auth) if settings.mode != "mock" else None
    if signer:
        stages.append(SignStage(signer, parts.secrets, places_of(settings), wall=parts.clock.wall, noise=urandom))
    return stages


def credential_of(settings: UpstreamSettings) -> Credential:
    """What is added to each attempt; a fake needs no credential and is given none."""
    if settings.mode == "mock":
        return Credential(InjectSettings(), None)
    return Credential(settings.inject, settings.auth, settings.path_params)


def judge_of(settings: UpstreamSettings, state: UpstreamState, parts: Parts) -> JudgeStage:
    """What answers mean, by the table and the integration's rules."""
    return JudgeStage(
        settings.name,
        settings.retry.statuses,
        injects=bool(credential_of(settings)),
        clock=parts.clock,
        events=parts.events,
        secrets=settings.secret_names,
        classifier=classifier_of(settings),
        limits=Limits(settings.limits, state.standing) or None,
        idle=settings.timeout.idle,
    )


def classifier_of(settings: UpstreamSettings) -> Classifier | None:
    """The integration's rules on what answers mean."""
    if not settings.classify:
        return None
    from proxy.rules.classify import Classifier  # noqa: PLC0415 - what reads XML is not loaded where nobody needs it

    return Classifier(settings.classify)


def faults_of(settings: UpstreamSettings, parts: Parts) -> Faults:
    """Those that were asked for while it runs, else the configuration's."""
    return parts.faults.get(settings.name) or Faults(settings.faults or ())
