"""hubspot-api-client: its errors and pages through the proxy."""

import pytest
from hubspot import HubSpot
from hubspot.crm.contacts import ApiException, SimplePublicObjectInputForCreate

from tests.clients.standing_in import QUICK, Library, paged, said, timed

LIBRARY = Library("hubspot", "hubspot", {"HubSpot": HubSpot})


def contact(name: str) -> dict[str, object]:
    moment = "2026-01-01T00:00:00Z"
    return {"id": name, "properties": {}, "createdAt": moment, "updatedAt": moment, "archived": False}


def test_a_call_arrives_with_our_token(through, provider):
    provider.play(said(contact("7"), 201))
    made = SimplePublicObjectInputForCreate(properties={"email": "ann@example.com"}, associations=[])
    found = through("hubspot").crm.contacts.basic_api.create(simple_public_object_input_for_create=made)
    assert (found.id, provider.requests[-1].values(b"authorization")) == ("7", [b"Bearer made-up-hubspot"])


def test_a_rate_limit_is_waited_out_here(through, provider, calls):
    before = calls("hubspot"), len(provider.requests)
    provider.play(said({"policyName": "SECONDLY"}, 429, ("Retry-After", "1")), said(contact("7")))
    with timed() as ended:
        assert through("hubspot").crm.contacts.basic_api.get_by_id("7").id == "7"
    assert ended.seconds >= 1
    assert (calls("hubspot") - before[0], len(provider.requests) - before[1]) == (1, 2)


def test_pages_follow_each_other(through, provider):
    next_page = {"paging": {"next": {"after": "8", "link": "https://api.hubapi.com/crm/v3/objects/contacts?after=8"}}}
    provider.play(
        paged(
            {
                b"after=8": lambda seen: said({"results": [contact("9")]}),
                b"/contacts": lambda seen: said({"results": [contact("7"), contact("8")], **next_page}),
            }
        )
    )
    assert [one.id for one in through("hubspot").crm.contacts.get_all()] == ["7", "8", "9"]


def test_a_provider_that_is_down_is_its_own_error_and_a_quick_one(through, calls):
    client = through("hubspot-down")
    with pytest.raises(ApiException):
        client.crm.contacts.basic_api.get_by_id("7")
    before = calls("hubspot-down")
    with timed() as ended, pytest.raises(ApiException) as raised:
        client.crm.contacts.basic_api.get_by_id("7")
    assert ended.seconds < QUICK
    assert raised.value.status == 503
    assert calls("hubspot-down") - before <= 2
