"""Attempts that are signed: what the signer is given, what leaves, and what it costs the body."""

import asyncio

import pytest

from proxy.body import Body, Whole
from proxy.errors import Refusal
from proxy.model import Call, Request
from proxy.rules.auth_settings import AwsSigV4Auth, HmacAuth, WsSecurityAuth
from proxy.rules.credentials import Secret
from proxy.rules.outgoing import Place
from proxy.rules.signers import signer_of
from proxy.stages.sign import SignStage
from tests.support.provider import Provider, answer
from tests.support.upstreams import Pieces

HMAC = HmacAuth(type="hmac", secret="key", header="X-Sig", signed="{path}{body}")
HEAD_ONLY = HmacAuth(type="hmac", secret="key", header="X-Sig", signed="{path}")
WSSE = WsSecurityAuth(type="ws_security", username="key", password="key")
S3 = AwsSigV4Auth(type="aws_sigv4", access_key="key", secret_key="key", region="r", service="s3")
ENVELOPE = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>'


class Vault:
    version = 1

    def read(self, name):
        return Secret(name, b"value")


class Case:
    def __init__(self, auth, *, path=b"/v1", secure=True, script=None):
        self.provider = Provider(asyncio.get_running_loop(), script or [answer()])
        places = {None: Place(secure, b"api.example", path), "far": Place(secure, b"far.example", b"")}
        self.moments = iter([1700000000.0, 1700000100.0])
        self.stage = SignStage(
            signer_of(auth), Vault(), places, wall=lambda: next(self.moments), noise=lambda size: b"n" * size
        )

    async def send(self, body=None, origin=None, target=b"/a"):
        request = Request("POST", target, ((b"A", b"1"),), body, Call("id", 0.0), origin=origin)
        await self.stage(request, self.provider)
        return self.provider.requests[-1]


def body(content, keep=1 << 20):
    return Body(Whole(content), len(content), keep)


async def test_the_path_of_the_url_is_signed_and_not_sent_twice():
    case, bare = Case(HMAC), Case(HMAC, path=b"")
    with_path, without = await case.send(), await bare.send(target=b"/v1/a")
    assert (with_path.target, without.target) == (b"/a", b"/v1/a")
    assert with_path.headers == without.headers


async def test_the_body_that_was_read_is_sent_and_may_be_read_again():
    case, content = Case(HMAC), body(b"hello")
    for _ in range(2):
        await case.send(content)
    assert case.provider.bodies == [b"hello", b"hello"]
    assert content.replayable


async def test_a_body_of_unknown_length_leaves_with_its_length_once_it_was_read():
    case = Case(HMAC)
    source = Pieces(b"he", b"llo", b"")
    sent = await case.send(Body(source, None, keep=10))
    assert (sent.body.length, case.provider.bodies) == (5, [b"hello"])


async def test_a_body_that_turns_out_too_large_is_refused():
    case = Case(HMAC)
    with pytest.raises(Refusal, match="request_too_large"):
        await case.send(Body(Pieces(b"hello", b" world", b""), None, keep=6))
    assert case.provider.requests == []


async def test_a_body_that_is_not_signed_is_not_read_here():
    case, source = Case(HEAD_ONLY), Pieces(b"x" * 100, b"")
    content = Body(source, None, keep=6)
    sent = await case.send(content)
    assert (sent.body, case.provider.bodies) == (content, [b"x" * 100])


async def test_a_body_that_is_changed_leaves_with_another_length():
    case = Case(WSSE)
    sent = await case.send(body(ENVELOPE))
    [received] = case.provider.bodies
    assert (b"<wsse:Username>value<" in received, sent.body.length) == (True, len(received))


async def test_each_attempt_is_signed_anew_from_the_original_body():
    case, content = Case(WSSE), body(ENVELOPE)
    for _ in range(2):
        await case.send(content)
    assert [found.count(b"<wsse:Security ") for found in case.provider.bodies] == [1, 1]
    assert case.provider.bodies[0] != case.provider.bodies[1]


async def test_a_host_that_gets_no_credential_gets_no_signature():
    sent = await Case(HMAC).send(origin="other")
    assert sent.headers == ((b"A", b"1"),)


async def test_a_further_host_is_signed_for_its_own_name():
    s3 = [dict((await Case(S3).send(origin=origin)).headers)[b"Authorization"] for origin in (None, "far")]
    assert s3[0] != s3[1]


async def test_reading_a_body_tells_that_the_upload_moves():
    moved = []
    request = Request("POST", b"/", (), Body(Pieces(b"a", b"b", b""), None, keep=9), Call("id", 0.0))
    request.call.progress = lambda: moved.append(1)
    await Case(HMAC).stage(request, Provider(asyncio.get_running_loop(), [answer()]))
    assert len(moved) == 2
