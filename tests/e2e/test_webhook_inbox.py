"""The inbox as senders, application and operators meet it: a program, its file, and what comes out in the end."""

import json
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support import in_process
from tests.support.command import Ended
from tests.support.inbox_program import ENVIRON, OPERATOR, PATIENT, Inbox
from tests.support.program import LISTEN, Program
from tests.support.scripted import ScriptedUpstream, plain
from tests.support.senders import SECRET, event, proof


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Inbox]:
    """A program of the test's own, which it may kill."""
    made = Inbox(tmp_path)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inbox]:
    made = Inbox(tmp_path_factory.mktemp("inbox"))
    yield made
    made.stop()


@pytest.fixture
def inbox(started: Inbox) -> Inbox:
    """One program for all, whose tests keep to webhooks of their own."""
    started.application.play(plain(200))
    started.application.requests.clear()
    return started


def test_an_event_is_answered_delivered_once_and_counted(inbox):
    assert inbox.post("stripe", "evt_1").status_code == 200
    assert inbox.post("stripe", "evt_1").status_code == 200
    inbox.program.until(lambda: inbox.events(webhook="stripe", state="delivered"))
    assert inbox.arrived() == ["evt_1"]
    metrics = inbox.program.metrics()
    assert metrics['outrigger_webhook_events_total{outcome="accepted",webhook="stripe"}'] == 1
    assert metrics['outrigger_webhook_events_total{outcome="duplicate",webhook="stripe"}'] == 1
    assert metrics['outrigger_webhook_deliveries_total{outcome="delivered",webhook="stripe"}'] == 1
    assert metrics['outrigger_webhook_inbox_events{state="delivered",webhook="stripe"}'] == 1
    assert metrics['outrigger_webhook_oldest_undelivered_seconds{state="pending",webhook="stripe"}'] == 0


def test_what_fails_comes_again_is_dead_in_the_end_and_lives_when_an_operator_says_so(inbox):
    inbox.application.play(plain(500))
    inbox.post("failing", "evt_1")
    inbox.program.until(lambda: inbox.events(webhook="failing", state="dead"))
    (dead,) = inbox.events(webhook="failing")
    assert (dead["attempts"], dead["last_status"], dead["next_at"]) == (3, 500, None)
    inbox.application.play(plain(200))
    answer = inbox.ask(f"events/{dead['id']}/redeliver")
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    inbox.program.until(lambda: inbox.events(webhook="failing", state="delivered"))
    attempts = [seen.values(b"Outrigger-Attempt") for seen in inbox.application.requests]
    assert attempts == [[b"1"], [b"2"], [b"3"], [b"4"]]
    inbox.program.wait_for(r'"event":"delivery".*"outcome":"dead".*"attempt":3,"reason":"the application said 500"')


def test_an_application_that_was_down_all_the_time_gets_everything_oldest_first_and_no_flood(own):
    own.away()
    ids = [f"evt_{number}" for number in range(40)]
    for name in ids:
        assert own.post("patient", name).status_code == 200
    with pytest.raises(AssertionError):
        own.program.until(lambda: not own.events(state="pending"), seconds=1)
    back = own.back(Counting)
    own.program.until(lambda: len(own.events(state="delivered", limit="1000")) == len(ids))
    assert sorted(own.arrived(), key=ids.index) == ids
    assert own.arrived()[0] == "evt_0"
    assert all(
        abs(ids.index(name) - place) <= 16 for place, name in enumerate(own.arrived())
    )  # at once there are eight
    assert back.most <= 8


class Counting(ScriptedUpstream):
    """An application that is back on its port, takes its time and counts how many it has at once."""

    def __init__(self, port: int = 0) -> None:
        self.now = self.most = 0
        super().__init__(self._slow, port=port)

    def _slow(self, _: object) -> list[bytes | float]:
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.01)
        self.now -= 1
        return [plain(200)]


def test_in_sync_a_failed_call_may_come_again_and_a_good_one_is_a_repeat(inbox):
    inbox.application.play(plain(500, b"no"), plain(201, b"yes"), plain(418))
    answers = [inbox.post("asked", "evt_1") for _ in range(3)]
    assert [(one.status_code, one.content) for one in answers] == [(500, b"no"), (201, b"yes"), (200, b"")]
    assert inbox.arrived() == ["evt_1", "evt_1"]
    assert inbox.events(webhook="asked") == []


def test_events_without_an_application_wait_to_be_pulled(inbox):
    answer = inbox.post("pulled", "evt_1")
    assert (answer.status_code, answer.content) == (202, b"ok")
    inbox.post("pulled", "evt_2")
    pulled = inbox.ask("pull", {"webhook": "pulled", "max": 1, "lease": "1s"}).json()["events"]
    assert [one["event_id"] for one in pulled] == ["evt_1"]
    assert pulled[0]["request"]["body"] == event("evt_1").decode()
    assert [one["event_id"] for one in inbox.ask("pull", {"webhook": "pulled"}).json()["events"]] == ["evt_2"]
    assert {one["state"] for one in inbox.events(webhook="pulled")} == {"waiting"}
    ids = {one["event_id"]: one["id"] for one in inbox.events(webhook="pulled")}
    assert [inbox.ask(f"events/{ids['evt_2']}/ack").status_code for _ in range(2)] == [204, 204]
    time.sleep(1.2)
    assert [one["event_id"] for one in inbox.ask("pull", {"webhook": "pulled"}).json()["events"]] == ["evt_1"]
    assert inbox.ask(f"events/{ids['evt_1']}/ack").status_code == 204
    assert {one["state"] for one in inbox.events(webhook="pulled")} == {"delivered"}


WRONG = {  # path, content, with the token; status
    "pull without a webhook": ("pull", {}, True, 400),
    "pull of nobody's webhook": ("pull", {"webhook": "nobody"}, True, 404),
    "pull of too many": ("pull", {"webhook": "pulled", "max": 101}, True, 400),
    "pull of half an event": ("pull", {"webhook": "pulled", "max": 0.5}, True, 400),
    "a lease of no time": ("pull", {"webhook": "pulled", "lease": "0s"}, True, 400),
    "a lease that is none": ("pull", {"webhook": "pulled", "lease": "soon"}, True, 400),
    "a key that is unknown": ("pull", {"webhook": "pulled", "limit": 1}, True, 400),
    "pull without the token": ("pull", {"webhook": "pulled"}, False, 401),
    "an event that is not there": ("events/0199-0/ack", None, True, 404),
    "redelivery of one": ("events/0199-0/redeliver", None, True, 404),
    "redelivery without the token": ("events/0199-0/redeliver", None, False, 401),
}


def test_what_cannot_be_done_is_refused(inbox):
    found = {}
    for name, (path, content, token, _) in WRONG.items():
        headers = OPERATOR if token else {}
        url = f"{inbox.program.admin}/api/webhooks/{path}"
        found[name] = httpx.post(url, json=content, headers=headers).status_code
    assert found == {name: status for name, (*_, status) in WRONG.items()}


def test_pages_follow_each_other_and_end(inbox):
    for number in range(5):
        inbox.post("paged", f"evt_{number}")
    seen, after = [], None
    for _ in range(9):
        filters = {"limit": "2", "webhook": "paged"} | ({"after": after} if after else {})
        page = httpx.get(f"{inbox.program.admin}/api/webhooks/events", params=filters).json()
        seen += [one["event_id"] for one in page["events"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ["evt_4", "evt_3", "evt_2", "evt_1", "evt_0"]
    assert httpx.get(f"{inbox.program.admin}/api/webhooks/events?state=lost").status_code == 400
    assert httpx.get(f"{inbox.program.admin}/api/webhooks/events?limit=0").status_code == 400


def test_an_event_and_a_refusal_are_shown_without_what_is_secret(inbox):
    inbox.post("shown", "evt_1", Authorization=f"Bearer {SECRET}")
    (stored,) = inbox.events(webhook="shown")
    shown = httpx.get(f"{inbox.program.admin}/api/webhooks/events/{stored['id']}")
    assert shown.json()["request"]["body"] == event("evt_1").decode()
    assert SECRET not in shown.text
    forged = httpx.post(f"{inbox.program.webhooks}/shown", content=b"{}", headers=proof(b"x") | {"X-Note": SECRET})
    assert (forged.status_code, forged.content) == (401, b"")
    (refused,) = httpx.get(f"{inbox.program.admin}/api/webhooks/refused?webhook=shown").json()["refused"]
    assert (refused["webhook"], refused["outcome"], refused["status"]) == ("shown", "bad_signature", 401)
    assert "none of 1 signatures fits" in refused["reason"]
    assert SECRET not in json.dumps(refused)


def test_events_outlive_the_program_and_a_shutdown_waits_for_a_delivery(own):
    own.application.play(plain(207, b"taken"))
    assert own.post("both", "evt_0").content == b"taken"
    own.away()
    assert own.post("patient", "evt_1").status_code == 200
    assert own.post("both", "evt_2").status_code == 200  # asked first, and stored when nobody answers
    own.program.stop(signal.SIGKILL)
    own.back()
    own.start()
    own.program.until(lambda: sorted(own.arrived()) == ["evt_1", "evt_2"])
    assert own.post("patient", "evt_1").status_code == 200
    own.application.play([1.0, plain(200)])
    own.post("patient", "evt_3")
    own.program.until(lambda: own.arrived()[2:] == ["evt_3"])
    assert own.program.stop() == 0
    with closing(sqlite3.connect(own.folder / "inbox.db")) as file:
        assert file.execute("SELECT state, count(*) FROM events GROUP BY state").fetchall() == [("delivered", 3)]


def test_over_max_pending_a_sender_is_told_to_come_again(tmp_path):
    inbox = Inbox(tmp_path, max_pending=2)
    try:
        answers = [inbox.post("pulled", f"evt_{number}") for number in range(3)]
        assert [one.status_code for one in answers] == [202, 202, 503]
        assert int(answers[2].headers["retry-after"]) >= 5
        assert inbox.program.metrics()['outrigger_webhook_events_total{outcome="overloaded",webhook="pulled"}'] == 1
        event_id = inbox.ask("pull", {"webhook": "pulled", "max": 1}).json()["events"][0]["id"]
        inbox.ask(f"events/{event_id}/ack")
        inbox.program.until(lambda: inbox.post("pulled", "evt_3").status_code == 202)
    finally:
        inbox.stop()


def test_a_locked_inbox_refuses_unready_and_is_well_again_by_itself(own):
    own.post("pulled", "evt_0")
    with closing(sqlite3.connect(own.folder / "inbox.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        answers = [own.post("pulled", f"evt_{number}") for number in (1, 2, 3)]
        assert [(one.status_code, one.content) for one in answers] == [(503, b"")] * 3
        assert int(answers[0].headers["retry-after"]) >= 5
        ready = httpx.get(f"{own.program.admin}/readyz")
        assert (ready.status_code, "inbox" in ready.json()["reasons"][0]) == (503, True)
        other.execute("ROLLBACK")
    own.program.until(lambda: own.post("pulled", "evt_4").status_code == 202)
    assert httpx.get(f"{own.program.admin}/readyz").status_code == 200


def test_events_go_the_way_that_a_reload_says_also_those_that_came_before(own):
    own.away()
    assert own.post("patient", "evt_1").status_code == 200
    assert own.post("pulled", "evt_2").status_code == 202
    before, url = own.config.read_text(), own.application.url
    after = before.replace(
        f'patient: {{integration: stripe, deliver: {{url: "{url}/hooks", {PATIENT}}}}}',
        "patient: {integration: stripe}",
    )
    after = after.replace(
        "pulled: {integration: stripe,", f'pulled: {{integration: stripe, deliver: {{url: "{url}/x"}},'
    )
    own.back()
    assert '"taken":true' in own.program.reload(after)
    found: list[object] = []
    own.program.until(lambda: bool(found.extend(own.ask("pull", {"webhook": "patient"}).json()["events"]) or found))
    assert [one["event_id"] for one in found] == ["evt_1"]
    own.program.until(lambda: "evt_2" in own.arrived())
    assert own.events(webhook="pulled")[0]["state"] in ("pending", "delivered")


def test_the_first_webhook_may_come_with_a_reload(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(f"version: 1\n{LISTEN}")
    program = Program(config, ENVIRON)
    try:
        assert not (tmp_path / "inbox.db").exists()
        program.reload(
            f"version: 1\n{LISTEN}webhooks: {{pulled: {{integration: stripe}}}}\ninbox: {{url: 'sqlite:inbox.db'}}\n"
        )
    finally:
        program.stop()


def command(inbox: Inbox, *arguments: str) -> Ended:
    return in_process.command(inbox.config, "webhook", *arguments, **ENVIRON)


def test_the_command_line_lists_shows_and_redelivers(inbox):
    inbox.application.play(plain(410))
    inbox.post("gone", "evt_1")
    inbox.program.until(lambda: inbox.events(webhook="gone", state="dead"))
    listed = command(inbox, "list", "--webhook", "gone", "--state", "dead")
    assert (listed.code, listed.err) == (0, "")
    event_id = re.match(r"\S+", listed.out)[0]
    shown = command(inbox, "show", event_id)
    assert "signed with: stripe_webhook_secret\nlast error: the application said 410\n\nPOST\n" in shown.out
    assert event("evt_1").decode() in shown.out
    httpx.post(f"{inbox.program.webhooks}/gone", content=b"{}")
    refused = command(inbox, "show", "gone")
    assert "401 missing_signature" in refused.out
    inbox.application.play(plain(200))
    assert command(inbox, "redeliver", event_id).code == 0
    inbox.program.until(lambda: inbox.events(webhook="gone", state="delivered"))
    assert json.loads(command(inbox, "list", "--webhook", "gone", "--json").out)["event_id"] == "evt_1"
    again = command(inbox, "redeliver", event_id, event_id, "--json")
    due = [json.loads(line) for line in again.out.splitlines()]
    assert (again.code, [event["id"] for event in due]) == (0, [event_id] * 2)
    assert due[0].keys() == json.loads(command(inbox, "list", "--webhook", "gone", "--json").out).keys()
    gone = command(inbox, "redeliver", event_id.replace("0", "1"))
    assert (gone.code, gone.err) == (1, "No event with that id is in the inbox.\n")
    none = command(inbox, "list", "--webhook", "gone", "--state", "dead", "--json")
    assert (none.code, none.out, none.err) == (0, "", "there is no such event in the inbox\n")
    unknown = command(inbox, "list", "--webhook", "nobody")
    assert (unknown.code, unknown.out, "no webhook is called nobody" in unknown.err) == (2, "", True)
