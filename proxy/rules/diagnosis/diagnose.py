"""Why a webhook's signature failed: the hypotheses of `webhooks.md` §4 in the order of that page, one change each.

The one thing a reader would get wrong: a later proof beats an earlier hint. Only among hints, and only among proofs,
does the order decide. This is work that a stranger must not cause: the request path never calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.rules.diagnosis.bodies import body_changed, body_cut
from proxy.rules.diagnosis.case import Asked, Finding, Hypothesis, hinted, judged, signed_text, signed_time
from proxy.rules.diagnosis.fields import duplicate_header, missing_signature, other_provider
from proxy.rules.diagnosis.keys import other_secret, secret_format
from proxy.rules.diagnosis.spellings import wrong_encoding, wrong_scheme
from proxy.rules.diagnosis.times import expired_or_future, time_unit
from proxy.rules.diagnosis.urls import public_url
from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Rejected, Verified, VerifySettings

HYPOTHESES: Sequence[tuple[str, Hypothesis]] = (
    ("a repeated header", duplicate_header),
    ("other providers' headers", other_provider),
    ("no signature", missing_signature),
    ("the clock", expired_or_future),
    ("the time's unit", time_unit),
    ("the other configured secrets", other_secret),
    ("other spellings of the secret", secret_format),
    ("a body that was cut", body_cut),
    ("a body that was changed", body_changed),
    ("other public URLs", public_url),
    ("other spellings of the signature", wrong_encoding),
    ("other algorithms, templates and providers", wrong_scheme),
)
_SHAPES = {  # where no secret can be what is wrong
    "malformed_signature": "the signature is not written as the provider writes it, by",
    "malformed_timestamp": "the time is not written as the provider writes it, by `timestamp` and `timestamp_unit` of",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """`reason`: what the listener's metric says of the request. `finding`: None where it is verified.

    `skew_seconds`: how far the signed time lies behind (negative: ahead), None where the request has none.
    `matched_secret`: the name of the one that fits, after the change that `finding` says. `signed`: for people.
    """

    ok: bool
    reason: str
    finding: str | None = None
    proof: bool = False
    what: str = ""
    fix: str | None = None
    skew_seconds: float | None = None
    matched_secret: str | None = None
    signed: str | None = None


def diagnose(asked: Asked, incoming: Incoming) -> Diagnosis:
    """The first proof, else the first hint, else `unknown`. Raises `ValueError` for settings that cannot be served."""
    found = judged(asked, incoming)
    when = signed_time(asked.settings, asked.public_url, incoming)
    skew = None if when is None else round(asked.wall - when, 3)
    methods = compile_scheme(asked.settings, asked.public_url).methods
    if isinstance(found, Verified) and incoming.method in methods:
        return Diagnosis(
            ok=True,
            reason="accepted",
            proof=True,
            what=f"signed with {found.secret}",
            skew_seconds=skew,
            matched_secret=found.secret,
            signed=signed_text(asked, incoming),
        )
    if isinstance(found, Verified):
        found = Rejected("method_not_allowed", 405, f"{incoming.method} is none of {', '.join(methods)}")
    best = _explained(asked, incoming, found)
    return Diagnosis(
        ok=False,
        reason=found.outcome,
        finding=best.finding,
        proof=best.proof,
        what=best.what,
        fix=best.fix,
        skew_seconds=skew,
        matched_secret=best.secret,
        signed=best.signed or signed_text(asked, incoming),
    )


def _explained(asked: Asked, incoming: Incoming, found: Rejected) -> Finding:
    if found.outcome == "method_not_allowed":
        return hinted(
            "unknown", found.detail, f"the signature is good; {asked.key('verify.methods')} lists the methods"
        )
    hint: Finding | None = None
    for _, hypothesis in HYPOTHESES:
        for finding in hypothesis(asked, incoming, found):
            if finding.proof:
                return finding
            hint = hint or finding
    return hint or _unknown(asked, found)


def _unknown(asked: Asked, found: Rejected) -> Finding:
    tried = ", ".join(what for what, _ in HYPOTHESES)
    what = f"{found.detail}; nothing makes it fit. Tried: {tried}"
    names = ", ".join(asked.settings.secrets)
    if found.outcome == "secret_unavailable":
        return hinted(
            "unknown", what, f"correct the value of {names}, or {asked.key('verify.key')}, which says how it is written"
        )
    if not asked.secrets:
        return hinted(
            "unknown",
            found.detail,
            "the certificate that the message names is fetched by the running program alone; pin it with "
            f"{asked.key('verify.secrets')} to have such requests looked into",
        )
    if found.outcome in ("missing_timestamp", "missing_id"):
        key, places = _absent(asked.settings, found.outcome)
        fix = f"does the ingress pass {places} on? {asked.key(f'verify.{key}')} says where it is looked for"
        return hinted("unknown", f"nothing at {places}, which is signed", fix)
    shape = _SHAPES.get(found.outcome)
    if shape is not None:
        return hinted("unknown", what, f"{shape} {asked.key('verify')}: compare it with what the sender documents")
    fix = (
        f"the likeliest is a secret that is not configured here: compare {names} with what the sender shows for "
        "exactly this address, in this mode (test or live)"
    )
    return hinted("unknown", what, fix)


def _absent(settings: VerifySettings, outcome: str) -> tuple[str, str]:
    """The key that says where something signed should have been, and where that is."""
    if outcome == "missing_timestamp":
        return "timestamp", settings.timestamp or settings.issued_at or ""
    if settings.nonce is not None and "{id}" not in (settings.signed or ""):
        return "nonce", settings.nonce
    return "id", " or ".join(settings.id)
