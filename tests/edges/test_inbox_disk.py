"""The SQLite inbox on a disk that takes no more, and after `kill -9`: what was acknowledged is there."""

import asyncio
import os
import subprocess
import sys
import textwrap

import pytest

from proxy.webhooks.inbox import Kept
from tests.support.inbox import Box, served_again

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


FULL_DISK = """
import asyncio, resource, sys
from tests.support.inbox import Box, Sender
from proxy.webhooks.inbox import InboxUnavailable
async def main():
    event, box = Sender(), Box(sys.argv[1])
    async with box as inbox:
        print(await inbox.put(event("before", body=bytes(300_000))))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        for name in ("large", "again"):
            try:
                print(await inbox.put(event(name, body=bytes(300_000))))
            except InboxUnavailable as refused:
                print("refused:", refused)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        print(await inbox.put(event("large", body=bytes(300_000))))
        print(await inbox.put(event("before")), inbox.pending)
asyncio.run(main())
"""


def run(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", textwrap.dedent(code), *arguments], stdout=subprocess.PIPE, text=True
    )


def test_a_disk_that_takes_no_more_is_refused_and_room_means_service_again(path):
    with run(FULL_DISK, f"sqlite:{path}") as program:
        said = program.communicate(timeout=60)[0].splitlines()
    assert said[0] == "Kept.NEW"
    assert [line[:8] for line in said[1:3]] == ["refused:"] * 2
    assert "disk" in said[1]
    assert said[3:] == ["Kept.NEW", "Kept.REPEAT 2"]


WRITE_ALL_THE_TIME = """
import asyncio, sys
from tests.support.inbox import Box, Sender
async def main():
    event = Sender(sys.argv[2])
    async with Box(sys.argv[1]) as inbox:
        async def one():
            while True:
                sent = event()
                await inbox.put(sent)
                print(sent.id, flush=True)
        await asyncio.gather(*(one() for _ in range(8)))
asyncio.run(main())
"""


async def test_every_event_that_was_acknowledged_is_there_after_a_kill(path):
    acknowledged: list[str] = []
    for turn in range(3):
        program = run(WRITE_ALL_THE_TIME, f"sqlite:{path}", f"w{turn}")
        assert program.stdout is not None
        acknowledged += [program.stdout.readline().strip() for _ in range(50 + 37 * turn)]
        program.kill()
        acknowledged += program.stdout.read().split("\n")[:-1]  # whole lines only
        program.wait()
        program.stdout.close()
        async with Box(f"sqlite:{path}") as inbox:
            missing = [one for one in acknowledged if await inbox.get(one) is None]
        assert acknowledged
        assert missing == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
async def test_a_full_file_system_is_told_by_its_name(box, path, event):
    path.parent.mkdir(parents=True)
    if await _command("mount", "-t", "tmpfs", "-o", "size=1m", "outrigger", str(path.parent)):
        pytest.skip("tmpfs cannot be mounted here")
    try:
        async with box as inbox:
            await inbox.put(event("before"))
            filler = path.with_name("filler")
            with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
                while True:
                    file.write(bytes(4096))
            answers = await asyncio.gather(*(inbox.put(event(f"e{n}")) for n in range(9)), return_exceptions=True)
            assert {str(answer).partition(" (")[0] for answer in answers} == {"the disk is full"}
            filler.unlink()
            assert await served_again(inbox, event("e1")) is Kept.NEW
            assert await inbox.put(event("before")) is Kept.REPEAT
    finally:
        await _command("umount", str(path.parent))


async def _command(*words: str) -> int:
    return await (await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.DEVNULL)).wait()
