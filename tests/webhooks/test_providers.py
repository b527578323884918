"""The presets of providers, held against the table of `webhooks.md` §1.4."""

import re

import pytest

from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Verified, VerifySettings
from tests.support.cases import cases
from tests.support.presets import names, page_rows, presets

ROWS = page_rows()
LIKE_STANDARD = {"openai", "gitlab_signed", "svix_v1a"}  # "as standardwebhooks", which leaves cells empty
TIMELESS = {"adyen", "aws_sns", "twilio"}
HANDSHAKES = {
    "aws_sns": "sns",
    "discord": "discord",
    "dropbox": "dropbox",
    "intercom": "head",
    "meta": "meta",
    "msgraph": "msgraph",
    "okta": "okta",
    "slack": "slack",
    "trello": "head",
    "twitch": "twitch",
    "x": "x_crc",
    "zoom": "zoom",
}


def test_every_provider_of_the_page_has_a_preset_and_no_other() -> None:
    assert set(ROWS) == set(names()) == set(presets())
    assert len(ROWS) == 64


def marked(cell: str) -> list[str]:
    """What a cell has in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def is_named(place: str, cell: str) -> bool:
    """Whether a cell names that place: a header in full or by its end, a pointer, a claim, a pair."""
    kind, _, name = place.partition(":")
    for word in marked(cell):
        if word in (place, name) or (kind == "header" and word[:1] in "…-" and name.endswith(word.lstrip("…"))):
            return True
    return False


def verify_of(name: str) -> VerifySettings:
    return presets()[name].verify


TEMPLATED = sorted(name for name in ROWS if verify_of(name).scheme in ("hmac", "ed25519", "ecdsa", "rsa"))
LETTERS = {"b": "{body}", "t": "{timestamp}", "u": "{url}", "i": "{id}"}


def spelled_out(written: str) -> str:
    """`v0:t:b` -> `v0:{timestamp}:{body}`; what stands in braces stays."""
    pieces = re.split(r"(\{[^}]*\}|v0)", written)
    return "".join(
        piece if piece.startswith("{") or piece == "v0" else "".join(LETTERS.get(mark, mark) for mark in piece)
        for piece in pieces
    )


@pytest.mark.parametrize("name", [name for name in TEMPLATED if ROWS[name].how not in ("the same", "")])
def test_what_is_signed_and_how_is_what_the_page_says(name: str) -> None:
    how, verify = ROWS[name].how, verify_of(name)
    if name != "gitlab_signed":
        assert spelled_out(marked(how)[0]) == verify.signed
    said = set(re.findall(r"sha1|sha256|sha384|sha512|hex|base64", re.sub(r"; key.*|; signing.*", "", how)))
    if verify.scheme in ("hmac", "ecdsa", "rsa") and said:
        assert said == {verify.algorithm, verify.encoding}
    elif said:
        assert said == {verify.encoding}


@pytest.mark.parametrize("name", sorted(ROWS.keys() - LIKE_STANDARD - TIMELESS))
def test_the_signature_is_where_the_page_says(name: str) -> None:
    cell, verify = ROWS[name].signature, verify_of(name)
    if cell.startswith("the same"):
        assert verify.signature == ("header:svix-signature",)
        return
    places = verify.signature
    assert is_named(places[0], cell)
    assert all(is_named(place, cell) or name == "docusign" for place in places)
    if verify.format == "params":
        marks = re.search(r"params (?:`(.) (.)`|space `(.)`)", cell)
        assert marks is not None
        assert (verify.separator, verify.assign) == ((marks[1], marks[2]) if marks[1] else (" ", marks[3]))
        assert f"`{verify.param}`" in cell
    elif verify.prefix is not None:
        assert f"`{verify.prefix}`" in cell
    else:
        assert not any(word.endswith("=") for word in marked(cell))


@pytest.mark.parametrize("name", sorted(ROWS.keys() - TIMELESS))
def test_the_time_and_its_tolerance_are_the_page_s(name: str) -> None:
    cell, verify = ROWS[name].time, verify_of(name)
    if cell.startswith("none"):
        assert (verify.timestamp, verify.tolerance, verify.issued_at) == (None, None, None)
        return
    said = re.search(r"\b(\d+)m\b|\boff\b", cell)
    seconds = None if said and said[0] == "off" else 60.0 * int(said[1]) if said else 300.0
    assert verify.tolerance == seconds
    if verify.timestamp is not None and marked(cell):
        assert is_named(verify.timestamp, cell)
    unit = re.search(r"\b(s|ms|iso8601)\b", re.sub(r"`[^`]*`|\(.*\)", "", cell))
    assert verify.timestamp_unit == (unit[1] if unit else "s")


@pytest.mark.parametrize("name", sorted(ROWS.keys() - {"twilio", "svix", "resend", "clerk", "standardwebhooks"}))
def test_the_event_is_named_as_the_page_says(name: str) -> None:
    id_cell, _, type_cell = ROWS[name].naming.partition(";")
    verify = verify_of(name)
    for cell, places in ((id_cell, verify.id), (type_cell, verify.type)):
        if marked(cell):
            assert is_named(places[0], cell)
            assert len(places) == 1
        elif name not in LIKE_STANDARD:
            assert places == ()


@pytest.mark.parametrize("name", ROWS)
def test_what_is_not_signed_is_said(name: str) -> None:
    assert verify_of(name).body_signed is ("body not signed" not in ROWS[name].replay)


@pytest.mark.parametrize("name", ROWS)
def test_handshakes_are_the_page_s(name: str) -> None:
    assert verify_of(name).handshake == HANDSHAKES.get(name)
    if name in HANDSHAKES:
        assert ROWS[name].answer.startswith(HANDSHAKES[name])


KEYS = {  # "key …" in the page's words; raw where it says nothing
    "adyen_platform": ("hex", None),
    "clerk": ("base64", "whsec_"),
    "discord": ("hex", None),
    "gitlab_signed": ("base64", "whsec_"),
    "openai": ("base64", "whsec_"),
    "paypal": ("pem", None),
    "plaid": ("pem", None),
    "resend": ("base64", "whsec_"),
    "sendgrid": ("spki_base64", None),
    "standardwebhooks": ("base64", "whsec_"),
    "svix": ("base64", "whsec_"),
    "svix_v1a": ("base64", "whpk_"),
    "telnyx": ("base64", None),
}


@pytest.mark.parametrize("name", ROWS)
def test_keys_are_read_as_the_page_says(name: str) -> None:
    key = verify_of(name).key
    assert (key.encoding, key.strip_prefix) == KEYS.get(name, ("raw", None))


ANSWERS = {"adyen": (200, "[accepted]"), "gocardless": (204, ""), "twilio": (200, "<Response/>")}


@pytest.mark.parametrize("name", ROWS)
def test_an_accepted_event_is_answered_as_its_sender_wants(name: str) -> None:
    answer = presets()[name].answer
    assert (answer.status, answer.body) == ANSWERS.get(name, (200, ""))


def test_what_only_one_row_has() -> None:
    assert verify_of("paypal").nonce == "header:Paypal-Transmission-Id"
    assert verify_of("mollie").repeat is True
    assert verify_of("hubspot").options == {"url_decode": True}
    assert verify_of("meta").options == {"verify_token": "meta_verify_token"}
    plaid, vonage = verify_of("plaid"), verify_of("vonage")
    assert (plaid.algorithms, plaid.issued_at, plaid.body_claim) == (("ES256",), "iat", "request_body_sha256")
    assert (vonage.algorithms, vonage.issued_at, vonage.body_claim) == (("HS256",), "iat", "payload_hash")


@pytest.mark.parametrize("name", ["discord", "github", "sendgrid", "shopify", "slack", "standardwebhooks", "stripe"])
def test_a_preset_takes_what_its_provider_signs(name: str) -> None:
    case = cases(name)[f"{name}/valid"]
    scheme = compile_scheme(presets()[name].verify, case.public_url)
    incoming = Incoming(case.method, case.target, case.headers, case.body)
    assert isinstance(scheme.verify(incoming, scheme.keys(case.secrets), case.now), Verified)
    assert (scheme.naming(incoming).id is None) is (name == "sendgrid")
