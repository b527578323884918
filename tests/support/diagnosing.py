"""Requests that were signed here, looked into: what each question and each answer has in common."""

from dataclasses import replace

from proxy.model import Headers
from proxy.rules.credentials import Secret
from proxy.rules.diagnosis.case import Asked
from proxy.rules.diagnosis.diagnose import Diagnosis, diagnose
from proxy.rules.placing import Outgoing
from proxy.rules.signatures import VerifySettings
from proxy.rules.signing import Pen, sign
from tests.support.judging import KEY, NOW, PLAIN, SLACK, STRIPE

GITHUB = replace(PLAIN, signature=("header:X-Hub-Signature-256",), prefix="sha256=")
TWILIO = VerifySettings(scheme="twilio", secrets=("key",))
URLED = replace(PLAIN, signed="{url}{body}", encoding="base64")
PRESETS = {"stripe": STRIPE, "github": GITHUB, "slack": SLACK}
OTHER = Secret("shop_live", b"the-live-one")
URL = "https://hooks.example.test/in/here"
BODY = '{"id": "evt_1", "note": "Grüße, 東京/😀", "price": 1.0}'.encode()


def asked(settings: VerifySettings, **changes: object) -> Asked:
    values: dict[str, object] = {
        "webhook": "billing",
        "settings": settings,
        "secrets": (Secret("key", KEY),),
        "wall": NOW,
    }
    return Asked(**values | {"presets": PRESETS} | changes)  # type: ignore[arg-type]  # the tests' own rows


def request(
    settings: VerifySettings,
    body: bytes = BODY,
    *,
    secret: bytes = KEY,
    wall: float = NOW,
    target: bytes = b"/in/here",
    url: str = URL,
    headers: Headers = (),
) -> Outgoing:
    """As the sender sends it."""
    return sign(settings, url, Outgoing("POST", target, headers, body), Pen(secret, wall, b"evt_1"))


def found(question: Asked, sent: Outgoing) -> Diagnosis:
    result = diagnose(question, sent.seen())
    everything = repr(result)
    for secret in (*question.secrets, *(secret for _, secret in question.others)):
        assert secret.reveal().decode() not in everything
    return result


def changed(sent: Outgoing, name: bytes, *values: bytes) -> Outgoing:
    kept = tuple(field for field in sent.headers if field[0].lower() != name.lower())
    return sent._replace(headers=kept + tuple((name, value) for value in values))


def value(sent: Outgoing, name: bytes) -> bytes:
    return next(text for written, text in sent.headers if written.lower() == name.lower())
