"""The PostgreSQL inbox behind PgBouncer, where two transactions of one connection may be two server processes'."""

import asyncio
import importlib

import pytest

from proxy.webhooks.inbox import InboxUnavailable
from tests.support.inbox import NOON, Box, ids
from tests.support.pooler import Pooler
from tests.support.postgres import NoPostgres

pytestmark = pytest.mark.usefixtures("loops")


@pytest.fixture
def loops():
    """One kind is enough: the store is threads."""
    return asyncio.new_event_loop


@pytest.fixture
def pooled(postgres):
    """By pool mode: the URL of a new database through a pooler."""
    started = []

    def start(mode: str) -> str:
        try:
            pooler = Pooler(postgres, mode, connections=4 if mode == "session" else 2)
        except NoPostgres as reason:
            pytest.skip(f"NO PGBOUNCER: {reason}")
        started.append(pooler)
        return pooler.__enter__().url(postgres.database())

    yield start
    for pooler in started:
        pooler.__exit__()


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_two_outriggers_share_an_inbox_through_a_pooler(pooled, mode, event):
    url = await asyncio.to_thread(pooled, mode)
    boxes = [Box(url), Box(url)]
    one, other = [await box.open() for box in boxes]
    claimed: list[str] = []
    for _ in range(12):  # the library would prepare a statement that it sees for the sixth time
        await asyncio.gather(*(inbox.put(event()) for inbox in (one, other) for _ in range(5)))
        turns = await asyncio.gather(*(inbox.claim("stripe", 7, NOON + 999, NOON + 1_999) for inbox in (one, other)))
        claimed += [name for turn in turns for name in ids(turn)]
        await asyncio.gather(one.stats(), other.stats(), one.list(None, None, 5, None))
    for _ in range(4):
        claimed += ids(await one.claim("stripe", 7, NOON + 999, NOON + 1_999))
    for box in boxes:
        await box.close()
    assert len(claimed) == len(set(claimed)) == 120
    assert [box.heard.warnings for box in boxes] == [[], []]


async def test_the_limits_of_a_transaction_are_not_left_to_who_comes_next(pooled, event):
    url = await asyncio.to_thread(pooled, "transaction")
    async with Box(url) as inbox:
        await asyncio.gather(*(inbox.put(event()) for _ in range(9)))
    with importlib.import_module("psycopg").connect(url, autocommit=True, prepare_threshold=None) as next_one:
        found = next_one.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
        assert found.fetchone() == ("0", "0")


async def test_a_pooler_of_single_statements_is_told_for_what_it_is(pooled):
    url = await asyncio.to_thread(pooled, "statement")
    with pytest.raises(InboxUnavailable, match="pools statements"):
        await Box(url).open()
