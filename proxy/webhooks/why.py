"""Asks for a diagnosis of a webhook's request with all that is configured around it, and says it as data.

The one thing a reader would get wrong: the request itself is never shown again, only what the diagnosis says of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from proxy.config.complaints import Complaints
from proxy.config.fill import Filling
from proxy.config.manifest import Presets
from proxy.config.schema import Settings
from proxy.config.webhooks import preset_rows
from proxy.rules.credentials import Secret
from proxy.rules.diagnosis.case import ABOUT_TIME, Asked, signed_time
from proxy.rules.diagnosis.diagnose import Diagnosis, diagnose
from proxy.rules.incoming import Incoming
from proxy.rules.signatures import VerifySettings
from proxy.webhooks.refused import RefusedRequest

Read = Callable[[str], Secret | None]  # None: the secret cannot be read

_ABOUT_SIGNATURES = frozenset(
    (
        *ABOUT_TIME,
        "algorithm_not_allowed",
        "ambiguous_signature",
        "bad_certificate_url",
        "bad_signature",
        "body_not_signed",
        "malformed_signature",
        "malformed_timestamp",
        "missing_id",
        "missing_signature",
        "missing_timestamp",
        "replayed",
        "wrong_topic",
    )
)


def why(  # noqa: PLR0913 - what is asked, and all that is around it
    settings: Settings,
    webhook: str,
    incoming: Incoming,
    read: Read,
    wall: float,
    *,
    skews: Sequence[float] = (),
    unusable: Read = lambda _: None,
) -> Diagnosis:
    """What is wrong with a request for `webhook`, a name under `webhooks:`, judged as of `wall` (Unix seconds).

    `unusable`: what stands where a secret should be that `read` does not take, a line break in it for instance.
    """
    one = settings.webhooks[webhook]
    names = one.verify.secrets
    secrets = [secret for name in names if (secret := read(name)) is not None]
    missing = set(names) - {secret.name for secret in secrets}
    broken = [secret for name in sorted(missing) if (secret := unusable(name)) is not None]
    if len(broken) < len(missing):
        return _unreadable(settings, missing)
    asked = Asked(
        webhook=webhook,
        settings=one.verify,
        secrets=[*secrets, *broken],
        wall=wall,
        public_url=one.public_url,
        others=list(_others(settings, webhook, read)),
        presets=_presets(one.integration),
        skews=skews,
    )
    found = diagnose(asked, incoming)
    if not broken:
        return found
    if found.finding != "secret_format":
        return _unreadable(settings, missing)
    return replace(found, reason="secret_unavailable")  # what the listener says, which does not look at such a value


def why_last(settings: Settings, webhook: str, refused: Sequence[RefusedRequest], read: Read) -> Diagnosis | None:
    """The same for the latest of the refused requests, as of when it came; None where none was about its signature.

    `refused`: newest first. All of them together tell a clock that is wrong from a request that is old.
    """
    last = next((one for one in refused if one.outcome in _ABOUT_SIGNATURES), None)
    if last is None:
        return None
    if not last.whole:
        return Diagnosis(
            ok=False,
            reason=last.outcome,
            finding="unknown",
            what=f"{last.detail}; of its body only the first {len(last.body)} bytes were kept",
            fix="save such a request and give it with --file",
        )
    verify, url = settings.webhooks[webhook].verify, settings.webhooks[webhook].public_url
    times = [(one.at, signed_time(verify, url, one.seen())) for one in refused if one.outcome in ABOUT_TIME]
    skews = [at - when for at, when in times if when is not None]
    found = why(settings, webhook, last.seen(), read, last.at, skews=skews)
    return replace(found, reason=last.outcome) if found.ok and last.outcome == "replayed" else found


def said(diagnosis: Diagnosis) -> dict[str, object]:
    """The keys of `--json`."""
    return {
        "ok": diagnosis.ok,
        "reason": diagnosis.reason,
        "finding": diagnosis.finding,
        "proof": diagnosis.proof,
        "fix": diagnosis.fix,
        "skew_seconds": diagnosis.skew_seconds,
        "matched_secret": diagnosis.matched_secret,
    }


def said_in_full(diagnosis: Diagnosis) -> dict[str, object]:
    """The same with what is for people: `what`, and `signed`, the signed text with the body shortened."""
    return {**said(diagnosis), "what": diagnosis.what, "signed": diagnosis.signed}


def _others(settings: Settings, webhook: str, read: Read) -> Iterator[tuple[str, Secret]]:
    """Every other configured secret, with whose it is; those of webhooks first."""
    users = {name: f"webhook {one.name}" for one in settings.webhooks.values() for name in one.verify.secrets}
    own = settings.webhooks[webhook].verify.secrets
    for name in sorted(settings.secrets, key=lambda name: name not in users):
        secret = read(name) if name not in own else None
        if secret is not None:
            yield users.get(name, "a secret that no webhook uses"), secret


def _presets(integration: str | None) -> dict[str, VerifySettings]:
    complaints = Complaints()
    rows = preset_rows(Presets(complaints), Filling(complaints))
    return {name: row for name, row in rows.items() if name != integration}


def _unreadable(settings: Settings, names: set[str]) -> Diagnosis:
    told = ", ".join(sorted(names))
    sources = [settings.secrets[name] for name in sorted(names) if name in settings.secrets]
    places = [f"set the variable {one.env}" if one.env else f"look at the file {one.file}" for one in sources]
    return Diagnosis(
        ok=False,
        reason="secret_unavailable",
        finding="unknown",
        what=f"nothing can be verified: {told} cannot be read",
        fix="; ".join(places) or f"say under secrets: where {told} is",
    )
