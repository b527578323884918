"""The SQLite inbox when its file, its disk or its neighbours fail: never 2xx for what is not safe, and it heals."""

import asyncio
import sqlite3
import stat
from contextlib import closing

import pytest

from proxy.webhooks.inbox import InboxUnavailable, Kept
from tests.support.inbox import NOON, Box, served_again

pytestmark = pytest.mark.usefixtures("loops")


@pytest.fixture
def loops():
    """One kind is enough: the store is threads."""
    return asyncio.new_event_loop


@pytest.fixture
def path(tmp_path, loops):
    return tmp_path / "deep" / "state" / "inbox.db"


@pytest.fixture
def box(path):
    return Box(f"sqlite:{path}")


async def test_file_and_folders_are_private_and_the_commits_are_synced(box, path, event):
    async with box as inbox:
        await inbox.put(event())
        files = [path, path.with_name("inbox.db-wal"), path.with_name("inbox.db-shm"), path.with_name("inbox.db.lock")]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert {name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")} == {
            "events",
            "seen",
            "nonces",
        }


async def test_a_file_that_others_could_read_is_made_private(box, path, event):
    path.parent.mkdir(parents=True)
    path.touch(0o644)
    async with box as inbox:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await inbox.put(event()) is Kept.NEW


def foreign(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE other (a)")


def newer(path):
    with closing(sqlite3.connect(path)) as database:
        application = 0x4F757472
        database.execute("CREATE TABLE events (a)")
        database.execute(f"PRAGMA application_id = {application}")
        database.execute("PRAGMA user_version = 99")


def elsewhere(path):
    path.with_name("real.db").touch()
    path.symlink_to("real.db")


UNUSABLE = {
    "no database at all": (lambda path: path.write_bytes(b"no database" * 1000), "damaged or no inbox"),
    "another program's database": (foreign, "another program's database"),
    "a newer version's": (newer, "newer version"),
    "a symbolic link": (elsewhere, "symbolic link"),
    "a folder": (lambda path: path.mkdir(), "cannot be opened"),
}


@pytest.mark.parametrize(("make", "said"), UNUSABLE.values(), ids=UNUSABLE)
async def test_what_is_no_inbox_is_refused_at_the_start_and_left_as_it_is(box, path, make, said):
    path.parent.mkdir(parents=True)
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(InboxUnavailable, match=said) as refused:
        await box.open()
    assert str(path) in str(refused.value)
    assert before == (path.read_bytes() if path.is_file() else None)


async def test_a_second_outrigger_on_the_same_file_is_refused_until_the_first_ends(box, path, event):
    async with box as inbox:
        with pytest.raises(InboxUnavailable, match=r"another Outrigger uses it; .* PostgreSQL"):
            await Box(f"sqlite:{path}").open()
        assert await inbox.put(event("a")) is Kept.NEW
    async with Box(f"sqlite:{path}") as second:
        assert await second.put(event("a")) is Kept.REPEAT


async def test_what_was_claimed_is_due_again_at_the_start(box, event):
    async with box as inbox:
        for one in (event("a", order_key="k"), event("b", order_key="k"), event.pulled("c")):
            await inbox.put(one)
        await inbox.claim("stripe", 9, NOON + 10, NOON + 9_000)
        await inbox.lease("stripe", 9, NOON + 10, NOON + 9_000)
    async with box as inbox:
        assert await inbox.next_due("stripe") == NOON + 1
        assert [one.arrival.event_id for one in await inbox.claim("stripe", 9, NOON + 11, NOON + 99)] == ["a"]
        assert [one.arrival.event_id for one in await inbox.lease("stripe", 9, NOON + 11, NOON + 99)] == ["c"]


async def test_a_file_that_somebody_has_locked_is_refused_in_time_and_served_afterwards(box, path, event):
    async with box as inbox:
        await inbox.put(event())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            many = [inbox.put(event()) for _ in range(40)]
            for answer in await asyncio.wait_for(asyncio.gather(*many, return_exceptions=True), 8):
                assert isinstance(answer, InboxUnavailable)
                assert "locked" in str(answer)
            assert await inbox.get("stripe-000001"), "what is only read is read all the same"
            other.execute("ROLLBACK")
        assert await served_again(inbox, event("after")) is Kept.NEW
    assert [text.partition("(")[0] for text in box.heard.warnings] == [
        "the inbox does not work ",
        "the inbox works again: sqlite:" + str(path),
    ]


async def test_a_start_on_a_locked_file_waits_for_nobody_and_heals(box, path, event):
    async with box as inbox:
        await inbox.put(event("a"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        inbox = await box.open()
        with pytest.raises(InboxUnavailable):
            await inbox.put(event("b"))
        other.execute("ROLLBACK")
    assert await served_again(inbox, event("a")) is Kept.REPEAT
    await box.close()


async def test_a_file_that_is_gone_is_missed_at_once_and_taken_back(box, path, event):
    async with box as inbox:
        await inbox.put(event("a"))
        away = path.parent.with_name("away")
        path.parent.rename(away)
        for _ in range(2):
            with pytest.raises(InboxUnavailable, match="gone; put it back"):
                await inbox.put(event())
        with pytest.raises(InboxUnavailable, match="gone"):
            await inbox.get("stripe-000001")
        assert not path.parent.exists(), "no empty inbox is begun in its place"
        away.rename(path.parent)
        assert await served_again(inbox, event("a")) is Kept.REPEAT
        assert inbox.pending == 1


async def test_a_file_that_left_while_it_was_written_is_missed_before_anybody_hears_of_success(box, path, event):
    async with box as inbox:
        await inbox.put(event("a"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.ensure_future(inbox.put(event("b")))
            await asyncio.sleep(0.3)
            path.parent.rename(path.parent.with_name("away"))
            other.execute("ROLLBACK")
            with pytest.raises(InboxUnavailable, match="gone"):
                await waiting


async def test_what_nobody_waits_for_any_more_is_not_stored(box, path, event):
    async with box as inbox:
        await inbox.put(event("a"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            begun = asyncio.ensure_future(inbox.put(event("begun")))
            await asyncio.sleep(0.3)
            queued = asyncio.ensure_future(inbox.put(event("queued")))
            await asyncio.sleep(0.1)
            queued.cancel()
            other.execute("ROLLBACK")
            assert await begun is Kept.NEW
        assert await inbox.put(event("queued")) is Kept.NEW


async def test_a_log_that_was_deleted_is_missed(box, path, event):
    async with box as inbox:
        await inbox.put(event("a"))
        path.with_name("inbox.db-wal").unlink()
        with pytest.raises(InboxUnavailable, match="gone"):
            await inbox.put(event("b"))
        assert await served_again(inbox, event("c")) is Kept.NEW
        assert await inbox.put(event("a")) is Kept.REPEAT


async def test_below_min_free_nothing_is_stored_and_the_rest_goes_on(path, event):
    async with Box(f"sqlite:{path}") as inbox:
        await inbox.put(one := event("a"))
    box = Box(f"sqlite:{path}", min_free=1 << 60)
    async with box as inbox:
        with pytest.raises(InboxUnavailable, match=r"inbox\.min_free"):
            await inbox.put(event("b"))
        assert len(await inbox.claim("stripe", 9, NOON + 10, NOON + 70)) == 1
        assert await inbox.finish(one.id, NOON + 10, 200)
        assert await inbox.purge(NOON + 99, 0, 0, 9) == 1
    assert len(box.heard.warnings) == 1


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
        assert inbox.pending == 4


async def test_room_of_what_was_purged_is_given_back(box, path, event):
    async with box as inbox:
        for _ in range(40):
            await inbox.put(one := event(body=bytes(100_000)))
            await inbox.finish(one.id, NOON, 200)
        while await inbox.purge(NOON + 1, 0, 0, 10):
            pass
    assert path.stat().st_size < 1_000_000
