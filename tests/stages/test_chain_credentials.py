"""Which stages an upstream's credential puts into the chain: a plain one must not pay for the others."""

import pytest

from proxy.rules.auth_settings import AwsSigV4Auth, BearerAuth, HmacAuth, OAuth2Auth, WsSecurityAuth
from proxy.rules.rewriting import JsonField, RewriteSettings
from proxy.stages.authenticate import AuthenticateStage
from proxy.stages.concurrency import ConcurrencyStage
from proxy.stages.form_fields import FormFieldsStage
from proxy.stages.retry import RetryStage
from proxy.stages.rewriting import RewritingStage
from proxy.stages.sign import SignStage
from proxy.stages.token import TokenStage
from tests.support.chain import Chain
from tests.support.provider import answer

SPECIAL = (RewritingStage, TokenStage, FormFieldsStage, SignStage)
OAUTH = OAuth2Auth(type="oauth2", grant="client_credentials", token_url="https://t.example/", client_id="a")
CHAINS = {
    "no credential": ({}, []),
    "a plain one": ({"auth": BearerAuth(type="bearer", secret="a")}, []),
    "a token": ({"auth": OAUTH}, [TokenStage]),
    "a signature of AWS": (
        {"auth": AwsSigV4Auth(type="aws_sigv4", access_key="a", secret_key="b", region="r", service="s3")},
        [SignStage],
    ),
    "a MAC": ({"auth": HmacAuth(type="hmac", secret="a", header="X", signed="{body}")}, [SignStage]),
    "a token in the body": ({"auth": WsSecurityAuth(type="ws_security", username="a", password="b")}, [SignStage]),
    "fields that hold URLs": ({"rewrite": RewriteSettings(json=(JsonField(pointer="/a"),))}, [RewritingStage]),
    "a field of forms": ({"strip": ("X-Old", "form:token")}, [FormFieldsStage]),
    "a token, as a mock": ({"auth": OAUTH, "mode": "mock"}, []),
}


@pytest.mark.parametrize(("settings", "expected"), CHAINS.values(), ids=CHAINS)
async def test_only_what_is_needed_is_in_the_chain(settings, expected):
    stages = Chain(answer(), **settings).stages
    assert [type(stage) for stage in stages if isinstance(stage, SPECIAL)] == expected


async def test_where_they_stand():
    rewrite = RewriteSettings(json=(JsonField(pointer="/a"),))
    kinds = [type(stage) for stage in Chain(answer(), auth=OAUTH, rewrite=rewrite, strip=("form:a",)).stages]
    order = [RewritingStage, RetryStage, TokenStage, ConcurrencyStage, FormFieldsStage, AuthenticateStage]
    assert [kind for kind in kinds if kind in order] == order
