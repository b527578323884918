"""Handshakes: what is answered, what is not repeated, and what is no handshake at all."""

import json

import pytest

from proxy.rules.handshakes import HANDSHAKES, JSON, TEXT, BadHandshake, Ours, Reply
from proxy.rules.incoming import Incoming

OURS = Ours(b"made-up-secret", b"made-up-token")


def incoming(line: str, body: bytes = b"", *headers: tuple[bytes, bytes]) -> Incoming:
    method, _, target = line.partition(" ")
    return Incoming(method, target.encode(), headers, body)


def challenge(said: str) -> dict[str, Incoming]:
    """For each handshake that repeats or signs something, a request that asks it to."""
    return {
        "slack": incoming("POST /", json.dumps({"type": "url_verification", "challenge": said}).encode()),
        "zoom": incoming(
            "POST /", json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": said}}).encode()
        ),
        "twitch": incoming(
            "POST /",
            json.dumps({"challenge": said}).encode(),
            (b"Twitch-Eventsub-Message-Type", b"webhook_callback_verification"),
        ),
        "okta": incoming("GET /", b"", (b"X-Okta-Verification-Challenge", said.encode())),
        "meta": incoming(f"GET /?hub.mode=subscribe&hub.challenge={said}&hub.verify_token=made-up-token"),
        "x_crc": incoming(f"GET /?crc_token={said}"),
        "dropbox": incoming(f"GET /?challenge={said}"),
        "msgraph": incoming(f"POST /?validationToken={said}"),
    }


# made with `openssl dgst -sha256 -hmac made-up-secret`
MAC = b"1dc8306dc9816fea964a11f3024aab279504fae695409d9f3f6ca58fc292f548"
REPLIES = {
    "slack": Reply(b'{"challenge": "Aa0_.=-"}', JSON),
    "zoom": Reply(b'{"plainToken": "Aa0_.=-", "encryptedToken": "%b"}' % MAC, JSON),
    "twitch": Reply(b"Aa0_.=-", TEXT),
    "okta": Reply(b'{"verification": "Aa0_.=-"}', JSON),
    "meta": Reply(b"Aa0_.=-", TEXT),
    "dropbox": Reply(b"Aa0_.=-", TEXT),
    "msgraph": Reply(b"Aa0_.=-", TEXT),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_handshake_is_answered_as_its_provider_wants(name: str) -> None:
    asked = challenge("Aa0_.=-")[name]
    assert HANDSHAKES[name].method == asked.method
    assert HANDSHAKES[name].called(asked)
    assert HANDSHAKES[name].reply(asked, OURS) == REPLIES[name]


def test_x_is_answered_the_base64_of_what_it_asks_us_to_sign() -> None:
    reply = HANDSHAKES["x_crc"].reply(challenge("9b4507b3-9040-4669-9ca3-6b94edb50553")["x_crc"], OURS)
    assert json.loads(reply.body) == {"response_token": "sha256=" + "QtoDxNpLQO68pa5Cda597/a9LeRyYM+MJrxzlz9QUW8="}


def test_discord_s_ping_gets_a_pong() -> None:
    ping = incoming("POST /", b'{"type": 1}')
    assert HANDSHAKES["discord"].called(ping)
    assert HANDSHAKES["discord"].reply(ping, OURS) == Reply(b'{"type":1}', JSON)
    assert not HANDSHAKES["discord"].called(incoming("POST /", b'{"type": 2}'))


def test_a_head_request_is_answered_with_nothing() -> None:
    assert HANDSHAKES["head"].method == "HEAD"
    assert HANDSHAKES["head"].reply(incoming("HEAD /"), OURS) == Reply(b"")


@pytest.mark.parametrize("name", ["slack", "zoom", "twitch", "okta", "meta", "x_crc", "dropbox"])
@pytest.mark.parametrize("said", ['{"id":1}', "a b", "", "<b>", "a" * 257, "a\n", "ü", "a,b"])
def test_what_a_stranger_could_make_us_sign_or_show_is_not_repeated(name: str, said: str) -> None:
    written = said.replace("\n", "%0A").replace(" ", "%20")
    asked = challenge(said if name in ("slack", "zoom", "twitch", "okta") else written)[name]
    with pytest.raises(BadHandshake) as caught:
        HANDSHAKES[name].reply(asked, OURS)
    assert caught.value.status == 400


@pytest.mark.parametrize("said", ["%0A", "a" * 1025, "%C3%BC", ""])
def test_msgraph_gets_back_printable_text_only(said: str) -> None:
    with pytest.raises(BadHandshake):
        HANDSHAKES["msgraph"].reply(challenge(said)["msgraph"], OURS)


def test_msgraph_gets_back_decoded_text() -> None:
    reply = HANDSHAKES["msgraph"].reply(challenge("Validation%3A+Testing%20%3Ca%3E")["msgraph"], OURS)
    assert reply == Reply(b"Validation: Testing <a>", TEXT)


@pytest.mark.parametrize("ours", [Ours(b"s", b"another-token"), Ours(b"s", None)])
def test_meta_with_a_wrong_token_is_forbidden(ours: Ours) -> None:
    with pytest.raises(BadHandshake) as caught:
        HANDSHAKES["meta"].reply(challenge("Aa0")["meta"], ours)
    assert caught.value.status == 403


def test_meta_with_two_tokens_is_forbidden_even_if_one_is_right() -> None:
    query = "hub.mode=subscribe&hub.challenge=1&hub.verify_token=made-up-token&hub.verify_token=other"
    with pytest.raises(BadHandshake):
        HANDSHAKES["meta"].reply(incoming(f"GET /?{query}"), OURS)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("slack", incoming("POST /", b'{"type": "event_callback", "challenge": "a"}')),
        ("slack", incoming("POST /", b"no json")),
        ("zoom", incoming("POST /", b'{"event": "meeting.started"}')),
        ("twitch", incoming("POST /", b"{}", (b"Twitch-Eventsub-Message-Type", b"notification"))),
        ("meta", incoming("GET /?hub.mode=unsubscribe")),
        ("x_crc", incoming("GET /")),
        ("dropbox", incoming("GET /?other=1")),
        ("msgraph", incoming("POST /")),
        ("okta", incoming("GET /")),
        ("dropbox", incoming("GET /?" + "a&" * 1000 + "challenge=a")),
    ],
)
def test_other_requests_are_no_handshakes(name: str, asked: Incoming) -> None:
    assert not HANDSHAKES[name].called(asked)


def test_what_stands_in_a_body_counts_only_once_that_is_proven() -> None:
    assert {name for name, one in HANDSHAKES.items() if one.signed} == {
        "slack",
        "discord",
        "zoom",
        "twitch",
        "okta",
        "sns",
    }


SUBSCRIBE = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=ab"


def confirmation(url: object) -> Incoming:
    return incoming("POST /", json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": url}).encode())


def test_a_confirmation_of_sns_is_answered_once_its_address_was_visited() -> None:
    assert HANDSHAKES["sns"].called(confirmation(SUBSCRIBE))
    assert HANDSHAKES["sns"].reply(confirmation(SUBSCRIBE), OURS) == Reply(b"", visit=SUBSCRIBE)
    assert not HANDSHAKES["sns"].called(incoming("POST /", b'{"Type": "Notification"}'))


@pytest.mark.parametrize("url", [SUBSCRIBE.replace("sns.", "evil."), "http://127.0.0.1/", "", None, [SUBSCRIBE]])
def test_an_address_that_is_not_of_sns_is_never_visited(url: object) -> None:
    with pytest.raises(BadHandshake) as caught:
        HANDSHAKES["sns"].reply(confirmation(url), OURS)
    assert (caught.value.status, caught.value.outcome) == (401, "bad_subscribe_url")
