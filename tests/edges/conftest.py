"""Tests of edges that ask for `loops` run on a real loop, once on asyncio's and once on uvloop's."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from proxy.edges.http1.listener import loop_factory
from tests.support.inbox import Sender
from tests.support.postgres import NoPostgres, PostgresServer

PATIENCE = 20.0  # seconds until a test is called stuck

FreshUrl = Callable[[], str]  # of an inbox that is new and empty
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=[True, False], ids=["uvloop", "asyncio"])
def loops(request: pytest.FixtureRequest) -> LoopFactory:
    """A factory of real loops; `pytestmark = pytest.mark.usefixtures("loops")` gives it to a whole file."""
    return partial(loop_factory, uvloop=request.param)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """`async def test_…` with `loops` runs on its loop; every other one as everywhere."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj) or "loops" not in pyfuncitem.fixturenames:
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    test = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted})
    with asyncio.Runner(loop_factory=pyfuncitem.funcargs["loops"]) as runner:
        runner.run(asyncio.wait_for(test, PATIENCE))
    return True


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server; where there is none, what asks for it is skipped, and says why."""
    try:
        server = PostgresServer()
    except NoPostgres as reason:
        pytest.skip(f"NO POSTGRESQL: {reason}")
    yield server
    server.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FreshUrl:
    """Each of the stores in turn."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.schema
    return lambda: f"sqlite:{tmp_path_factory.mktemp('inbox')}/state/inbox.db"


@pytest.fixture
def event() -> Sender:
    """Makes events for an inbox."""
    return Sender()
