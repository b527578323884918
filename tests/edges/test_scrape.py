"""A real Prometheus takes what the admin listener gives."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.admin import Admin, Reply, reply

PATIENCE = 15.0  # seconds until Prometheus must have scraped
pytestmark = [
    pytest.mark.parametrize("loops", [True], ids=["uvloop"], indirect=True),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="NOT CHECKED: prometheus is not installed here"),
]


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[int]:
    """The port of a Prometheus that scrapes `target` each second."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: outrigger, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.terminate()
        await process.wait()


async def asked(port: int, query: str) -> Reply | None:
    """One answer of its API; None while it does not listen yet."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    writer.write(f"GET /api/v1/{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reply(reader)
    writer.close()
    return answer


async def value(port: int, query: str) -> str | None:
    answer = await asked(port, f"query?query={quote(query)}")
    found = json.loads(answer.body)["data"]["result"] if answer and answer.status == 200 else []
    return found[0]["value"][1] if found else None


async def test_prometheus_scrapes_without_an_error(tmp_path, loops):
    loop = asyncio.get_running_loop()
    async with Admin() as admin, prometheus(tmp_path, admin.bound) as port:
        end = loop.time() + PATIENCE
        while await value(port, 'up{job="outrigger"}') != "1":
            assert loop.time() < end, await asked(port, "targets")
            await asyncio.sleep(0.1)
        assert await value(port, 'outrigger_in_flight{upstream="stripe"}') == "2"
        assert await value(port, "outrigger_config_reloads_total") == "0"
