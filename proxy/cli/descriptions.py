"""What `doctor` reads of a service's own description: do the addresses that a WSDL publishes lie below `url`?

The one thing a reader would get wrong: the host of such an address does not matter, it becomes the proxy's. The path
does, since the application's call goes to `url` with that path behind it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from urllib.parse import urlsplit

from proxy.model import Response
from proxy.rules.rewriting import LARGEST, published
from proxy.upstream import UpstreamSettings

Ask = Callable[[bytes], Awaitable[Response]]


async def outside(settings: UpstreamSettings, paths: Sequence[str], ask: Ask) -> list[tuple[str, str]]:
    """Address by address, what is wrong and what to do; nothing where all is well or no WSDL is found.

    `paths`: of services that the configuration names; `ask` gets a target below the upstream. Raises what it raises.
    """
    if settings.rewrite is None or not any(field.any_host for field in settings.rewrite.xml):
        return []
    above = urlsplit(settings.url).path.rstrip("/")
    for path in dict.fromkeys([*paths, "" if above else "/"]):
        response = await ask(f"{path}?wsdl".encode())
        body = await _read(response)
        found = [] if body is None else published(body, settings.rewrite)
        if found:
            return list(_findings(settings, above, dict.fromkeys(found)))
    return []


async def _read(response: Response) -> bytes | None:
    """The body of a good answer; None for another, and for one that is longer than is rewritten."""
    content = b""
    try:
        while response.status == 200 and len(content) <= LARGEST and (piece := await response.body.read()):
            content += piece
    finally:
        response.close()
    return content if 0 < len(content) <= LARGEST else None


def _findings(
    settings: UpstreamSettings, above: str, addresses: Sequence[str] | dict[str, None]
) -> Iterator[tuple[str, str]]:
    place = urlsplit(settings.url)
    for address in addresses:
        path = urlsplit(address).path
        if path != above and not path.startswith(f"{above}/"):
            said = f"its WSDL publishes the path {path or '/'}, which is not below {above} of url"
            whole = f"{place.scheme}://{place.netloc}"
            yield said, f"calls would go to {above}{path}: give url: {whole}, or have the service publish its address"
