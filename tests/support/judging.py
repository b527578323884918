"""Asks a scheme about a request that was signed here."""

import hmac
from dataclasses import replace

from hypothesis import strategies as st

from proxy.model import Headers
from proxy.rules.credentials import Secret
from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Verified, VerifySettings

NOW = 1_790_000_000
KEY = b"made-up-secret"
PLAIN = VerifySettings(scheme="hmac", signature=("header:X-Sig",), signed="{body}", secrets=("key",))
TIMED = replace(PLAIN, signed="{timestamp}.{body}", timestamp="header:X-Time", tolerance=300.0)
STRIPE = replace(
    PLAIN,
    signature=("header:Stripe-Signature",),
    format="params",
    param="v1",
    signed="{timestamp}.{body}",
    timestamp="param:t",
    tolerance=300.0,
    id=("json:/id",),
)
SLACK = replace(
    PLAIN,
    signature=("header:X-Slack-Signature",),
    prefix="v0=",
    signed="v0:{timestamp}:{body}",
    timestamp="header:X-Slack-Request-Timestamp",
    tolerance=300.0,
)

SAID = st.recursive(  # whatever a JSON member may be, letters that are half a letter among them
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def mac(message: bytes, algorithm: str = "sha256", key: bytes = KEY) -> bytes:
    return hmac.new(key, message, algorithm).hexdigest().encode()


def judged(
    settings: VerifySettings,
    headers: Headers,
    body: bytes = b"",
    *,
    line: str = "POST /in",
    keys: tuple[bytes, ...] = (KEY,),
    url: str | None = None,
    wall: float = NOW,
) -> str:
    """`by NAME`, or the outcome of the refusal."""
    method, _, target = line.partition(" ")
    scheme = compile_scheme(settings, url)
    secrets = [Secret(f"key{place}", key) for place, key in enumerate(keys)]
    found = scheme.verify(Incoming(method, target.encode(), headers, body), scheme.keys(secrets), wall)
    return f"by {found.secret}" if isinstance(found, Verified) else found.outcome


def sig(value: bytes, name: bytes = b"X-Sig") -> Headers:
    return ((name, value),)
