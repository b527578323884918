"""Refused webhook requests in the debug log."""

import json

import pytest

from proxy.edges.debug_reader import Wanted
from proxy.edges.debug_refused import RefusedRecord
from proxy.rules.proofs import Proofs
from proxy.rules.signatures import VerifySettings
from proxy.webhooks.refused import MOST_BODY, RefusedRequest
from tests.support.debug_log import NOON, Place

pytestmark = pytest.mark.usefixtures("loops")
PROOF = b"0123456789abcdef0123456789abcdef"
PROOFS = Proofs({"shop": VerifySettings(scheme="token", signature=("header:X-Proof", "query:s", "json:/proof"))})


def refused(body: bytes = b"{}", length: int | None = -1, target: bytes = b"/shop") -> RefusedRecord:
    """`length` -1: that of the body."""
    request = RefusedRequest(
        id="request-1", webhook="shop", at=NOON, outcome="bad_signature", status=401, detail="none fits",
        method="POST", target=target, headers=((b"X-Proof", PROOF), (b"X-A", b"1")), body=body,
        length=len(body) if length == -1 else length,
    )  # fmt: skip
    return RefusedRecord(request, PROOFS)


async def test_a_refused_request_is_found_by_its_webhook_and_by_its_outcome(tmp_path):
    async with Place(tmp_path) as place:
        place.end()
        place.store.keep(refused())
        assert await place.ids(upstream="webhooks.shop") == ["request-1"]
        assert await place.ids(code="bad_signature") == ["request-1"]
        page = await place.store.requests(Wanted(upstream="webhooks.shop"))
    assert page["requests"] == [
        {
            "id": "request-1",
            "upstream": "webhooks.shop",
            "method": "POST",
            "target": "/shop",
            "status": 401,
            "code": "bad_signature",
            "attempts": 0,
            "started": NOON,
            "duration_ms": 0.0,
            "upstream_request_id": None,
            "stopped": None,
        }
    ]


async def test_it_is_shown_with_its_reason_and_as_it_came(tmp_path):
    async with Place(tmp_path) as place:
        place.store.keep(refused(b'{"a": 1}'))
        shown = await place.store.request("request-1")
    assert shown["decisions"] == [{"at_ms": 0.0, "stage": "webhook", "text": "none fits"}]
    [exchange] = shown["exchanges"]
    assert exchange["request"]["headers"] == [["X-Proof", "[redacted x-proof]"], ["X-A", "1"]]
    assert (exchange["request"]["body"], exchange["request"]["truncated"]) == ('{"a": 1}', False)
    assert (exchange["response"]["status"], exchange["response"]["body"]) == (401, "")


async def test_nothing_that_proves_a_request_reaches_the_file(tmp_path):
    body = json.dumps({"a": "x" * (MOST_BODY - 20), "proof": PROOF.decode()}).encode()  # the proof lies at the cut
    async with Place(tmp_path) as place:
        place.store.keep(refused(body, target=b"/shop?s=" + PROOF))
        shown = json.dumps(await place.store.request("request-1"))
        kept = b"".join(path.read_bytes() for path in place.path.parent.iterdir())
    assert PROOF[:8] not in shown.encode()
    assert PROOF[:8] not in kept
    assert '"truncated": true' in shown


async def test_a_body_that_was_never_read_is_said_to_be_cut(tmp_path):
    async with Place(tmp_path) as place:
        place.store.keep(refused(b"", length=None))
        shown = await place.store.request("request-1")
    assert shown["exchanges"][0]["request"]["truncated"] is True
