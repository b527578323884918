"""The fake of Twilio: magic numbers, lists, the life of a message."""

import pytest

from proxy import integrations
from proxy.integrations.twilio.segments import segments
from proxy.pipeline import Handler
from tests.support.asking import Answer, ask
from tests.support.provider import EPOCH

ACCOUNT = "AC" + "0" * 32
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages"
GOOD = {"To": "+15551234567", "From": "+15005550006", "Body": "hello"}


class Later:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = EPOCH

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def wall() -> Later:
    return Later()


@pytest.fixture
def fake(wall) -> Handler:
    return integrations.fake("twilio", wall=wall)


async def send(fake: Handler, **other: str) -> Answer:
    return await ask(fake, f"POST {MESSAGES}.json", GOOD | other)


REFUSED = {  # what differs from a good message -> error
    "to a number that is not valid": ({"To": "+15005550001"}, 21211),
    "to a number without a route": ({"To": "+15005550002"}, 21612),
    "to a region that is not enabled": ({"To": "+15005550003"}, 21408),
    "to one who opted out": ({"To": "+15005550004"}, 21610),
    "to a number that takes no messages": ({"To": "+15005550009"}, 21614),
    "to something that is no number": ({"To": "ann"}, 21211),
    "to nobody": ({"To": ""}, 21604),
    "from a number that is not valid": ({"From": "+15005550001"}, 21212),
    "from another's number": ({"From": "+15005550007"}, 21606),
    "from a number whose queue is full": ({"From": "+15005550008"}, 21611),
    "from something that is no sender": ({"From": "+1 (555) 123"}, 21212),
    "from nobody": ({"From": ""}, 21603),
    "without a text": ({"Body": ""}, 21602),
    "with a text that is too long": ({"Body": "x" * 1601}, 21617),
}


@pytest.mark.parametrize(("other", "code"), REFUSED.values(), ids=REFUSED)
async def test_refused(fake, other, code):
    answer = await send(fake, **other)
    assert (answer.status, answer.json["status"], answer.json["code"]) == (400, 400, code)
    assert answer.json["more_info"].endswith(str(code))
    assert set(answer.json) == {"code", "message", "more_info", "status"}
    assert (await ask(fake, f"GET {MESSAGES}.json")).json["messages"] == []


TAKEN = {
    "as documented": {},
    "a text of 1600 characters": {"Body": "x" * 1600},
    "a picture without a text": {"Body": "", "MediaUrl": "https://example.com/a.png"},
    "a sender's name": {"From": "Outrigger"},
    "a short code": {"From": "12345"},
    "a service instead of a sender": {"From": "", "MessagingServiceSid": "MG" + "1" * 32},
    "over WhatsApp": {"To": "whatsapp:+15551234567", "From": "whatsapp:+15005550006"},
}


@pytest.mark.parametrize("other", TAKEN.values(), ids=TAKEN)
async def test_taken(fake, other):
    answer = await send(fake, **other)
    assert (answer.status, answer.json["status"]) == (201, "queued")
    assert answer.headers["Twilio-Request-Id"].startswith("RQ")
    assert answer.headers["Outrigger-Mock"] == "true"


@pytest.mark.parametrize(("age", "status"), [(0.0, "queued"), (0.11, "sent"), (0.21, "delivered"), (3600, "delivered")])
async def test_a_message_s_status_follows_from_its_age(fake, wall, age, status):
    sid = (await send(fake)).json["sid"]
    wall.seconds += age
    assert (await ask(fake, f"GET {MESSAGES}/{sid}.json")).json["status"] == status


async def test_a_deleted_message_is_gone(fake):
    sid = (await send(fake)).json["sid"]
    deleted = await ask(fake, f"DELETE {MESSAGES}/{sid}.json")
    assert (deleted.status, deleted.body) == (204, b"")
    for method in ("GET", "DELETE"):
        answer = await ask(fake, f"{method} {MESSAGES}/{sid}.json")
        assert (answer.status, answer.json["code"]) == (404, 20404)


async def test_a_list_is_followed_by_its_addresses_though_messages_come_meanwhile(fake):
    sids = [(await send(fake, Body=str(number))).json["sid"] for number in range(5)][::-1]
    found, uri = [], f"{MESSAGES}.json?PageSize=2&To=%2B15551234567"
    while uri:
        page = (await ask(fake, f"GET {uri}")).json
        found += [message["sid"] for message in page["messages"]]
        uri = page["next_page_uri"]
        await send(fake, Body="meanwhile")
    assert found == sids


async def test_a_list_chooses_by_numbers_and_knows_its_place(fake):
    await send(fake, To="+15557654321")
    sid = (await send(fake, From="Outrigger")).json["sid"]
    for query in ("From=Outrigger", "To=%2B15551234567", "PageSize=1"):
        page = (await ask(fake, f"GET {MESSAGES}.json?{query}")).json
        assert [message["sid"] for message in page["messages"]] == [sid]
    last = (await ask(fake, f"GET {MESSAGES}.json?PageSize=1&Page=1")).json
    assert (last["page"], last["start"], last["end"], last["next_page_uri"]) == (1, 1, 1, None)
    assert last["previous_page_uri"].startswith(f"{MESSAGES}.json?")


@pytest.mark.parametrize("query", ["PageSize=0", "PageSize=x", "Page=-1"])
async def test_an_impossible_page_is_refused(fake, query):
    assert (await ask(fake, f"GET {MESSAGES}.json?{query}")).status == 400


async def test_another_account_has_other_messages(fake):
    sid = (await send(fake)).json["sid"]
    other = MESSAGES.replace("AC0", "AC1")
    assert (await ask(fake, f"GET {other}/{sid}.json")).status == 404
    assert (await ask(fake, f"GET {other}.json")).json["messages"] == []


async def test_the_account_can_be_read(fake):
    answer = await ask(fake, f"GET /2010-04-01/Accounts/{ACCOUNT}.json")
    assert (answer.status, answer.json["sid"], answer.json["status"]) == (200, ACCOUNT, "active")


ABSENT = {
    "another resource": (f"GET /2010-04-01/Accounts/{ACCOUNT}/Recordings.json", None, 404, 20404),
    "another account's form": ("GET /2010-04-01/Accounts/AC1.json", None, 404, 20404),
    "another version": (f"GET /2008-08-01/Accounts/{ACCOUNT}/Messages.json", None, 404, 20404),
    "another host": (f"GET {MESSAGES}.json", "verify", 404, 20404),
    "another method": (f"PUT {MESSAGES}.json", None, 405, 20004),
}


@pytest.mark.parametrize(("line", "origin", "status", "code"), ABSENT.values(), ids=ABSENT)
async def test_what_is_not_there(fake, line, origin, status, code):
    answer = await ask(fake, line, origin=origin)
    assert (answer.status, answer.json["status"], answer.json["code"]) == (status, status, code)


@pytest.mark.parametrize(("status", "code"), [(429, 20429), (503, 20503), (401, 20003)])
async def test_a_rehearsed_failure_has_twilio_s_code(fake, status, code):
    answer = await send(fake, Body=f"[[{status}]]")
    assert (answer.status, answer.json["code"]) == (status, code)


SEGMENTS = {  # text -> messages
    "nothing": ("", 1),
    "160 plain letters": ("x" * 160, 1),
    "161 plain letters": ("x" * 161, 2),
    "306 plain letters": ("x" * 306, 2),
    "307 plain letters": ("x" * 307, 3),
    "80 euro signs, which count twice": ("€" * 80, 1),
    "81 euro signs": ("€" * 81, 2),
    "letters of the basic alphabet": ("åÄñß" * 40, 1),
    "70 letters of another alphabet": ("я" * 70, 1),
    "71 letters of another alphabet": ("я" * 71, 2),
    "134 letters of another alphabet": ("я" * 134, 2),
    "36 emoji, of two units each": ("🚀" * 36, 2),
}


@pytest.mark.parametrize(("text", "messages"), SEGMENTS.values(), ids=SEGMENTS)
async def test_segments(fake, text, messages):
    assert segments(text) == messages
    if text:
        assert (await send(fake, Body=text)).json["num_segments"] == str(messages)


async def test_a_message_with_a_picture_has_an_id_of_its_kind(fake):
    assert (await send(fake, MediaUrl="https://pictures.example/1.png")).json["sid"].startswith("MM")
    assert (await send(fake)).json["sid"].startswith("SM")
