"""Tests of edges that ask for `loops` run on a real loop, once on asyncio's and once on uvloop's."""

import asyncio
import inspect
from collections.abc import Callable
from functools import partial

import pytest

from proxy.edges.http1.listener import loop_factory

PATIENCE = 20.0  # seconds until a test is called stuck

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
