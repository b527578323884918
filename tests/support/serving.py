"""Serves handlers to real clients over a real socket, each under `/{name}/` and `/{name}/~{origin}/`, in a thread."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aiohttp import web

from proxy.body import whole_body
from proxy.model import Call, Request
from proxy.pipeline import Handler


@contextmanager
def served(handlers: Mapping[str, Handler]) -> Iterator[str]:
    """The address in front of the names, while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[web.AppRunner, str]:
        runner = web.AppRunner(_application(handlers))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        return runner, f"http://{host}:{port}"

    runner, address = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield address
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _application(handlers: Mapping[str, Handler]) -> web.Application:
    async def serve(incoming: web.Request) -> web.Response:
        name, _, rest = incoming.raw_path[1:].partition("/")
        if name not in handlers:
            return web.Response(status=404)
        return await _answered(handlers[name], incoming, name, rest)

    application = web.Application(client_max_size=1 << 30)
    application.router.add_route("*", "/{any:.*}", serve)
    return application


async def _answered(handler: Handler, incoming: web.Request, name: str, rest: str) -> web.Response:
    origin = None
    if rest.startswith("~"):
        origin, _, rest = rest[1:].partition("/")
    base = f"{incoming.scheme}://{incoming.host}/{name}".encode()
    call = Call(id="call", started=0.0, base=base, upstream=name, method=incoming.method)
    content = await incoming.read()
    body = whole_body(content) if content else None
    target = f"/{rest}".encode()
    response = await handler(Request(incoming.method, target, incoming.raw_headers, body, call, origin=origin))
    pieces = []
    while piece := await response.body.read():
        pieces.append(piece)
    response.close()
    headers = [(field.decode(), value.decode()) for field, value in response.headers]
    return web.Response(status=response.status, headers=headers, body=b"".join(pieces))
