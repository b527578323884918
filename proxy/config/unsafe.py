"""What a configuration allows and should not pass unsaid: one line each (`security.md` §14).

The one thing a reader would get wrong: nothing here stops the program; what must not be at all is a complaint.
"""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import urlsplit

from proxy.config.addresses import address, is_loopback
from proxy.config.schema import Settings
from proxy.config.sources import loose
from proxy.rules.credentials import Credential, Template
from proxy.rules.egress import METADATA
from proxy.upstream import UpstreamSettings

SHORT = 8  # bytes; a shorter value cannot be looked for in bodies
FEWEST_DESCRIPTORS = 1024
WIDEST = 8  # bits of an allowed block's prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What matters of the process that reads the configuration. `descriptors`: the most it may have."""

    root: bool
    descriptors: int

    @classmethod
    def this(cls) -> Process:
        """The one that runs now; the soft limit is raised to the hard one at start."""
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return cls(root=os.geteuid() == 0, descriptors=most if most >= 0 else FEWEST_DESCRIPTORS)


def unsafe(settings: Settings, values: Mapping[str, bytes], process: Process) -> list[str]:
    """One line for each thing. `values`: the secrets that can be read now, which no line repeats."""
    lines = [*_listeners(settings), *_files(settings)]
    for upstream in settings.upstreams.values():
        lines += [f"upstreams.{upstream.name} {what}" for what in _upstream(upstream)]
    for webhook in settings.webhooks.values():
        if webhook.deliver is not None and _plain_and_far(webhook.deliver.url):
            lines.append(f"webhooks.{webhook.name} delivers over plain http off loopback")
    lines += [f"secret {name} is under {SHORT} bytes" for name, value in values.items() if len(value) < SHORT]
    if process.descriptors < FEWEST_DESCRIPTORS:
        lines.append(f"the process may have only {process.descriptors} descriptors open")
    return [*lines, "the process runs as root"] if process.root else lines


def _listeners(settings: Settings) -> Iterator[str]:
    own = [(f"upstreams.{one.name}.listen", one.listen) for one in settings.upstreams.values() if one.listen]
    for key, said in [("listen.proxy", settings.listen.proxy), *own]:
        if settings.callers is None and not address(said).loopback:
            yield f"{key} is off loopback and callers is any"
    if settings.admin_token is None and address(settings.listen.admin).loopback:
        yield "the admin listener has no admin.token"


def _files(settings: Settings) -> Iterator[str]:
    for name, source in settings.secrets.items():
        if source.file is not None and loose(source.file):
            yield f"secret {name} is in a file that group or others can read"
    for upstream in settings.upstreams.values():
        if upstream.tls.key is not None and loose(upstream.tls.key):
            yield f"upstreams.{upstream.name}.tls.key is a file that group or others can read"
    try:
        writable = settings.path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    except OSError:
        return
    if writable:
        yield "the configuration is a file that group or others can write"


def _upstream(settings: UpstreamSettings) -> Iterator[str]:
    if settings.mode != "mock" and _plain_and_far(settings.url) and Credential(settings.inject, settings.auth):
        yield "sends a credential over plain http off loopback"
    yield from _egress(settings)
    if any(Template(words).names for words in settings.inject.query.values()):
        yield "sends a secret in the query"
    if settings.mode == "live" and settings.debug.raw:
        yield "is live and debug.raw is on"
    if settings.mode == "live" and settings.scope is None:
        yield "is live and has no scope"
    if settings.faults:
        yield f"makes faults on purpose: {', '.join(map(str, settings.faults))}"


def _egress(settings: UpstreamSettings) -> Iterator[str]:
    for block in map(ip_network, settings.egress.allow):
        if block.prefixlen < WIDEST:
            yield f"may connect to {block}, which is wider than /{WIDEST}"
        elif block.num_addresses == 1 and block.network_address in METADATA:
            yield f"may connect to {block.network_address}, a cloud's metadata service"


def _plain_and_far(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
