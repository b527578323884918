"""The PostgreSQL inbox: several Outriggers on it, a server that leaves and comes back, and a password nobody sees."""

import asyncio
import importlib
import time
from pathlib import Path

import pytest

from proxy.webhooks.inbox import InboxUnavailable, Kept
from tests.support.authority import Authority
from tests.support.inbox import NOON, Box, ids, served_again
from tests.support.postgres import NoPostgres, PostgresServer

pytestmark = pytest.mark.usefixtures("loops")


@pytest.fixture
def loops():
    """One kind is enough: the store is threads."""
    return asyncio.new_event_loop


@pytest.fixture
def url(postgres, loops):
    return postgres.database()


@pytest.fixture
def box(url):
    return Box(url)


@pytest.fixture(scope="module")
def mortal():
    """A server of its own, which a test may stop."""
    try:
        server = PostgresServer()
    except NoPostgres as reason:
        pytest.skip(f"NO POSTGRESQL: {reason}")
    yield server
    server.close()


async def test_several_start_at_once_on_an_empty_database(url, event):
    boxes = [Box(url) for _ in range(4)]
    inboxes = await asyncio.gather(*(box.open() for box in boxes))
    found = await asyncio.gather(*(inbox.put(event("same")) for inbox in inboxes * 5))
    assert sorted(kept.value for kept in found) == ["new"] + ["repeat"] * 19
    for box in boxes:
        await box.close()


async def test_two_outriggers_never_deliver_one_event_twice_nor_leave_one_out(url, event):
    async with Box(url) as one, Box(url) as other:
        await asyncio.gather(*(one.put(event()) for _ in range(200)))
        turns = await asyncio.gather(
            *(inbox.claim("stripe", 7, NOON + 999, NOON + 1_999) for _ in range(20) for inbox in (one, other))
        )
        claimed = [name for turn in turns for name in ids(turn)]
    assert len(claimed) == len(set(claimed)) == 200


async def test_a_start_leaves_the_claims_of_others_alone_until_they_run_out(url, event):
    async with Box(url) as killed:
        await killed.put(event("a"))
        await killed.claim("stripe", 9, NOON + 10, NOON + 70)
    async with Box(url) as other:
        assert await other.claim("stripe", 9, NOON + 69, NOON + 129) == []
        assert ids(await other.claim("stripe", 9, NOON + 71, NOON + 131)) == ["a"]


async def test_one_order_key_is_in_one_hand_at_a_time_and_in_its_order(url, event):
    busy: set[str] = set()
    done: dict[str, list[str]] = {}

    async def deliver(inbox):
        idle = 0
        while idle < 15:
            claimed = await inbox.claim("stripe", 3, NOON + 9_000, NOON + 99_000)
            idle = 0 if claimed else idle + 1
            for one in claimed:
                key = one.arrival.order_key
                assert key not in busy
                busy.add(key)
            await asyncio.sleep(0.005)
            for one in claimed:
                done.setdefault(one.arrival.order_key, []).append(one.arrival.event_id)
                busy.discard(one.arrival.order_key)
                await inbox.finish(one.arrival.id, NOON + 9_000, 200)

    sent = [event(f"{number:03d}", order_key=f"k{number % 4}") for number in range(60)]
    async with Box(url) as one, Box(url) as other:
        for each in sent:
            await one.put(each)
        await asyncio.gather(deliver(one), deliver(other), deliver(one))
    assert done == {f"k{key}": [f"{number:03d}" for number in range(key, 60, 4)] for key in range(4)}


async def test_pending_counts_what_others_stored_too(url, event):
    async with Box(url) as one, Box(url) as other:
        await one.put(event())
        await other.put(event())
        await other.stats()
        assert other.pending == 2


async def test_a_bad_row_does_not_fail_its_neighbours(box, event):
    async with box as inbox:
        await inbox.put(first := event("first"))
        taken = event("its id is taken", id=first.id)
        answers = await asyncio.gather(
            *(inbox.put(one) for one in (event("a"), taken, event("b"))), return_exceptions=True
        )
        assert [answers[0], answers[2]] == [Kept.NEW, Kept.NEW]
        assert isinstance(answers[1], InboxUnavailable)
        assert await inbox.put(event("its id is taken")) is Kept.NEW, "nothing of it was kept"


async def test_a_server_that_leaves_is_missed_at_once_and_found_again(mortal, event):
    box = Box(mortal.database())
    async with box as inbox:
        await inbox.put(event("a"))
        await asyncio.to_thread(mortal.stop)
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(InboxUnavailable, match="server"):
                await inbox.put(event("b"))
            assert time.monotonic() - began < 8
        with pytest.raises(InboxUnavailable):
            await inbox.get("stripe-000001")
        await asyncio.to_thread(mortal.start)
        assert await served_again(inbox, event("a")) is Kept.REPEAT
        assert await inbox.get("stripe-000001")
    assert len(box.heard.warnings) >= 2
    assert box.heard.warnings[-1].startswith("the inbox works again")


async def test_a_server_that_is_down_at_the_start_is_waited_for(mortal, event):
    url = mortal.database()
    await asyncio.to_thread(mortal.stop)
    box = Box(url)
    inbox = await box.open()
    with pytest.raises(InboxUnavailable, match="server"):
        await inbox.put(event("a"))
    await asyncio.to_thread(mortal.start)
    assert await served_again(inbox, event("a")) is Kept.NEW
    await box.close()


async def test_a_server_that_stands_still_holds_nobody_for_long(mortal, event):
    async with Box(mortal.database()) as inbox:
        await inbox.put(event("a"))
        mortal.freeze(on=True)
        try:
            began = time.monotonic()
            answers = await asyncio.gather(*(inbox.put(event()) for _ in range(5)), return_exceptions=True)
            assert time.monotonic() - began < 8
        finally:
            mortal.freeze(on=False)
        assert {type(answer) for answer in answers} == {InboxUnavailable}
        assert await served_again(inbox, event("a")) is Kept.REPEAT


async def test_a_table_that_somebody_has_locked_is_refused_in_time(postgres, url, event):
    async with Box(url) as inbox:
        await inbox.put(event("a"))
        lock = "BEGIN; LOCK TABLE events; SELECT pg_sleep(3); COMMIT"
        held = asyncio.ensure_future(asyncio.to_thread(postgres.ask, lock, url.rpartition("/")[2]))
        await asyncio.sleep(0.3)
        with pytest.raises(InboxUnavailable, match="locked"):
            await asyncio.wait_for(inbox.put(event("b")), 8)
        await held
        assert await served_again(inbox, event("b")) in {Kept.NEW, Kept.REPEAT}


UNUSABLE = {
    "a wrong password": (lambda url: url.replace("p4ss-of", "p4ss-on"), "user or the password"),
    "no such database": (lambda url: url + "_not", "no such database"),
    "half a URL": (lambda url: url.replace("@127.0.0.1:", "@[127.0.0.1:"), r"inbox\.url"),
    "a port that is none": (lambda url: url.replace("@127.0.0.1:", "@127.0.0.1:x"), r"inbox\.url"),
    "an unknown word": (lambda url: url + "?nonsense=1", r"inbox\.url"),
    "TLS where there is none": (lambda url: url + "?sslmode=require", "TLS"),
}


@pytest.mark.parametrize(("change", "said"), UNUSABLE.values(), ids=UNUSABLE)
async def test_what_no_waiting_can_put_right_is_said_at_the_start_without_the_password(url, change, said):
    box = Box(change(url))
    with pytest.raises(InboxUnavailable, match=said) as refused:
        await box.open()
    assert "p4ss" not in repr(refused.value)
    assert "p4ss" not in "".join(box.heard.warnings)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


OTHERS = {
    "tables of another program": ("CREATE TABLE events (a int)", "another program"),
    "a newer version": ("CREATE TABLE outrigger_inbox (version int); INSERT INTO outrigger_inbox VALUES (99)", "newer"),
}


@pytest.mark.parametrize(("sql", "said"), OTHERS.values(), ids=OTHERS)
async def test_a_database_of_somebody_else_is_refused_at_the_start(postgres, url, sql, said):
    name = url.rpartition("/")[2]
    postgres.ask(f"{sql}; GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk", name)
    with pytest.raises(InboxUnavailable, match=said) as refused:
        await Box(url).open()
    assert name in str(refused.value)


POOLED = {
    "a prepared statement that another connection has": "DuplicatePreparedStatement",
    "one that another connection had": "InvalidSqlStatementName",
}


@pytest.mark.parametrize("error", POOLED.values(), ids=POOLED)
@pytest.mark.usefixtures("postgres")
def test_a_pooler_that_changes_connections_is_told_for_what_it_is(error):
    library, store = (importlib.import_module(name) for name in ("psycopg.errors", "proxy.edges.inbox_postgres"))
    fault = store.PostgresServer.fault(getattr(library, error)())
    assert "pooler" in str(fault)
    assert fault.lasting


async def test_tls_is_checked_as_the_url_says(mortal, event, tmp_path_factory):
    url = await asyncio.to_thread(with_tls, mortal, Authority(tmp_path_factory.mktemp("ca")))
    async with Box(f"{url}?sslmode=verify-full&sslrootcert={mortal.folder}/ca.pem") as inbox:
        assert await inbox.put(event()) is Kept.NEW
    wrong = {
        "?sslmode=verify-full&sslrootcert=/nowhere/ca.pem": "sslrootcert of inbox.url names no file",
        "?sslmode=verify-full&sslrootcert=system": "not signed by one in sslrootcert",
        "?sslmode=disable": "without TLS",
    }
    elsewhere = url.replace("127.0.0.1", "localhost") + f"?sslmode=verify-full&sslrootcert={mortal.folder}/ca.pem"
    with pytest.raises(InboxUnavailable, match="for another name"):
        await Box(elsewhere).open()
    for more, said in wrong.items():
        with pytest.raises(InboxUnavailable, match=said):
            await Box(url + more).open()


def with_tls(server, authority):
    """The URL of a new database of a server that, from now on, lets nobody in without TLS."""
    for name, made in (("server.pem", authority.certificate("127.0.0.1")), ("ca.pem", authority.ca)):
        server.give(name, Path(made).read_bytes())
    url = server.database()
    for name, value in (("ssl_cert_file", "server.pem"), ("ssl_key_file", "server.pem")):
        server.ask(f"ALTER SYSTEM SET {name} = '{server.folder}/{value}'")
    server.ask("ALTER SYSTEM SET ssl = on")
    server.stop()
    server.start(only_tls=True)
    return url


async def test_both_spellings_of_the_scheme_are_one(url, event):
    async with Box(url.replace("postgresql:", "postgres:")) as inbox:
        assert await inbox.put(event()) is Kept.NEW
