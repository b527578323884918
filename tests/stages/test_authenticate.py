"""What leaves for the upstream instead of what the application sent."""

import asyncio

import pytest

from proxy.errors import Refusal
from proxy.model import Call, Request
from proxy.rules.credentials import ApiKeyAuth, BearerAuth, Credential, InjectSettings, Secret
from proxy.stages.authenticate import AuthenticateStage
from tests.support.provider import Provider, answer

API_KEY = ApiKeyAuth(type="api_key", secret="key", headers={"Authorization": "Bearer {key}", "X-Api-Key": "{key}"})


class Vault:
    """Two secrets, of which the values can change."""

    def __init__(self, value: bytes | None = b"k1") -> None:
        self.version, self.value = 1, value

    def change(self, value: bytes | None) -> None:
        self.version, self.value = self.version + 1, value

    def read(self, name: str) -> Secret:
        if self.value is None:
            raise Refusal("secret_unavailable")
        return Secret(name, self.value)


async def sent(stage, headers, target=b"/a", origin=None):
    provider = Provider(asyncio.get_running_loop(), [answer()])
    await stage(Request("GET", target, headers, None, Call("id", 0.0), origin=origin), provider)
    return provider.requests[0]


def stage(inject=None, auth=None, vault=None, **more):
    return AuthenticateStage(Credential(InjectSettings(**(inject or {})), auth), vault or Vault(), **more)


async def test_every_copy_of_an_injected_header_is_replaced_and_the_injected_one_comes_last():
    own = ((b"authorization", b"x"), (b"A", b"1"), (b"AUTHORIZATION", b"y"), (b"Author_ization", b"z"))
    request = await sent(stage({"headers": {"Authorization": "Bearer {key}"}}), own)
    assert request.headers == ((b"A", b"1"), (b"Author_ization", b"z"), (b"Authorization", b"Bearer k1"))


async def test_an_underscore_does_not_save_a_copy():
    request = await sent(stage({"headers": {"X-My-Key": "{key}"}}), ((b"X_My_Key", b"own"), (b"x-my_key", b"own")))
    assert request.headers == ((b"X-My-Key", b"k1"),)


@pytest.mark.parametrize("name", [b"Authorization", b"X-Api-Key", b"api_key", b"X-Auth-Token", b"Proxy-Authorization"])
async def test_with_any_credential_the_usual_ones_come_off(name):
    request = await sent(stage({"headers": {"X-Token": "{key}"}}), ((name, b"own"),))
    assert request.headers == ((b"X-Token", b"k1"),)


async def test_without_a_credential_the_applications_own_stays():
    assert (await sent(stage(), ((b"Authorization", b"own"),))).headers == ((b"Authorization", b"own"),)


USED = {
    "none used: the first": ((), (b"Authorization", b"Bearer k1")),
    "the first used": (((b"authorization", b"own"),), (b"Authorization", b"Bearer k1")),
    "the second used": (((b"x-api-key", b"own"),), (b"X-Api-Key", b"k1")),
    "both used": (((b"x-api-key", b"own"), (b"Authorization", b"own")), (b"Authorization", b"Bearer k1")),
}


@pytest.mark.parametrize(("own", "field"), USED.values(), ids=USED)
async def test_api_key(own, field):
    assert (await sent(stage(auth=API_KEY), own)).headers == (field,)


async def test_a_new_value_is_used_by_the_next_attempt():
    vault = Vault()
    bearer = stage(auth=BearerAuth(type="bearer", secret="key"), vault=vault)
    await sent(bearer, ())
    vault.change(b"k2")
    assert (await sent(bearer, ())).headers == ((b"Authorization", b"Bearer k2"),)


async def test_a_secret_that_cannot_be_read_refuses_every_attempt_until_it_can():
    vault = Vault(None)
    bearer = stage(auth=BearerAuth(type="bearer", secret="key"), vault=vault)
    for _ in range(2):
        with pytest.raises(Refusal, match="secret_unavailable"):
            await sent(bearer, ())
    vault.change(b"k1")
    assert (await sent(bearer, ())).headers == ((b"Authorization", b"Bearer k1"),)


async def test_a_preset_header_is_added_only_where_the_application_sent_none():
    preset = stage(headers={"Stripe-Version": "2024"})
    assert (await sent(preset, ())).headers == ((b"Stripe-Version", b"2024"),)
    assert (await sent(preset, ((b"stripe-version", b"2020"),))).headers == ((b"stripe-version", b"2020"),)


async def test_further_names_are_stripped():
    assert (await sent(stage(strip=["X-Old-Token"]), ((b"x_old_token", b"own"), (b"A", b"1")))).headers == (
        (b"A", b"1"),
    )


async def test_a_host_that_must_not_see_the_credential_gets_neither_ours_nor_the_applications():
    files = stage({"headers": {"Authorization": "{key}"}}, withheld=frozenset(["files"]))
    assert (await sent(files, ((b"Authorization", b"own"), (b"A", b"1")), origin="files")).headers == ((b"A", b"1"),)


async def test_the_query_of_an_injected_name_is_replaced():
    request = await sent(stage({"query": {"account": "{key}"}}), (), target=b"/a?account=own&b=%2F")
    assert request.target == b"/a?b=%2F&account=k1"


@pytest.mark.parametrize("credential", [{"inject": {"headers": {"X-Key": "{key}"}}}, {"auth": API_KEY}])
async def test_a_key_with_line_ends_never_gets_into_a_head(credential):
    pem = Vault(b"-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----")
    guarded = stage(vault=pem, **credential)
    for _ in range(2):
        with pytest.raises(Refusal, match="secret_unavailable"):
            await sent(guarded, ())
    pem.change(b"k2")
    assert b"k2" in b" ".join((await sent(guarded, ())).headers[0])
