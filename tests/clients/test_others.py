"""Servers that others wrote in the providers' places: localstripe, a spyne SOAP service, moto's S3."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import boto3
import httpx
import pytest
import stripe
import zeep
import zeep.exceptions
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.clients.conftest import DEAD, LISTEN
from tests.clients.standing_in import QUICK, SECRETS, timed
from tests.support.ports import free_port
from tests.support.program import ROOT, Program
from tests.support.scripted import ScriptedUpstream
from tests.support.snippets import client

PLACEHOLDERS = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-central-1"}


@contextmanager
def running(*command: str, port: int) -> Iterator[str]:
    """A server in a process of its own, until it answers at `port`."""
    process = subprocess.Popen(  # noqa: S603 - servers that this file names
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 30
        while not _answers(port):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        urlopen(f"http://127.0.0.1:{port}/").close()
    except URLError as error:
        return getattr(error, "code", None) is not None
    return True


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(text: str, **environ: str) -> Program:
        config = tmp_path / "config.yaml"
        config.write_text(f"version: 1\n{LISTEN}\n{text}")
        started.append(Program(config, {**SECRETS, "STRIPE_WEBHOOK_SECRET": "whsec_made_up", **environ}))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def test_localstripe_is_paid_and_its_events_arrive_verified(serve):
    port = free_port()
    with (
        running("-m", "localstripe", "--from-scratch", "--port", str(port), port=port) as url,
        ScriptedUpstream() as app,
    ):
        deliver = f"deliver: {{url: '{app.url}/hooks', mode: sync}}"
        program = serve(
            f"upstreams:\n  stripe: {{integration: stripe, url: '{url}'}}\n"
            f"webhooks:\n  stripe: {{integration: stripe, {deliver}}}\n"
        )
        body = f"url={program.webhooks}/stripe&secret=whsec_made_up".encode()
        urlopen(Request(f"{url}/_config/webhooks/ours", data=body)).close()  # noqa: S310 - a server of this test
        made = client("stripe", f"{program.proxy}/stripe", stripe=stripe)
        customer = made.v1.customers.create({"email": "ada@example.com"})
        assert made.v1.customers.retrieve(customer.id).email == "ada@example.com"
        assert [one.id for one in made.v1.customers.list({"limit": 1}).auto_paging_iter()] == [customer.id]
        program.until(lambda: bool(app.requests))
        (key,), (signed,) = app.requests[0].values(b"outrigger-key"), app.requests[0].values(b"stripe-signature")
        event = stripe.Webhook.construct_event(app.requests[0].body, signed.decode(), "whsec_made_up")
        assert (key, event["type"]) == (b"stripe_webhook_secret", "customer.created")


FAULTS = {  # version -> the codes of a client's fault and of a server's
    "soap11": ("Client.UnknownSku", "Server.Database"),
    "soap12": ("Sender", "Receiver"),
}


def test_a_spyne_service_answers_zeep_and_its_faults_are_faults(serve):
    port = free_port()
    with running("-m", "tests.clients.inventory_service", str(port), port=port) as url:
        program = serve(f"upstreams:\n  inventory: {{integration: soap, url: '{url}', retry: {{attempts: 2}}}}\n")
        for version, codes in FAULTS.items():
            made = zeep.Client(f"{program.proxy}/inventory/{version}/?wsdl")
            assert made.service.GetStock(sku="SKU-2") == 5
            for code, asked in zip(codes, ({"sku": "SKU-9"}, {"number": 1}), strict=True):
                with pytest.raises(zeep.exceptions.Fault) as raised:
                    getattr(made.service, "GetStock" if "sku" in asked else "Fail")(**asked)
                assert raised.value.code.endswith(f":{code}")


def keys_of_moto(url: str) -> dict[str, str]:
    """Those of a user who may do everything; from then on every signature is verified."""
    iam = boto3.client("iam", endpoint_url=url, **PLACEHOLDERS)
    iam.create_user(UserName="ours")
    all_of_it = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="ours", PolicyName="all", PolicyDocument=json.dumps(all_of_it))
    key = iam.create_access_key(UserName="ours")["AccessKey"]
    httpx.post(f"{url}/moto-api/reset-auth", content=b"0").raise_for_status()
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def test_boto3_raises_its_own_error_quickly_where_s3_is_down(serve):
    down = f"url: '{DEAD}', breaker: {{failure_threshold: 1, recovery_timeout: 10m}}, auth: {{region: eu-central-1}}"
    program = serve(f"upstreams:\n  s3: {{integration: aws_s3, {down}}}\n")
    config = Config(s3={"addressing_style": "path"})
    made = boto3.client("s3", endpoint_url=f"{program.proxy}/s3", config=config, **PLACEHOLDERS)
    with pytest.raises(ClientError):
        made.list_buckets()
    with timed() as ended, pytest.raises(ClientError, match="503"):
        made.list_buckets()
    assert ended.seconds < QUICK


def test_moto_verifies_what_boto3_sends_signed_anew(serve):
    port = free_port()
    with running("-m", "moto.server", "-p", str(port), port=port) as url:
        keys = f"integration: aws_s3, url: '{url}'"
        program = serve(
            f"upstreams:\n  s3: {{{keys}, auth: {{region: eu-central-1}}}}\n"
            f"  wrong: {{{keys}, auth: {{region: eu-central-1, secret_key: wrong}}}}\n"
            "secrets: {wrong: {env: SENDGRID_API_KEY}}\n",
            **keys_of_moto(url),
        )
        config = Config(s3={"addressing_style": "path"})
        made, wrong = (
            boto3.client("s3", endpoint_url=f"{program.proxy}/{name}", config=config, **PLACEHOLDERS)
            for name in ("s3", "wrong")
        )
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            wrong.list_buckets()
        made.create_bucket(Bucket="ours", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        content = bytes(range(256)) * 8192
        made.put_object(Bucket="ours", Key="a b/ü+1.bin", Body=content)
        assert made.get_object(Bucket="ours", Key="a b/ü+1.bin")["Body"].read() == content
        pages = made.get_paginator("list_objects_v2").paginate(Bucket="ours", PaginationConfig={"PageSize": 1})
        assert [one["Key"] for page in pages for one in page["Contents"]] == ["a b/ü+1.bin"]
        parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
        large = content * 3  # 6 MiB: more than one part, and than is kept for a repeat
        made.upload_fileobj(BytesIO(large), "ours", "large.bin", Config=parts)
        found = made.get_object(Bucket="ours", Key="large.bin")
        assert found["ETag"].endswith('-2"')  # of two parts
        assert found["Body"].read() == large
        with pytest.raises(made.exceptions.NoSuchKey):
            made.get_object(Bucket="ours", Key="nothing")
