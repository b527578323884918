"""`async def test_…` runs on the jumping loop, but for the tests of edges, which need a real one."""

import asyncio
import inspect

import hypothesis
import pytest

from tests.support.loop import JumpingLoop

# an example that took long says something of the machine, not of the code
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """`async def test_…` runs on the jumping loop; `@pytest.mark.sockets` lets real sockets speak."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj) or pyfuncitem.get_closest_marker("asyncio"):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    grace = 0.01 if pyfuncitem.get_closest_marker("sockets") else 0.0
    with asyncio.Runner(loop_factory=lambda: JumpingLoop(grace)) as runner:
        runner.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True
