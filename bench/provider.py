"""The upstream of all measurements: a kilobyte of JSON for each request, ten mebibytes for `/large`, uploads swallowed.

Run as a process of its own, so that its work is not counted as the proxy's.
"""

import asyncio
import sys

import httptools
import uvloop

SMALL = b'{"data":"' + b"x" * 1010 + b'"}'
LARGE = 10 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
ANSWER = HEAD % len(SMALL) + SMALL
PIECE = b"x" * 65_536


class Provider(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # streams only
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.large = False

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.large = url == b"/large"

    def on_message_complete(self) -> None:
        if self.large:
            self.transport.writelines([HEAD % LARGE, *[PIECE] * (LARGE // len(PIECE))])
        else:
            self.transport.write(ANSWER)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
