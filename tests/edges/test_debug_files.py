"""The debug log's file: whose it is, what it forgets, what happens when it cannot be written."""

import asyncio
import os
import re
import sqlite3
import stat
from contextlib import closing

import pytest

from proxy.edges.debug_reader import DebugReader, Unreadable, Wanted
from proxy.edges.debug_writer import MOST_BYTES
from tests.support.debug_log import Place

pytestmark = pytest.mark.usefixtures("loops")


async def test_file_and_folder_are_for_the_owner_alone(tmp_path):
    async with Place(tmp_path) as place:
        place.end()
        await place.store.settled()
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in place.path.parent.iterdir()}
        assert set(modes.values()) == {0o600}
        assert {"debug.db", "debug.db-wal"} <= set(modes)
        assert stat.S_IMODE(place.path.parent.stat().st_mode) == 0o700


async def test_a_symbolic_link_is_not_followed(tmp_path):
    place = Place(tmp_path)
    place.path.parent.mkdir()
    (tmp_path / "elsewhere").touch()
    place.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        await place.store.start()


async def test_a_file_that_is_no_database_is_said_before_the_start(tmp_path):
    place = Place(tmp_path)
    place.path.parent.mkdir()
    place.path.write_bytes(b"not a database, for sure" * 100)
    with pytest.raises(OSError, match="SQLITE_NOTADB"):
        await place.store.start()


async def test_a_folder_that_cannot_be_made_is_said_with_the_key_to_change(tmp_path):
    place = Place(tmp_path)
    place.path.parent.touch()
    why = rf"debug_log\.path: {re.escape(str(place.path))} cannot be used .*Not a directory"
    with pytest.raises(OSError, match=why):
        await place.store.start()


async def test_what_is_too_old_is_forgotten(tmp_path):
    async with Place(tmp_path, max_age=3600.0) as place:
        place.end("old")
        await place.store.settled()
        place.wall += 3700
        place.end("new")
        assert await place.ids() == ["new"]


async def test_the_file_stays_below_its_size_and_the_newest_calls_are_in_it(tmp_path):
    limit = 1 << 20
    async with Place(tmp_path, max_size=limit) as place:
        for number in range(60):
            place.end(f"c{number}", body=os.urandom(15_000).hex().encode())
            await place.store.settled()
        kept = await place.ids()
        size = place.path.stat().st_size
    assert kept[0] == "c59"
    assert 5 < len(kept) < 40
    assert size <= limit * 1.2


async def test_what_was_forgotten_is_not_left_in_the_file(tmp_path):
    async with Place(tmp_path, max_age=3600.0) as place:
        place.end("old", body=b"remember remember")
        await place.store.settled()
        place.wall += 3700
        place.end("new")
        await place.store.settled()
        on_disk = b"".join(file.read_bytes() for file in place.path.parent.iterdir())
    assert b"remember" not in on_disk


async def test_a_full_queue_drops_and_says_so(tmp_path):
    place = Place(tmp_path)  # nobody writes yet
    for number in range(9):
        place.end(f"c{number}", body=b"x" * (MOST_BYTES // 16))  # sent, and received: two of them
    assert place.heard.dropped == []  # taken at the loop's next step, when the attempt inside is closed too
    await asyncio.sleep(0)
    assert place.heard.dropped == ["stripe"]


async def test_a_log_that_cannot_be_written_is_said_once_counted_and_tried_again(tmp_path):
    async with Place(tmp_path) as place:
        place.end("before")
        await place.store.settled()
        with closing(sqlite3.connect(place.path)) as other:
            other.execute("CREATE TRIGGER broken BEFORE INSERT ON calls BEGIN SELECT raise(ABORT, 'no'); END")
            for _ in range(2):
                place.end("lost")
                await place.store.settled()
            await asyncio.sleep(0)
            other.execute("DROP TRIGGER broken")
        place.end("after")
        found = await place.ids()
    assert place.heard.dropped == ["stripe", "stripe"]
    assert len(place.heard.warnings) == 1
    assert "cannot be written" in place.heard.warnings[0]
    assert found == ["after", "before"]


async def test_closing_writes_what_is_waiting_and_the_log_can_be_read_without_us(tmp_path):
    async with Place(tmp_path) as place:
        for number in range(200):
            place.end(f"c{number}")
    reader = DebugReader(place.path)
    assert len(reader.requests(Wanted(limit=1000))["requests"]) == 200


async def test_a_reader_follows_what_is_added(tmp_path):
    async with Place(tmp_path) as place:
        place.end("before")
        await place.store.settled()
        reader = DebugReader(place.path)
        end, nothing = reader.since(None)
        place.end("a")
        place.end("b")
        await place.store.settled()
        place_now, added = reader.since(end)
        assert (nothing, [one["id"] for one in added]) == ([], ["a", "b"])
        assert reader.since(place_now) == (place_now, [])


async def test_a_reader_says_that_there_is_no_log(tmp_path):
    with pytest.raises(Unreadable, match="there is no debug log"):
        DebugReader(tmp_path / "none.db").requests(Wanted())


async def test_a_log_of_another_version_is_left_alone(tmp_path):
    place = Place(tmp_path)
    place.path.parent.mkdir()
    with closing(sqlite3.connect(place.path)) as other:
        other.execute("PRAGMA user_version = 9")
        other.commit()
    with pytest.raises(OSError, match="another version"):
        await place.store.start()
